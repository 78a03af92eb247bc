"""`RetrainJob`: one run from data to a proven candidate. The whole spec is immutable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from perennial_operator.api.schema import pods, texts
from perennial_operator.api.schema.fields import Cel, spec
from perennial_operator.api.schema.shared_types import LocalReference, PodFields, Raw

_CLASSIFICATION = "['roc_auc', 'log_loss', 'accuracy']"
_REGRESSION = "['mae', 'rmse']"
_HAS_TIME = "(has(self.columns.time) && self.columns.time != '')"
_ENFORCED = (
    "!has(self.validation) || !has(self.validation.mode) || self.validation.mode == 'Enforce'"
)
PARAMETERS = {"type": "object", "additionalProperties": pods.text(1024), "maxProperties": 100}


def _metrics_of(recipe: str, allowed: str, shown: str) -> Cel:
    return Cel(
        f"!has(self.trainer.recipe) || self.trainer.recipe.name != '{recipe}' || "
        "!has(self.validation) || !has(self.validation.metrics) || "
        f"self.validation.metrics.all(each, each.name in {allowed})",
        f"set metrics of {recipe}: {shown}",
        ".validation.metrics",
    )


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why the run exists."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.type) || self.type == 'Manual' || (has(self.id) && self.id != '')",
            "set id to the run that is tried again, because one Retry makes one run",
            ".id",
            "FieldValueRequired",
        ),
    )

    type: str = spec(
        "Manual, or Retry of an earlier run.", default="Manual", enum=["Manual", "Retry"]
    )
    id: str = spec("Names the bucket; required unless Manual.", default="", maxLength=253)
    nominal_time: str = spec("The moment the run stands for.", default="", format="date-time")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A trainer that ships with the serving image."""

    name: str = spec("Which.", enum=["tabular-classification", "tabular-regression"])
    version: str = spec("Never changes its result.", default="1", enum=["1"])


@dataclass(frozen=True, slots=True)
class TrainerContainer:
    """The user's own trainer, by digest."""

    image: str = spec(
        "Image with @sha256: digest.",
        maxLength=512,
        cel=(
            Cel(
                "self.matches('^[^@ ]+@sha256:[0-9a-f]{64}$')",
                "set repository@sha256:<64 hex digits>, because a tag can mean another image at "
                "the next attempt",
            ),
        ),
    )
    command: tuple[str, ...] = spec("Entry point, as a list.", default=(), maxItems=20)
    args: tuple[str, ...] = spec("Arguments, as a list.", default=(), maxItems=100)
    env: tuple[Raw, ...] = spec("Environment.", default=(), raw=pods.ENV)
    working_dir: str = spec("Working directory.", default="", maxLength=1024)


@dataclass(frozen=True, slots=True)
class TrainerPod(PodFields):
    """Curated Pod fields of the trainer, and its resources."""

    resources: Raw = spec("Requests and limits of the trainer.", default={}, raw=pods.RESOURCES)


@dataclass(frozen=True, slots=True)
class Trainer:
    """Exactly one of recipe and container."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "has(self.recipe) != has(self.container)",
            "set exactly one of recipe (a trainer of ours) and container (your own image)",
        ),
        Cel(
            "!has(self.container) || !has(self.container.env) || !has(self.pod) || "
            "!has(self.pod.env)",
            "move pod.env to container.env, because a container has one environment",
            ".pod",
            "FieldValueForbidden",
        ),
    )

    recipe: Recipe | None = spec("A trainer of ours.", default=None)
    container: TrainerContainer | None = spec("A trainer of the user's.", default=None)
    pod: TrainerPod = spec("Pod fields of the trainer.", default=TrainerPod())


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs the trainer."""

    type: str = spec("Job.", default="Job", enum=["Job"])


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where the rows are."""

    uri: str = spec(
        "Location of a file or prefix: file, https, http or s3.",
        **texts.LOCATION,
    )
    version: str = spec(
        "Digest or version to pin; empty: what is there now.", default="", maxLength=253
    )
    format: str = spec(
        "Auto, Parquet, Csv or JsonLines.",
        default="Auto",
        enum=["Auto", "Parquet", "Csv", "JsonLines"],
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """Roles of columns; no column is guessed."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            " && ".join(
                f"(!has(self.{role}) || self.{role} != self.label)"
                for role in ("time", "group", "id", "weight")
            ),
            "set another column as label, because the label must not also be an input of the split",
            ".label",
        ),
    )

    label: str = spec("What is predicted.", minLength=1, maxLength=253)
    time: str = spec("When the row happened.", default="", maxLength=253)
    group: str = spec("Rows that belong together.", default="", maxLength=253)
    id: str = spec("Identifies a row.", default="", maxLength=253)
    weight: str = spec("Weight of a row.", default="", maxLength=253)


