"""The mean test holds its level with skewed losses and says when it cannot answer."""

import doctest

import numpy as np
import pytest
from scipy import stats

from perennial_serving.stats import means
from perennial_serving.stats.tails import binomial_bounds

RNG = np.random.default_rng(7)


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(means).failed == 0


def test_symmetric_values_give_the_classical_t_test() -> None:
    """Without skewness both statistics are Student's, as scipy computes it."""
    half = np.random.default_rng(1).normal(size=100)
    values = np.concatenate([half, -half]) + 0.1
    expected = stats.ttest_1samp(values, 0, alternative="greater").pvalue
    assert means.mean_test(values).p_pass == pytest.approx(expected, rel=1e-6)


def test_the_larger_of_both_tails_counts() -> None:
    """With skewed values one of t and Hall's h is more careful; its tail is the p value."""
    values = np.random.default_rng(2).lognormal(size=200) - 1.2
    t = values.mean() / (values.std(ddof=1) / np.sqrt(200))
    h = means.hall(t, float(stats.skew(values)), 200)
    answer = means.mean_test(values)
    assert answer.p_pass == pytest.approx(max(stats.t.sf(t, 199), stats.t.sf(h, 199)))
    assert answer.p_fail == pytest.approx(max(stats.t.cdf(t, 199), stats.t.cdf(h, 199)))


@pytest.mark.parametrize("shape", ["normal", "lognormal", "rare"])
def test_the_interval_holds_the_means_that_are_not_rejected(shape: str) -> None:
    """At both ends the p value of the moved values is the level."""
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.normal(size=300),
        "lognormal": rng.lognormal(size=300),
        "rare": (rng.random(300) < 0.03) * 1.0,
    }[shape]
    answer = means.mean_test(values, alpha=0.05)
    assert means.mean_test(values - answer.lower).p_pass == pytest.approx(0.05, abs=1e-6)
    assert means.mean_test(values - answer.upper).p_fail == pytest.approx(0.05, abs=1e-6)


def test_swapped_models_mirror_the_answer() -> None:
    """Values of the opposite sign exchange p values and ends."""
    values = np.random.default_rng(4).lognormal(size=250) - 1
    one, other = means.mean_test(values), means.mean_test(-values)
    assert (one.p_pass, one.p_fail) == pytest.approx((other.p_fail, other.p_pass))
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower))


def test_order_changes_nothing() -> None:
    """Shuffled rows, with their groups, give the same answer."""
    rng = np.random.default_rng(5)
    values, groups = rng.normal(size=600), rng.integers(0, 150, size=600)
    order = rng.permutation(600)
    one, other = means.mean_test(values, groups), means.mean_test(values[order], groups[order])
    assert (one.p_pass, one.lower) == pytest.approx((other.p_pass, other.lower))


def test_copied_rows_in_one_group_are_no_new_evidence() -> None:
    """Ten copies of each row, grouped, say exactly what one copy says."""
    values = np.random.default_rng(6).normal(size=200)
    alone = means.mean_test(values)
    copied = means.mean_test(np.repeat(values, 10), np.repeat(np.arange(200), 10))
    assert (copied.p_pass, copied.lower) == pytest.approx((alone.p_pass, alone.lower))


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 99, [np.nan] * 200, [np.inf, *[1.0] * 199]])
def test_too_little_or_broken_evidence_has_no_answer(values: list[float]) -> None:
    """No rows, one row, 99 rows, NaN and infinity are None with a note."""
    answer = means.mean_test(np.array(values))
    assert (answer.p_pass, answer.p_fail, answer.lower) == (None, None, None)
    assert answer.note


def test_many_rows_of_few_groups_have_no_answer() -> None:
    """A thousand rows of 99 customers are 99 pieces of evidence."""
    assert means.mean_test(np.arange(990.0), np.arange(990) % 99).p_pass is None


@pytest.mark.parametrize(("value", "expected"), [(0.1, (0.0, 1.0)), (-0.1, (1.0, 0.0))])
def test_values_without_variation_leave_no_doubt(
    value: float, expected: tuple[float, float]
) -> None:
    """A challenger that is always better than the bound by the same amount passes for sure."""
    answer = means.mean_test(np.full(150, value))
    assert (answer.p_pass, answer.p_fail) == expected
    assert (answer.lower, answer.upper) == pytest.approx((value, value))


def test_losses_that_are_equal_everywhere_show_no_gain() -> None:
    """Nothing but zeros: neither better nor worse than a bound of 0."""
    answer = means.mean_test(np.zeros(150))
    assert (answer.p_pass, answer.p_fail, answer.note) == (None, None, "the losses do not differ")


@pytest.mark.parametrize("kind", ["lognormal", "rare", "grouped"])
def test_at_the_margin_a_pass_is_as_rare_as_the_level(kind: str) -> None:
    """Seeded: 1,500 challengers exactly at the bound pass at most as often as alpha allows.

    The lower 99.9 % limit of the rate of false passes is not above alpha.
    """
    rng = np.random.default_rng(20260802)

    def values() -> tuple[np.ndarray, np.ndarray | None]:
        if kind == "lognormal":
            return rng.lognormal(size=500) - rng.lognormal(size=500), None
        if kind == "rare":
            return 1.05 * (rng.random(500) < 0.02) - (rng.random(500) < 0.021), None
        groups = np.repeat(np.arange(200), 5)
        return rng.normal(size=200)[groups] + rng.normal(size=1000), groups

    passed = 0
    for _ in range(1500):
        drawn, groups = values()
        passed += means.mean_test(drawn, groups).p_pass <= 0.05
    assert binomial_bounds(passed, 1500, 0.001)[0] <= 0.05
    assert passed > 20
