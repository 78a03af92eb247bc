"""`ModelDeployment`: one model, served and kept alive. Spec as users write it."""

from dataclasses import dataclass
from typing import ClassVar

from perennial_operator.api.schema import pods, texts
from perennial_operator.api.schema.fields import Cel, spec
from perennial_operator.api.schema.shared_types import LocalReference, PodFields, Raw

CANARY = "Canary"
RECREATE = "Recreate"


@dataclass(frozen=True, slots=True)
class Model:
    """Where the model's bytes are, and which bytes they must be."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.format) || self.format != 'joblib' || "
            "(has(self.digest) && self.digest != '')",
            "set digest, because a joblib file runs code when it is loaded and only pinned bytes "
            "may do that; or publish the model as onnx or skops",
            ".digest",
            "FieldValueRequired",
        ),
        Cel(
            "!has(self.credentialsSecretRef) || !self.uri.startsWith('file:')",
            "remove credentialsSecretRef, because a file location needs no credentials",
            ".credentialsSecretRef",
            "FieldValueForbidden",
        ),
    )

    uri: str = spec(
        "Location of the model: file, https, http or s3.",
        **texts.LOCATION,
    )
    digest: str = spec(
        "sha256 of the bytes; empty: fetched once, then pinned.", default="", **texts.DIGEST
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
    dwell: str = spec("How long the step lasts at least.", default="2m", **texts.DURATION)


DEFAULT_STEPS = (CanaryStep(5), CanaryStep(10), CanaryStep(25), CanaryStep(50))


@dataclass(frozen=True, slots=True)
class Canary:
    """The steps of a canary, with rising weights."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.steps) || (self.steps.map(step, step.weight).isSorted() && "
            "self.steps.all(step, self.steps.exists_one(each, each.weight == step.weight)))",
            "set weights that rise from step to step, like 5, 25, 50, because a canary never "
            "goes back a step",
            ".steps",
        ),
    )

    steps: tuple[CanaryStep, ...] = spec(
        "Rising weights.", default=DEFAULT_STEPS, minItems=1, maxItems=16
    )


@dataclass(frozen=True, slots=True)
class RolloutApproval:
    """Whether a person must approve the promotion."""

    promotion: bool = spec("Ask a person before promotion.", default=False)
    timeout: str = spec(
        "Without an answer in this time: rejected.", default="72h", **texts.DURATION
    )


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a stage may take."""

    preparing: str = spec("Until the candidate's Pods are ready.", default="10m", **texts.DURATION)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What happens around the commit."""

    bake: str = spec("Time at full weight before the commit.", default="10m", **texts.DURATION)
    keep_previous_for: str = spec(
        "How long the previous revision stays warm.", default="1h", **texts.DURATION
    )


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a new revision reaches users."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.canary) || !has(self.strategy) || self.strategy == 'Canary'",
            "remove canary or set strategy: Canary, because Recreate has no steps",
            ".canary",
            "FieldValueForbidden",
        ),
    )

    strategy: str = spec("How traffic moves.", default=CANARY, enum=[CANARY, RECREATE])
    canary: Canary = spec("Steps of the Canary strategy.", default=Canary())
    approval: RolloutApproval = spec("Approval by a person.", default=RolloutApproval())
    deadlines: Deadlines = spec("Limits of time.", default=Deadlines())
    promotion: Promotion = spec("Around the commit.", default=Promotion())


@dataclass(frozen=True, slots=True)
class ModelDeploymentSpec:
    """What a user asks for."""

    model: Model = spec("The model.")
    replicas: int = spec(
        "Pods that carry all of the traffic.",
        default=1,
        raw=pods.number(default=1, minimum=0, maximum=1000),
    )
    resources: Raw = spec("Requests and limits of the predictor.", default={}, raw=pods.RESOURCES)
    pod: PodFields = spec("Curated Pod fields.", default=PodFields())
    rollout: Rollout = spec("How a new revision reaches users.", default=Rollout())