@dataclass(frozen=True, slots=True)
class Split:
    """How held-out rows are chosen."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.strategy) || self.strategy == 'Temporal' || "
            "(!has(self.holdout) && !has(self.gap))",
            "remove holdout and gap or set strategy: Temporal, because Random holds out a fixed "
            "share of the rows",
            ".strategy",
        ),
    )

    strategy: str = spec(
        "Temporal needs columns.time; Random forbids it.", default="", enum=["Temporal", "Random"]
    )
    holdout: str = spec(
        "Length of the newest part that is held out.", default="14d", **texts.DURATION
    )
    gap: str = spec("Left out between both parts.", default="", **texts.DURATION_OR_EMPTY)
    groups: str = spec(
        "Disjoint: a group is on one side only.", default="Disjoint", enum=["Disjoint", "Shared"]
    )


@dataclass(frozen=True, slots=True)
class Quality:
    """What the data must be like before compute is spent."""

    schema: str = spec(
        "FromChampion compares with its signature.",
        default="FromChampion",
        enum=["FromChampion", "None"],
    )
    min_rows: int = spec("Least train rows.", default=1000, minimum=1)
    max_null_increase: str = spec(
        "Allowed rise of a feature's null rate.", default="0.05", **texts.SHARE
    )
    max_duplicates: str = spec("Allowed share of duplicates.", default="0.01", **texts.SHARE)


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of the run."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.split) || !has(self.split.strategy) || self.split.strategy != 'Temporal' "
            f"|| {_HAS_TIME}",
            "set columns.time, or set split.strategy: Random, because Temporal splits by time",
            ".columns",
            "FieldValueRequired",
        ),
        Cel(
            "!has(self.split) || !has(self.split.strategy) || self.split.strategy != 'Random' "
            f"|| !{_HAS_TIME}",
            "set split.strategy: Temporal, or remove columns.time, because rows of the future "
            "must not train a model that is judged on the past",
            ".split",
        ),
        Cel(
            f"!has(self.split) || {_HAS_TIME} || "
            "(!has(self.split.holdout) && !has(self.split.gap))",
            "remove split.holdout and split.gap, or set columns.time, because they are lengths "
            "of time",
            ".split",
        ),
        Cel(
            "!has(self.split) || !has(self.split.groups) || self.split.groups != 'Shared' || "
            "(has(self.columns.group) && self.columns.group != '')",
            "set columns.group, or remove split.groups, because Shared is about groups",
            ".split",
        ),
        Cel(
            "!has(self.credentialsSecretRef) || !self.source.uri.startsWith('file:')",
            "remove credentialsSecretRef, because a file location needs no credentials",
            ".credentialsSecretRef",
            "FieldValueForbidden",
        ),
    )

    source: DataSource = spec("Where they are.")
    columns: Columns = spec("Roles of columns.")
    credentials_secret_ref: LocalReference | None = spec("Secret to read the source.", default=None)
    split: Split = spec("Train and held-out rows.", default=Split())
    quality: Quality = spec("The data gate.", default=Quality())


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how long."""

    attempts: int = spec("Attempts of the trainer.", default=3, minimum=1, maximum=10)
    active_deadline: str = spec("Longest attempt.", default="6h", **texts.DURATION)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the gate. `margin` serves NonInferior, `gain` Superior."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.marginType) || (has(self.margin) && self.margin != '')",
            "set margin, or remove marginType, because a type needs a number",
            ".marginType",
        ),
    )

    name: str = spec(
        "roc_auc, log_loss, accuracy, mae or rmse.",
        enum=["roc_auc", "log_loss", "accuracy", "mae", "rmse"],
    )
    margin: str = spec("How much worse is still as good.", default="", **texts.NOT_NEGATIVE)
    margin_type: str = spec("Absolute or Relative.", default="", enum=["Absolute", "Relative"])
    gain: str = spec("How much better Superior demands.", default="0", **texts.NOT_NEGATIVE)
    floor: str = spec("The challenger must beat this in any case.", default="", **texts.decimal())


