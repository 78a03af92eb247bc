"""A metric's bound follows from margin, gain, goal and type."""

import doctest

import numpy as np
import pytest

from perennial_serving.stats import questions
from perennial_serving.stats.questions import ClassRows, ClassScores, Metric, NumberRows, Question


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(questions).failed == 0


@pytest.mark.parametrize(
    ("goal", "margin_type", "expected"),
    [
        ("NonInferior", "Absolute", (-0.1, -0.1, 0.0)),
        ("NonInferior", "Relative", (-0.1, 0.0, -0.1)),
        ("Superior", "Absolute", (0.2, 0.2, 0.0)),
        ("Superior", "Relative", (0.2, 0.0, 0.2)),
    ],
)
def test_the_bound_is_minus_the_margin_or_the_gain(
    goal: str, margin_type: str, expected: tuple[float, float, float]
) -> None:
    """Non-inferior allows a loss of the margin, superior asks for the gain."""
    metric = Metric("mae", "Minimize", margin=0.1, margin_type=margin_type, gain=0.2)
    question = Question(metric, goal, 0.05)
    assert (question.bound, question.absolute, question.relative) == expected


@pytest.mark.parametrize(("direction", "sign"), [("Maximize", 1), ("Minimize", -1)])
def test_the_sign_turns_more_into_better(direction: str, sign: int) -> None:
    """A difference is positive when the challenger is better."""
    assert Question(Metric("x", direction), "Superior", 0.05).sign == sign


@pytest.mark.parametrize(
    ("classes", "names"), [(2, ["roc_auc", "log_loss"]), (3, ["accuracy", "log_loss"])]
)
def test_each_number_of_classes_has_its_metrics(classes: int, names: list[str]) -> None:
    """Two classes are ranked, more are counted."""
    scores = ClassScores(np.zeros(1, dtype=int), np.zeros((1, classes)))
    rows = ClassRows(np.zeros(1, dtype=int), scores, None)
    assert [metric.name for metric in rows.defaults()] == names


def test_every_default_goes_in_its_metrics_direction() -> None:
    """No default contradicts the table of directions."""
    defaults = (
        *questions.BINARY_METRICS,
        *questions.MULTICLASS_METRICS,
        *NumberRows(np.zeros(1), np.zeros(1), None).defaults(),
    )
    assert all(metric.direction == questions.DIRECTIONS[metric.name] for metric in defaults)
