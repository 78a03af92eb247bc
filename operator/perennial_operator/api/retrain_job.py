"""`RetrainJob`: one run from data to a proven candidate. The whole spec is immutable."""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_operator.api.fields import spec
from perennial_operator.api.shared_types import (
    DECIMAL,
    DURATION,
    LocalReference,
    PodFields,
    Raw,
)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why the run exists."""

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

    image: str = spec("Image with @sha256: digest.", maxLength=512)
    command: tuple[str, ...] = spec("Entry point, as a list.", default=(), maxItems=20)
    args: tuple[str, ...] = spec("Arguments, as a list.", default=(), maxItems=100)
    env: tuple[Raw, ...] = spec("Environment.", default=())
    working_dir: str = spec("Working directory.", default="", maxLength=1024)


@dataclass(frozen=True, slots=True)
class TrainerPod(PodFields):
    """Curated Pod fields of the trainer, and its resources."""

    resources: Raw = spec("Requests and limits of the trainer.", default={})


@dataclass(frozen=True, slots=True)
class Trainer:
    """Exactly one of recipe and container."""

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

    uri: str = spec("file, https or s3 location of a file or prefix.", minLength=1, maxLength=2048)
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

    label: str = spec("What is predicted.", minLength=1, maxLength=253)
    time: str = spec("When the row happened.", default="", maxLength=253)
    group: str = spec("Rows that belong together.", default="", maxLength=253)
    id: str = spec("Identifies a row.", default="", maxLength=253)
    weight: str = spec("Weight of a row.", default="", maxLength=253)


@dataclass(frozen=True, slots=True)
class Split:
    """How held-out rows are chosen."""

    strategy: str = spec(
        "Temporal needs columns.time; Random forbids it.", default="", enum=["Temporal", "Random"]
    )
    holdout: str = spec(
        "Length of the newest part that is held out.", default="14d", pattern=DURATION
    )
    gap: str = spec("Left out between both parts.", default="", pattern=DURATION)
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
        "Allowed rise of a feature's null rate.", default="0.05", pattern=DECIMAL
    )
    max_duplicates: str = spec("Allowed share of duplicates.", default="0.01", pattern=DECIMAL)


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of the run."""

    source: DataSource = spec("Where they are.")
    columns: Columns = spec("Roles of columns.")
    credentials_secret_ref: LocalReference | None = spec("Secret to read the source.", default=None)
    split: Split = spec("Train and held-out rows.", default=Split())
    quality: Quality = spec("The data gate.", default=Quality())


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how long."""

    attempts: int = spec("Attempts of the trainer.", default=3, minimum=1, maximum=10)
    active_deadline: str = spec("Longest attempt.", default="6h", pattern=DURATION)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of the gate. `margin` serves NonInferior, `gain` Superior."""

    name: str = spec(
        "roc_auc, log_loss, accuracy, mae or rmse.",
        enum=["roc_auc", "log_loss", "accuracy", "mae", "rmse"],
    )
    margin: str = spec("How much worse is still as good.", default="", pattern=DECIMAL)
    margin_type: str = spec("Absolute or Relative.", default="", enum=["Absolute", "Relative"])
    gain: str = spec("How much better Superior demands.", default="0", pattern=DECIMAL)
    floor: str = spec("The challenger must beat this in any case.", default="", pattern=DECIMAL)


@dataclass(frozen=True, slots=True)
class Validation:
    """The gate between champion and challenger."""

    mode: str = spec(
        "Enforce, Observe or None.", default="Enforce", enum=["Enforce", "Observe", "None"]
    )
    goal: str = spec(
        "NonInferior or Superior.", default="NonInferior", enum=["NonInferior", "Superior"]
    )
    alpha: str = spec("Chance that a worse candidate passes.", default="0.05", pattern=DECIMAL)
    metrics: tuple[Metric, ...] = spec("Empty: the task's defaults.", default=(), maxItems=20)
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
    timeout: str = spec("Without enough answers: rejected.", default="7d", pattern=DURATION)


@dataclass(frozen=True, slots=True)
class Output:
    """Where artifacts go."""

    uri: str = spec("file or s3 prefix for runs, models and evidence.", minLength=1, maxLength=2048)
    credentials_secret_ref: LocalReference | None = spec("Secret to write there.", default=None)


@dataclass(frozen=True, slots=True)
class RetrainJobSpec:
    """What the run is made of."""

    model_ref: LocalReference = spec("The ModelDeployment.")
    trainer: Trainer = spec("What trains.")
    data: Data = spec("On which rows.")
    output: Output = spec("Where results go.")
    requested_by: str = spec("User name of who asks; checked.", default="", maxLength=253)
    trigger: Trigger = spec("Why.", default=Trigger())
    engine: Engine = spec("What runs the trainer.", default=Engine())
    parameters: Mapping[str, str] = spec(
        "Handed to the trainer as a file.", default={}, maxProperties=100
    )
    seed: int | None = spec(
        "Seed; default: from the run's id.", default=None, minimum=0, maximum=2147483647
    )
    limits: Limits = spec("How often, how long.", default=Limits())
    validation: Validation = spec("The gate.", default=Validation())
    approval: RunApproval = spec("People.", default=RunApproval())
