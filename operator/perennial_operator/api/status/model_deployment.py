"""Status of `ModelDeployment`: written whole, before any act, by the operator alone."""

from dataclasses import dataclass

from perennial_operator.api.schema.fields import spec
from perennial_operator.api.schema.shared_types import Condition


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The digest that `spec.model` resolved to."""

    uri: str = spec("The location that was resolved.")
    digest: str = spec("What it held.")
    time: str = spec("When it was resolved.")


@dataclass(frozen=True, slots=True)
class RejectedRevision:
    """A revision that is not tried again until a Retry."""

    revision: str = spec("Its name.")
    attempt: str = spec("The attempt that ended.")
    reason: str = spec("Why.")
    time: str = spec("When.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A revision that a Rollback or Retry named: desired for as long as spec stays as it was."""

    revision: str = spec("Its name.")
    action: str = spec("Rollback or Retry.")
    spec_hash: str = spec("Hash of what spec said then.")
    by: str = spec("Name of the Decision; empty: a breaker after the commit.", default="")


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions by role; names of ControllerRevisions."""

    stable: str = spec("Serves; the champion.", default="")
    previous: str = spec("Served before, warm until previousUntil.", default="")
    previous_until: str = spec("When the previous one is scaled down.", default="")
    candidate: str = spec("Being rolled out; the challenger.", default="")
    desired: str = spec("What shall serve.", default="")
    committed_model: str = spec("Hash of spec.model at the last commit.", default="")
    chosen: Chosen | None = spec("What a person named instead.", default=None)
    rejected: tuple[RejectedRevision, ...] = spec("Not tried again.", default=(), maxItems=20)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a rollout stands still, and where it goes back to."""

    cause: str = spec("The cause.")
    since: str = spec("Since when.")
    state: str = spec("The state to go back to.")
    stage: str = spec("Its stage.", default="")
    step: int = spec("Its step.", default=0)


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of traffic in 1/10,000."""

    stable: int = spec("Stable's share.", default=0)
    candidate: int = spec("The candidate's share.", default=0)


@dataclass(frozen=True, slots=True)
class Intent:
    """The weights that were asked of the router."""

    epoch: int = spec("Rises with each change.", default=0)
    weights: Weights = spec("What was asked.", default=Weights())
    since: str = spec("When.", default="")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The epoch that every ready router Pod runs."""

    epoch: int = spec("Newest epoch that all routers run.", default=0)
    routers: str = spec("Routers that run it, of all.", default="")
    since: str = spec("When.", default="")


@dataclass(frozen=True, slots=True)
class Seal:
    """The digest of {attempt, definition, counters} that a person approves."""

    digest: str = spec("What a Decision's evidenceDigest names.")
    previous: str = spec("The seal before.", default="")
    time: str = spec("When.", default="")
    counters: str = spec("The counters that were sealed, as canonical JSON.", default="")


@dataclass(frozen=True, slots=True)
class CountedDecision:
    """A Decision that acted, or was answered, once."""

    name: str = spec("Its name.")
    uid: str = spec("Its uid.")
    action: str = spec("What it asked.")
    by: str = spec("Who.", default="")
    answer: str = spec("What came of it.", default="")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the candidate came from."""

    kind: str = spec("ModelDeployment, RetrainJob or Decision.")
    name: str = spec("Its name.")
    uid: str = spec("Its uid.", default="")


@dataclass(frozen=True, slots=True)
class Definition:
    """The rules that this attempt is judged by, frozen at its start."""

    digest: str = spec("sha256 of the canonical JSON of the steps.")
    weights: tuple[int, ...] = spec("Percent of each step.", default=(), maxItems=16)
    dwells: tuple[str, ...] = spec("Dwell of each step.", default=(), maxItems=16)


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """The attempt under way, or the last one."""

    attempt: str = spec("Id of the attempt.", default="")
    origin: str = spec("Initial, Spec, Retrain or Rollback.", default="")
    source: Source | None = spec("What asked for it.", default=None)
    strategy: str = spec("Canary or Recreate.", default="")
    state: str = spec("State of the machine.", default="")
    stage: str = spec("Stage within the state.", default="")
    step: int = spec("Step of the canary, from 0.", default=0)
    started_at: str = spec("When the attempt began.", default="")
    entered_at: str = spec("When this state began.", default="")
    stage_entered_at: str = spec("When this stage began.", default="")
    need: int = spec("Pods that carry all traffic.", default=0)
    reason: str = spec("Why the attempt ended or goes back.", default="")
    message: str = spec("The same for people.", default="")
    hold: Hold | None = spec("Why it stands still.", default=None)
    short_since: str = spec(
        "Since when the candidate has fewer ready Pods than its weight needs.", default=""
    )
    intent: Intent = spec("Weights asked.", default=Intent())
    acknowledged: Acknowledged = spec("Weights in force.", default=Acknowledged())
    definition: Definition | None = spec("Frozen rules.", default=None)
    seal: Seal | None = spec("Sealed evidence.", default=None)
    decisions: tuple[CountedDecision, ...] = spec("Newest Decisions.", default=(), maxItems=20)
    completion: str = spec("How the last attempt ended.", default="")


@dataclass(frozen=True, slots=True)
class ModelDeploymentStatus:
    """What is, as the operator sees it."""

    observed_generation: int = spec("Generation that this status judges.", default=0)
    conditions: tuple[Condition, ...] = spec(
        "Conditions.", default=(), maxItems=32, list_type="map:type"
    )
    replicas: int = spec("Pods of the stable revision.", default=0)
    selector: str = spec("Selects them, for autoscalers.", default="")
    url: str = spec("Where clients send requests inside the cluster.", default="")
    traffic: str = spec("Weights in force, for people.", default="")
    model: ResolvedModel | None = spec("What spec.model resolved to.", default=None)
    revisions: Revisions = spec("Revisions by role.", default=Revisions())
    rollout: RolloutStatus = spec("The attempt.", default=RolloutStatus())