@dataclass(frozen=True, slots=True)
class Validation:
    """The gate between champion and challenger."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.metrics) || !has(self.mode) || self.mode != 'None'",
            "remove metrics, or set mode: Enforce or Observe, because mode None tests nothing",
            ".metrics",
            "FieldValueForbidden",
        ),
        Cel(
            "!has(self.metrics) || !(self.metrics.exists(each, each.name in "
            f"{_CLASSIFICATION}) && self.metrics.exists(each, each.name in {_REGRESSION}))",
            "set metrics of one task: roc_auc, log_loss, accuracy or mae, rmse",
            ".metrics",
        ),
    )

    mode: str = spec(
        "Enforce, Observe or None.", default="Enforce", enum=["Enforce", "Observe", "None"]
    )
    goal: str = spec(
        "NonInferior or Superior.", default="NonInferior", enum=["NonInferior", "Superior"]
    )
    alpha: str = spec(
        "Chance that a worse candidate passes.",
        default="0.05",
        **texts.decimal(
            "double(self) > 0.0 && double(self) <= 0.2",
            'set a probability above "0" and at most "0.2" in quotes, like "0.05"',
        ),
    )
    metrics: tuple[Metric, ...] = spec(
        "Empty: the task's defaults.", default=(), maxItems=20, list_type="map:name"
    )
    min_samples: int = spec("Fewer held-out rows are inconclusive.", default=500, minimum=1)
    on_fail: str = spec(
        "Reject, or ask a person.", default="Reject", enum=["Reject", "RequireApproval"]
    )
    on_inconclusive: str = spec(
        "Ask a person, or reject.", default="RequireApproval", enum=["RequireApproval", "Reject"]
    )
    on_no_champion: str = spec(
        "Ask a person, or accept.", default="RequireApproval", enum=["RequireApproval", "Accept"]
    )


@dataclass(frozen=True, slots=True)
class RunApproval:
    """Approvals by people before the candidate is offered."""

    required: bool = spec("Ask even if the gate passes.", default=False)
    min_approvals: int = spec("How many people.", default=1, minimum=1, maximum=5)
    timeout: str = spec("Without enough answers: rejected.", default="7d", **texts.DURATION)


@dataclass(frozen=True, slots=True)
class Output:
    """Where artifacts go."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.credentialsSecretRef) || !self.uri.startsWith('file:')",
            "remove credentialsSecretRef, because a file location needs no credentials",
            ".credentialsSecretRef",
            "FieldValueForbidden",
        ),
    )

    uri: str = spec("Prefix for runs, models and evidence: file or s3.", **texts.STORE)
    credentials_secret_ref: LocalReference | None = spec("Secret to write there.", default=None)


@dataclass(frozen=True, slots=True)
class RetrainJobSpec:
    """What the run is made of."""

    RULES: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self == oldSelf",
            "create another RetrainJob, because the inputs of a run never change",
        ),
        Cel(
            f"{_ENFORCED} || (has(self.approval) && has(self.approval.required) && "
            "self.approval.required)",
            "set approval.required: true, because without an enforced gate a person must decide",
            ".approval",
            "FieldValueRequired",
        ),
        _metrics_of("tabular-classification", _CLASSIFICATION, "roc_auc, log_loss, accuracy"),
        _metrics_of("tabular-regression", _REGRESSION, "mae, rmse"),
    )

    model_ref: LocalReference = spec("The ModelDeployment.")
    trainer: Trainer = spec("What trains.")
    data: Data = spec("On which rows.")
    output: Output = spec("Where results go.")
    requested_by: str = spec("User name of who asks; checked.", default="", maxLength=253)
    trigger: Trigger = spec("Why.", default=Trigger())
    engine: Engine = spec("What runs the trainer.", default=Engine())
    parameters: Mapping[str, str] = spec(
        "Handed to the trainer as a file.", default={}, raw=PARAMETERS
    )
    seed: int | None = spec(
        "Seed; default: from the run's id.", default=None, minimum=0, maximum=2147483647
    )
    limits: Limits = spec("How often, how long.", default=Limits())
    validation: Validation = spec("The gate.", default=Validation())
    approval: RunApproval = spec("People.", default=RunApproval())
