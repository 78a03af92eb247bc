"""What one row costs a model; a row that could not be scored costs as much as a row can.

An unscored row is NaN in predictions and probabilities, and -1 in label codes.
"""

import numpy as np
from numpy.typing import NDArray

from perennial_serving.stats.answers import Floats, Integers

SMALLEST_PROBABILITY = 1e-15
PROBABILITY_SLACK = 1e-3
UNSCORED = -1


def right_rows(truth: Integers, labels: Integers) -> NDArray[np.bool_]:
    """Return which rows got the right label; an unscored row did not.

    >>> right_rows(np.array([0, 1, 1]), np.array([0, 0, UNSCORED])).tolist()
    [True, False, False]
    """
    return np.asarray((truth == labels) & (labels != UNSCORED))


def usable_probabilities(probabilities: Floats) -> NDArray[np.bool_]:
    """Return which rows are probabilities: finite, within [0, 1], with sum 1 (to 0.001).

    >>> usable_probabilities(np.array([[0.5, 0.5], [0.9, 0.9], [np.nan, 1.0]])).tolist()
    [True, False, False]
    """
    inside = ((probabilities >= 0) & (probabilities <= 1 + PROBABILITY_SLACK)).all(axis=1)
    with np.errstate(invalid="ignore"):
        whole = np.abs(probabilities.sum(axis=1) - 1) <= PROBABILITY_SLACK
    return np.asarray(inside & whole)


def log_losses(truth: Integers, probabilities: Floats) -> Floats:
    """Return -ln of each row's probability of the true class, at most -ln 1e-15.

    A row that is no set of probabilities costs the most.

    >>> log_losses(np.array([0, 1, 0]), np.array([[1.0, 0.0], [0.5, 0.5], [2.0, 2.0]])).round(3)
    array([ 0.   ,  0.693, 34.539])
    """
    own = probabilities[np.arange(truth.size), truth]
    own = np.where(usable_probabilities(probabilities), own, SMALLEST_PROBABILITY)
    return np.asarray(0.0 - np.log(np.clip(own, SMALLEST_PROBABILITY, 1.0)))


def positive_scores(is_positive: NDArray[np.bool_], scores: Floats) -> Floats:
    """Return ranking scores in which an unscored row is on the wrong side of all others.

    >>> positive_scores(np.array([True, False]), np.array([np.nan, 0.2])).tolist()
    [-inf, 0.2]
    """
    worst = np.where(is_positive, -np.inf, np.inf)
    return np.where(np.isnan(scores), worst, scores)


def absolute_errors(
    truth: Floats, challenger: Floats, champion: Floats | None
) -> tuple[Floats, Floats | None]:
    """Return both models' absolute errors; an unscored row costs the worst error seen.

    That is the largest of both models' errors and of the range of the truth, so an answer that is
    missing never costs less than one that is given.

    >>> absolute_errors(np.array([0.0, 4.0]), np.array([1.0, np.nan]), np.array([0.0, 4.0]))
    (array([1., 4.]), array([0., 0.]))
    """
    models = [challenger] if champion is None else [challenger, champion]
    errors = [np.abs(truth - predictions) for predictions in models]
    worst = max(
        [
            float(np.ptp(truth)),
            *(float(error[np.isfinite(error)].max(initial=0.0)) for error in errors),
        ]
    )
    if worst == 0:
        worst = np.inf  # no scale for a missing answer: the tests then say so
    filled = [np.where(np.isfinite(error), error, worst) for error in errors]
    return filled[0], (None if champion is None else filled[1])
