"""Status of `RetrainJob`: the run's state, its evidence in numbers, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_operator.api.schema.fields import spec
from perennial_operator.api.schema.shared_types import Condition
from perennial_operator.api.status.model_deployment import CountedDecision


@dataclass(frozen=True, slots=True)
class StepIntent:
    """The child that is to exist now, written before it is created."""

    step: str = spec("check, train, harvest or validate.")
    n: int = spec("Try or attempt.")
    name: str = spec("Name of the Job.")
    time: str = spec("When it is to be created, at the earliest.")
    lost: int = spec("Tries of this step that ended without an answer.", default=0)
    unavailable: int = spec("Tries in a row that met an outage.", default=0)


@dataclass(frozen=True, slots=True)
class Tries:
    """Last try of each step; names of Jobs hold it, so it only rises."""

    check: int = spec("Of check.", default=0)
    train: int = spec("Of train: the last attempt.", default=0)
    harvest: int = spec("Of harvest.", default=0)
    validate: int = spec("Of validate.", default=0)


@dataclass(frozen=True, slots=True)
class EngineObject:
    """The engine's object of the attempt under way, once it was seen."""

    kind: str = spec("Kind.")
    name: str = spec("Name.")
    uid: str = spec("Its uid.")
    attempt: int = spec("The attempt.")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the trainer that ended."""

    n: int = spec("Number.")
    start: str = spec("When it began.", default="")
    end: str = spec("When it ended.", default="")
    reason: str = spec("How.", default="")
    exit_code: int | None = spec("Exit code of the trainer.", default=None)


@dataclass(frozen=True, slots=True)
class PinnedData:
    """The rows of this run, pinned."""

    uri: str = spec("Source.")
    version: str = spec("What was pinned.", default="")
    digest: str = spec("Digest of the rows.", default="")
    digest_kind: str = spec("Content or Listing.", default="")
    train_rows: int = spec("Rows to train on.", default=0)
    train_digest: str = spec("Digest of the rows to train on.", default="")
    holdout_rows: int = spec("Rows held out.", default=0)
    holdout_digest: str = spec("Digest of the held-out rows.", default="")
    schema_hash: str = spec("Hash of names and types.", default="")


@dataclass(frozen=True, slots=True)
class QualityStatus:
    """Verdict of the data gate."""

    verdict: str = spec("Pass, Warn or Fail.")
    failed: tuple[str, ...] = spec("Checks that failed.", default=(), maxItems=20)
    warned: tuple[str, ...] = spec("Checks that warned.", default=(), maxItems=20)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The published artifact."""

    attempt: int = spec("Attempt it came from.")
    digest: str = spec("What serves if promoted.")
    uri: str = spec("Where it is.")
    format: str = spec("How it is served.", default="")
    size_bytes: int = spec("Its size.", default=0)


@dataclass(frozen=True, slots=True)
class Champion:
    """The stable revision when validation began."""

    revision: str = spec("Its name.", default="")
    digest: str = spec("Its digest.", default="")
    uri: str = spec("Where its bytes are.", default="")
    changes: int = spec("How often another one became stable in this run.", default=0)


@dataclass(frozen=True, slots=True)
class MetricStatus:
    """One metric of the gate; decimals are strings."""

    name: str = spec("Metric.")
    verdict: str = spec("Pass, Fail or Inconclusive.")
    challenger: str = spec("Challenger's value.", default="")
    champion: str = spec("Champion's value.", default="")
    difference: str = spec("Better is positive.", default="")
    lower: str = spec("Lower bound.", default="")
    upper: str = spec("Upper bound.", default="")
    bound: str = spec("The difference that is tested.", default="")


@dataclass(frozen=True, slots=True)
class ValidationStatus:
    """Verdict of the gate, made by the operator from the step's numbers."""

    verdict: str = spec("Pass, Fail, Inconclusive or NotRun.")
    goal: str = spec("NonInferior or Superior.", default="")
    alpha: str = spec("Chance of a false pass in this use.", default="")
    use: int = spec("How often these held-out rows were used by then.", default=0)
    rows: int = spec("Held-out rows.", default=0)
    groups: int = spec("Independent groups.", default=0)
    reason: str = spec("Why it is not Pass.", default="")
    metrics: tuple[MetricStatus, ...] = spec("Each metric.", default=(), maxItems=20)
    evidence_uri: str = spec("Where the evidence is.", default="")
    evidence_digest: str = spec("What a Decision's evidenceDigest names.", default="")


@dataclass(frozen=True, slots=True)
class CountedApproval:
    """A person whose Approve counts."""

    by: str = spec("Who.")
    decision: str = spec("Name of the Decision.")
    time: str = spec("When.")


@dataclass(frozen=True, slots=True)
class ApprovalStatus:
    """Approvals needed and counted."""

    needed: int = spec("How many.", default=0)
    because: tuple[str, ...] = spec("Why.", default=(), maxItems=10)
    counted: tuple[CountedApproval, ...] = spec("Who approved.", default=(), maxItems=10)
    deadline: str = spec("Until when.", default="")


@dataclass(frozen=True, slots=True)
class PromotionStatus:
    """Hand-over to the ModelDeployment."""

    state: str = spec("Offered, Taken, Ended or Withdrawn.", default="")
    revision: str = spec("Revision made of the candidate.", default="")
    attempt: str = spec("Attempt of that revision.", default="")
    time: str = spec("When it was offered.", default="")


@dataclass(frozen=True, slots=True)
class RetrainJobStatus:
    """What the run did and where it stands."""

    observed_generation: int = spec("Generation that this status judges.", default=0)
    conditions: tuple[Condition, ...] = spec(
        "Conditions.", default=(), maxItems=32, list_type="map:type"
    )
    state: str = spec("Phase, for people and tools that read conditions first.", default="")
    outcome: str = spec("Set once.", default="")
    run_id: str = spec("Id of the run.", default="")
    inputs_digest: str = spec("Digest of all inputs.", default="")
    start_time: str = spec("When it began.", default="")
    end_time: str = spec("When it ended.", default="")
    state_times: Mapping[str, str] = spec("When each state began.", default={})
    engine: EngineObject | None = spec("The engine's object.", default=None)
    intent: StepIntent | None = spec("The child that is to exist.", default=None)
    tries: Tries = spec("Tries of steps.", default=Tries())
    attempts: tuple[Attempt, ...] = spec("Attempts that ended.", default=(), maxItems=10)
    data: PinnedData | None = spec("Pinned rows.", default=None)
    features: tuple[str, ...] = spec("Feature columns in order.", default=(), maxItems=2000)
    quality: QualityStatus | None = spec("Data gate.", default=None)
    candidate: Candidate | None = spec("What was trained.", default=None)
    champion: Champion | None = spec("What it is compared with.", default=None)
    validation: ValidationStatus | None = spec("Gate.", default=None)
    approval: ApprovalStatus | None = spec("People.", default=None)
    promotion: PromotionStatus | None = spec("Hand-over.", default=None)
    retries: int = spec("Runs made by Retry of this one.", default=0)
    decisions: tuple[CountedDecision, ...] = spec("Newest Decisions.", default=(), maxItems=20)
