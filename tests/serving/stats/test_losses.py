"""Every row has a cost, and a row without answer has the highest."""

import doctest

import numpy as np
import pytest
from sklearn import metrics

from perennial_serving.stats import losses


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(losses).failed == 0


def test_the_mean_of_log_losses_is_that_of_scikit_learn() -> None:
    """Three classes, drawn probabilities: the same value as sklearn.metrics.log_loss."""
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([1, 1, 1], size=200)
    truth = rng.integers(0, 3, size=200)
    expected = metrics.log_loss(truth, probabilities)
    assert losses.log_losses(truth, probabilities).mean() == pytest.approx(expected)


@pytest.mark.parametrize(
    "row", [[np.nan, np.nan], [0.7, 0.7], [-0.2, 1.2], [np.inf, 0.0], [0.0, 1.0]]
)
def test_what_is_no_probability_costs_the_most(row: list[float]) -> None:
    """Missing, unnormalized, negative, infinite: like the true class given probability 0."""
    loss = losses.log_losses(np.array([0]), np.array([row]))[0]
    assert loss == pytest.approx(-np.log(1e-15))


def test_an_unscored_row_is_on_the_wrong_side_of_all_others() -> None:
    """A positive without score ranks last, a negative without score first."""
    scores = losses.positive_scores(np.array([True, False, True]), np.array([np.nan, np.nan, 0.9]))
    assert scores.tolist() == [-np.inf, np.inf, 0.9]


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_missing_prediction_costs_the_worst_error_of_both_models(missing: float) -> None:
    """Not less than any error that a model made, nor than the range of the truth."""
    truth = np.array([0.0, 1.0, 2.0])
    mine, theirs = losses.absolute_errors(
        truth, np.array([missing, 1.0, 2.0]), np.array([0.0, 1.0, 9.0])
    )
    assert (mine.tolist(), theirs.tolist()) == ([7.0, 0.0, 0.0], [0.0, 0.0, 7.0])


def test_a_missing_prediction_without_scale_is_no_number() -> None:
    """If all truth is equal and all else right, no finite cost is bad enough."""
    mine, theirs = losses.absolute_errors(np.ones(2), np.array([np.nan, 1.0]), np.ones(2))
    assert (mine.tolist(), theirs.tolist()) == ([np.inf, 0.0], [0.0, 0.0])


def test_a_model_alone_has_errors_too() -> None:
    """Without a champion the other errors are None."""
    mine, theirs = losses.absolute_errors(np.array([1.0, 3.0]), np.array([1.5, 1.0]), None)
    assert (mine.tolist(), theirs) == ([0.5, 2.0], None)
