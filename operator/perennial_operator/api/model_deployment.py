"""`ModelDeployment`: one model, served and kept alive. Spec as users write it."""

from dataclasses import dataclass

from perennial_operator.api.fields import spec
from perennial_operator.api.shared_types import (
    DIGEST,
    DURATION,
    LocalReference,
    PodFields,
    Raw,
)

CANARY = "Canary"
RECREATE = "Recreate"


@dataclass(frozen=True, slots=True)
class Model:
    """Where the model's bytes are, and which bytes they must be."""

    uri: str = spec("file, https or s3 location of the model.", minLength=1, maxLength=2048)
    digest: str = spec(
        "sha256 of the bytes; empty: fetched once, then pinned.", default="", pattern=DIGEST
    )
    format: str = spec(
        "Format; empty: the artifact's manifest says it.",
        default="",
        enum=["onnx", "skops", "joblib"],
    )
    credentials_secret_ref: LocalReference | None = spec(
        "Secret with the storage credentials.", default=None
    )


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """One step: the candidate's share of traffic, and how long it stays at least."""

    weight: int = spec("Percent of traffic.", minimum=1, maximum=99)
    dwell: str = spec("How long the step lasts at least.", default="2m", pattern=DURATION)


DEFAULT_STEPS = (CanaryStep(5), CanaryStep(10), CanaryStep(25), CanaryStep(50))


@dataclass(frozen=True, slots=True)
class Canary:
    """The steps of a canary, with rising weights."""

    steps: tuple[CanaryStep, ...] = spec(
        "Rising weights.", default=DEFAULT_STEPS, minItems=1, maxItems=16
    )


@dataclass(frozen=True, slots=True)
class RolloutApproval:
    """Whether a person must approve the promotion."""

    promotion: bool = spec("Ask a person before promotion.", default=False)
    timeout: str = spec(
        "Without an answer in this time: rejected.", default="72h", pattern=DURATION
    )


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a stage may take."""

    preparing: str = spec("Until the candidate's Pods are ready.", default="10m", pattern=DURATION)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What happens around the commit."""

    bake: str = spec("Time at full weight before the commit.", default="10m", pattern=DURATION)
    keep_previous_for: str = spec(
        "How long the previous revision stays warm.", default="1h", pattern=DURATION
    )


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a new revision reaches users."""

    strategy: str = spec("Canary or Recreate.", default=CANARY, enum=[CANARY, RECREATE])
    canary: Canary = spec("Steps of the Canary strategy.", default=Canary())
    approval: RolloutApproval = spec("Approval by a person.", default=RolloutApproval())
    deadlines: Deadlines = spec("Limits of time.", default=Deadlines())
    promotion: Promotion = spec("Around the commit.", default=Promotion())


@dataclass(frozen=True, slots=True)
class ModelDeploymentSpec:
    """What a user asks for."""

    model: Model = spec("The model.")
    replicas: int = spec("Pods that carry all of the traffic.", default=1, minimum=0, maximum=1000)
    resources: Raw = spec("Requests and limits of the predictor.", default={})
    pod: PodFields = spec("Curated Pod fields.", default=PodFields())
    rollout: Rollout = spec("How a new revision reaches users.", default=Rollout())
