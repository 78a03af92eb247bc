"""Tests of areas under the ROC curve: two models on the same rows, and one against a floor."""

from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from perennial_serving.stats.answers import Answer, Floats, Integers, group_sums
from perennial_serving.stats.means import FEWEST_GROUPS
from perennial_serving.stats.proportions import bisect
from perennial_serving.stats.tails import midranks, normal_upper

FEWEST_OF_A_CLASS = 50
FEWEST_EXPECTED_MISSES = 5
SIDE_STEPS = 400
NO_VARIATION = 1e-12


@dataclass(frozen=True, slots=True)
class Placements:
    """For each row the share of the other class that its score is on the right side of."""

    area: float
    positives: Floats
    negatives: Floats


def placements(is_positive: NDArray[np.bool_], scores: Floats) -> Placements:
    """Return area and placement values by midranks.

    E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837; computed as X. Sun, W. Xu,
    IEEE Signal Processing Letters 21 (2014) 1389. A tie counts one half.

    >>> placed = placements(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1]))
    >>> placed.area, placed.positives.tolist(), placed.negatives.tolist()
    (0.875, [1.0, 0.75], [0.75, 1.0])
    """
    right, wrong = scores[is_positive], scores[~is_positive]
    ranks = midranks(scores)
    above = (ranks[is_positive] - midranks(right)) / wrong.size
    below = 1 - (ranks[~is_positive] - midranks(wrong)) / right.size
    return Placements(float(above.mean()), above, below)


@dataclass(frozen=True, slots=True)
class AreaRows:
    """The rows of an area test: truth, the challenger's placements, and groups."""

    is_positive: NDArray[np.bool_]
    challenger: Placements
    groups: Integers | None

    @property
    def positives(self) -> int:
        """Return the number of positive rows."""
        return self.challenger.positives.size

    @property
    def negatives(self) -> int:
        """Return the number of negative rows."""
        return self.challenger.negatives.size

    @property
    def half_pair(self) -> float:
        """Return half of one pair's weight, which keeps logarithms away from 0."""
        return 1 / (2 * self.positives * self.negatives)


@dataclass(frozen=True, slots=True)
class Bound:
    """What the difference of areas is tested against: tau + scale times the champion's area."""

    tau: float
    scale: float = 0.0
    alpha: float = 0.05


def area_test(rows: AreaRows, champion: Placements, bound: Bound) -> Answer:
    """Test the difference of two areas, A1 - A2, against tau + scale A2.

    With e = 1/(2PN), u1 = 1 - A1 + e, u2 = 1 - A2 - tau + e: z = (ln u2 - ln u1) / se, where se^2
    = G/(G-1) sum w_g^2 and w_g adds up, over a group's rows, the centered placements V10_1/u1 -
    V10_2/u2 of positives / P and V01 of negatives / N (DeLong 1988 on the log of 1 - A, which
    holds the level for areas near 1). Needs 50 rows of each class and 5 expected misses.

    >>> truth, scores = np.tile([True, False], 100), np.tile([2.0, 1.0, 1.0, 2.0, 3.0, 0.0], 34)
    >>> placed = placements(truth, scores[:200])
    >>> answer = area_test(AreaRows(truth, placed, None), placed, Bound(tau=-0.1))
    >>> answer.p_pass < 0.05 < answer.p_fail
    True
    """
    if missing := _missing(rows, champion.area):
        return Answer(note=missing)
    z = _z(rows, champion, bound.tau, factor=1 + bound.scale)
    if z is None:
        return Answer(note="the bound is out of reach, or the models rank the rows alike")
    lower, upper = _bounds(rows, champion, bound)
    return Answer(normal_upper(z), normal_upper(-z), lower, upper)


def area_floor(rows: AreaRows, *, floor: float, alpha: float = 0.05) -> Answer:
    """Test one area against a floor: the same test with a champion that never varies.

    >>> truth, scores = np.tile([True, False], 100), np.tile([2.0, 1.0, 1.0, 2.0, 3.0, 0.0], 34)
    >>> rows = AreaRows(truth, placements(truth, scores[:200]), None)
    >>> area_floor(rows, floor=0.6).p_pass < 0.05 < area_floor(rows, floor=0.9).p_pass
    True
    """
    constant = Placements(floor, np.full(rows.positives, floor), np.full(rows.negatives, floor))
    answer = area_test(rows, constant, Bound(tau=0.0, alpha=alpha))
    if answer.lower is None or answer.upper is None:
        return answer
    return replace(answer, lower=answer.lower + floor, upper=answer.upper + floor)


def _missing(rows: AreaRows, area: float) -> str:
    """Return why these rows are too few for the test, or nothing."""
    if rows.groups is not None and np.unique(rows.groups).size < FEWEST_GROUPS:
        return f"fewer than {FEWEST_GROUPS} groups of rows"
    fewest = min(rows.positives, rows.negatives)
    if fewest < FEWEST_OF_A_CLASS:
        return f"{fewest} rows of the rarer class, {FEWEST_OF_A_CLASS} are needed"
    if fewest * (1 - area) < FEWEST_EXPECTED_MISSES:
        return "too few misranked rows for an area this close to 1"
    return ""


def _z(rows: AreaRows, champion: Placements, tau: float, *, factor: float) -> float | None:
    mine = 1 - rows.challenger.area + rows.half_pair
    theirs = 1 - factor * champion.area - tau + rows.half_pair
    if theirs <= 0:
        return None
    weights = np.empty(rows.is_positive.size)
    for side, own, other in (
        (rows.is_positive, rows.challenger.positives, champion.positives),
        (~rows.is_positive, rows.challenger.negatives, champion.negatives),
    ):
        placed = own / mine - factor * other / theirs
        weights[side] = (placed - placed.mean()) / own.size
    totals = group_sums(weights, rows.groups)[0]
    error = sqrt(totals.size / (totals.size - 1) * float(np.square(totals).sum()))
    if error <= NO_VARIATION:
        return None
    return (log(theirs) - log(mine)) / error


def _bounds(rows: AreaRows, champion: Placements, bound: Bound) -> tuple[float, float]:
    """Return the differences at which the test just does not reject, one for each side."""
    factor = 1 + bound.scale
    seen = rows.challenger.area - factor * champion.area
    mine = 1 - rows.challenger.area + rows.half_pair

    def is_rejected(tau: float, sign: int) -> bool:
        z = _z(rows, champion, tau, factor=factor)
        return z is not None and normal_upper(sign * z) <= bound.alpha

    # upward, the statistic turns back near the end of the range: walk to the first rejection
    steps = (seen + mine * (1 - 0.97**step) for step in range(1, SIDE_STEPS))
    end = next((tau for tau in steps if is_rejected(tau, -1)), seen + mine)
    lower = bisect(lambda tau: is_rejected(tau, 1), rejected=seen - 2.0, kept=seen)
    upper = bisect(lambda tau: is_rejected(tau, -1), rejected=end, kept=seen)
    shift = bound.scale * champion.area
    return lower + shift, upper + shift
