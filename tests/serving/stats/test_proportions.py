"""Shares of right rows are compared as published, exactly where counts are few."""

import doctest
from math import comb, inf, log, sqrt

import numpy as np
import pytest

from perennial_serving.stats import proportions
from perennial_serving.stats.tails import binomial_bounds


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example gives the answer that it shows, Tango's 1.709 among them."""
    assert doctest.testmod(proportions).failed == 0


def test_without_bound_the_score_test_is_that_of_mcnemar() -> None:
    """Agresti's ratings of the prime minister: 150 and 86 of 1600 changed, z^2 = 17.36."""
    assert proportions.tango_z(1600, 86, 150, tau=0.0) ** 2 == pytest.approx(17.36, abs=0.01)


@pytest.mark.parametrize("tau", [-0.2, -0.05, 0.1])
@pytest.mark.parametrize(("wins", "lost"), [(7, 3), (0, 12), (20, 20)])
def test_the_constrained_estimate_is_the_most_likely_one(wins: int, lost: int, tau: float) -> None:
    """The closed form finds what a fine grid over the multinomial likelihood finds."""
    rows, best, found = 60, -inf, 0.0
    for q in np.linspace(max(0.0, -tau) + 1e-9, (1 - tau) / 2 - 1e-9, 20_001):
        likelihood = (rows - wins - lost) * log(1 - 2 * q - tau)
        likelihood += wins * log(q + tau) if wins else 0.0
        likelihood += lost * log(q) if lost else 0.0
        if likelihood > best:
            best, found = likelihood, q
    expected = (wins - lost - rows * tau) / sqrt(rows * (2 * found + tau * (1 - tau)))
    assert proportions.tango_z(rows, wins, lost, tau=tau) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("wins", "lost"), [(0, 0), (1, 0), (3, 9), (12, 12), (24, 0)])
def test_few_changed_rows_are_counted_exactly(wins: int, lost: int) -> None:
    """With no bound and fewer than 25 changed rows, p is the mid-p sum of binomial terms."""
    changed = wins + lost
    terms = [comb(changed, k) / 2**changed for k in range(changed + 1)]
    answer = proportions.paired_proportions(500, wins, lost, tau=0.0)
    assert answer.p_pass == pytest.approx(sum(terms[wins + 1 :]) + terms[wins] / 2)
    assert answer.p_fail == pytest.approx(1 - answer.p_pass)


@pytest.mark.parametrize("tau", [-0.02, 0.0, 0.03])
@pytest.mark.parametrize(("wins", "lost"), [(40, 10), (3, 5), (0, 30)])
def test_swapped_models_mirror_the_answer(wins: int, lost: int, tau: float) -> None:
    """Exchanging the two models and the sign of the bound exchanges the p values."""
    one = proportions.paired_proportions(400, wins, lost, tau=tau)
    other = proportions.paired_proportions(400, lost, wins, tau=-tau)
    assert (one.p_pass, one.p_fail) == pytest.approx((other.p_fail, other.p_pass))
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-6)


@pytest.mark.parametrize("rows", [1, 30, 500, 100_000])
def test_identical_models_never_fail(rows: int) -> None:
    """Without a changed row there is no evidence of harm, however many rows there are."""
    answer = proportions.paired_proportions(rows, 0, 0, tau=-0.01)
    assert answer.p_fail > 0.5
    assert (answer.p_pass <= 0.05) == (rows > 300)


def test_the_interval_holds_the_bounds_that_are_not_rejected() -> None:
    """Just inside an end the test does not reject at the level, just outside it does."""
    answer = proportions.paired_proportions(400, 40, 20, tau=-0.01, alpha=0.05)
    assert answer.lower < 0.05 < answer.upper
    for end, step in ((answer.lower, -1e-4), (answer.upper, 1e-4)):
        inside = proportions.paired_proportions(400, 40, 20, tau=end - step)
        outside = proportions.paired_proportions(400, 40, 20, tau=end + step)
        assert min(inside.p_pass, inside.p_fail) > 0.05
        assert min(outside.p_pass, outside.p_fail) < 0.05


def test_the_interval_of_a_single_row_is_almost_everything() -> None:
    """One row says nearly nothing, and no bound leaves the range of a difference."""
    answer = proportions.paired_proportions(1, 1, 0, tau=-0.01)
    assert answer.p_pass > 0.05
    assert -1 <= answer.lower < 0.5 < answer.upper <= 1


@pytest.mark.parametrize(("rows", "tau"), [(0, -0.01), (10, 1.0), (10, -1.5)])
def test_a_question_without_sense_has_no_answer(rows: int, tau: float) -> None:
    """No rows, or a bound that no share can have, is None with a note."""
    answer = proportions.paired_proportions(rows, 0, 0, tau=tau)
    assert (answer.p_pass, answer.p_fail) == (None, None)
    assert answer.note


@pytest.mark.parametrize(("rows", "floor"), [(0, 0.5), (10, 1.1), (10, -0.1)])
def test_a_floor_without_sense_has_no_answer(rows: int, floor: float) -> None:
    """No rows, or a floor that no share can have, is None with a note."""
    answer = proportions.proportion_floor(0, rows, floor=floor)
    assert (answer.p_pass, answer.p_fail) == (None, None)
    assert answer.note


def test_the_test_of_a_floor_never_passes_more_often_than_the_level() -> None:
    """Summed over all outcomes at the floor itself, passing has at most probability alpha."""
    for rows, floor in ((50, 0.9), (200, 0.5), (37, 0.03)):
        chances = [
            comb(rows, k) * floor**k * (1 - floor) ** (rows - k)
            for k in range(rows + 1)
            if proportions.proportion_floor(k, rows, floor=floor).p_pass <= 0.05
        ]
        assert sum(chances) <= 0.05


def test_at_the_margin_a_pass_is_as_rare_as_the_level() -> None:
    """Seeded: 4,000 challengers worse by exactly the margin pass about as often as alpha says.

    The lower 99.9 % limit of the rate of false passes is not above alpha.
    """
    rng = np.random.default_rng(20260801)
    rows, psi, margin = 1000, 0.10, 0.02
    shares = [(psi - margin) / 2, (psi + margin) / 2, 1 - psi]
    passed = sum(
        proportions.paired_proportions(rows, int(wins), int(lost), tau=-margin).p_pass <= 0.05
        for wins, lost, _ in rng.multinomial(rows, shares, size=4000)
    )
    assert binomial_bounds(passed, 4000, 0.001)[0] <= 0.05
    assert passed > 100
