"""The tails agree with printed tables and with sums by hand."""

import doctest
from math import comb

import numpy as np
import pytest

from perennial_serving.stats import tails


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(tails).failed == 0


@pytest.mark.parametrize(("z", "tail"), [(0.0, 0.5), (1.96, 0.0249979), (-1.96, 0.9750021)])
def test_the_normal_tail_is_that_of_the_tables(z: float, tail: float) -> None:
    """Both tails are those of every printed table."""
    assert tails.normal_upper(z) == pytest.approx(tail, abs=1e-7)


@pytest.mark.parametrize(("alpha", "degrees", "t"), [(0.025, 10, 2.2281), (0.05, 120, 1.6577)])
def test_the_student_tail_and_its_inverse_are_those_of_the_tables(
    alpha: float, degrees: int, t: float
) -> None:
    """The critical value is the table's, and its tail is the level again."""
    assert tails.student_critical(alpha, degrees) == pytest.approx(t, abs=1e-4)
    assert tails.student_upper(tails.student_critical(alpha, degrees), degrees) == pytest.approx(
        alpha
    )


@pytest.mark.parametrize("successes", range(9))
def test_the_binomial_tail_is_the_sum_of_its_terms(successes: int) -> None:
    """P(X >= k) equals the sum over the outcomes, from none to all."""
    terms = (comb(8, k) * 0.3**k * 0.7 ** (8 - k) for k in range(successes, 9))
    assert tails.binomial_at_least(successes, 8, 0.3) == pytest.approx(sum(terms))


@pytest.mark.parametrize("successes", [0, 1, 5, 10])
def test_the_binomial_bounds_are_missed_at_most_at_the_level(successes: int) -> None:
    """At the lower bound so many successes are as likely as the level, at the upper so few."""
    lower, upper = tails.binomial_bounds(successes, 10, 0.05)
    assert lower <= successes / 10 <= upper
    if successes:
        assert tails.binomial_at_least(successes, 10, lower) == pytest.approx(0.05)
    if successes < 10:
        assert 1 - tails.binomial_at_least(successes + 1, 10, upper) == pytest.approx(0.05)


def test_infinite_values_have_ranks_too() -> None:
    """An unscored row, which stands at an end, is ranked like any other."""
    values = np.array([np.inf, 0.0, -np.inf, 0.0])
    assert tails.midranks(values).tolist() == [4.0, 2.5, 1.0, 2.5]
