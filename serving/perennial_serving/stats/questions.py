"""What the gate asks and of which rows: metrics, their bounds, and both models' answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_serving.stats.answers import Floats, Integers

MAXIMIZE = "Maximize"
MINIMIZE = "Minimize"
ABSOLUTE = "Absolute"
RELATIVE = "Relative"
SUPERIOR = "Superior"

DIRECTIONS: Mapping[str, str] = {
    "accuracy": MAXIMIZE,
    "roc_auc": MAXIMIZE,
    "log_loss": MINIMIZE,
    "mae": MINIMIZE,
    "mse": MINIMIZE,
    "rmse": MINIMIZE,
}
TWO_CLASSES = 2


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of `validation.metrics`; numbers are in the metric's own unit or a share."""

    name: str
    direction: str
    margin: float = 0.01
    margin_type: str = ABSOLUTE
    gain: float = 0.0
    floor: float | None = None


BINARY_METRICS = (
    Metric("roc_auc", MAXIMIZE, margin=0.01),
    Metric("log_loss", MINIMIZE, margin=0.05, margin_type=RELATIVE),
)
MULTICLASS_METRICS = (
    Metric("accuracy", MAXIMIZE, margin=0.01),
    Metric("log_loss", MINIMIZE, margin=0.05, margin_type=RELATIVE),
)
REGRESSION_METRICS = (Metric("mae", MINIMIZE, margin=0.02, margin_type=RELATIVE),)


@dataclass(frozen=True, slots=True)
class Question:
    """A metric with the run's goal and level."""

    metric: Metric
    goal: str
    alpha: float

    @property
    def bound(self) -> float:
        """Return the bound as the spec writes it: minus the margin, or the gain if Superior.

        >>> Question(Metric("mae", MINIMIZE, margin=0.5), "NonInferior", 0.05).bound
        -0.5
        """
        return self.metric.gain if self.goal == SUPERIOR else -self.metric.margin

    @property
    def absolute(self) -> float:
        """Return the part of the bound that is in the metric's own unit."""
        return 0.0 if self.metric.margin_type == RELATIVE else self.bound

    @property
    def relative(self) -> float:
        """Return the part of the bound that is a share of the champion's value."""
        return self.bound if self.metric.margin_type == RELATIVE else 0.0

    @property
    def sign(self) -> int:
        """Return 1 if more is better, else -1."""
        return 1 if self.metric.direction == MAXIMIZE else -1


@dataclass(frozen=True, slots=True)
class ClassScores:
    """One model's answers: label codes (-1 = unscored) and probabilities by class (NaN)."""

    labels: Integers
    probabilities: Floats


@dataclass(frozen=True, slots=True)
class ClassRows:
    """Classification: codes of the true classes, both models' answers, groups of rows."""

    truth: Integers
    challenger: ClassScores
    champion: ClassScores | None
    groups: Integers | None = None

    @property
    def is_binary(self) -> bool:
        """Return whether there are two classes; the second one is the positive."""
        return bool(self.challenger.probabilities.shape[1] == TWO_CLASSES)

    def defaults(self) -> tuple[Metric, ...]:
        """Return the metrics that are asked if the user named none."""
        return BINARY_METRICS if self.is_binary else MULTICLASS_METRICS


@dataclass(frozen=True, slots=True)
class NumberRows:
    """Regression: true values, both models' predictions (NaN = unscored), groups of rows."""

    truth: Floats
    challenger: Floats
    champion: Floats | None
    groups: Integers | None = None

    def defaults(self) -> tuple[Metric, ...]:
        """Return the metrics that are asked if the user named none."""
        return REGRESSION_METRICS


Rows = ClassRows | NumberRows
