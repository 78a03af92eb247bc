"""Areas under the ROC curve are compared by placement values, also near 1 and in groups."""

import doctest

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from perennial_serving.stats import areas
from perennial_serving.stats.tails import binomial_bounds, normal_upper


def drawn(seed: int, *, positives: int = 120, negatives: int = 380) -> areas.AreaRows:
    """Return rows with two correlated scores; those of a champion gives `other`."""
    truth = np.repeat([True, False], [positives, negatives])
    return areas.AreaRows(truth, areas.placements(truth, score(seed, truth, 1.2)), None)


def score(seed: int, truth: np.ndarray, distance: float, *, model: int = 0) -> np.ndarray:
    """Return scores whose positives are higher; models of one seed share most of their noise."""
    shared = np.random.default_rng(seed).normal(size=truth.size)
    own = np.random.default_rng([seed, model + 1]).normal(size=truth.size)
    return 0.8 * shared + 0.6 * own + distance * truth


def other(rows: areas.AreaRows, seed: int, distance: float = 1.2) -> areas.Placements:
    """Return another model's placements of the same rows."""
    return areas.placements(rows.is_positive, score(seed, rows.is_positive, distance, model=1))


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(areas).failed == 0


def test_placements_are_shares_of_the_other_class() -> None:
    """By brute force: a pair counts 1 if ranked right, one half if tied."""
    rng = np.random.default_rng(1)
    truth, scores = rng.random(60) < 0.4, rng.integers(0, 8, size=60).astype(float)
    right, wrong = scores[truth], scores[~truth]
    pairs = (right[:, None] > wrong) + 0.5 * (right[:, None] == wrong)
    placed = areas.placements(truth, scores)
    assert placed.positives == pytest.approx(pairs.mean(axis=1))
    assert placed.negatives == pytest.approx(pairs.mean(axis=0))
    assert placed.area == pytest.approx(roc_auc_score(truth, scores))


def test_the_statistic_is_that_of_delong_on_the_log_scale() -> None:
    """On real data: the variance of ln(1 - A1) - ln(1 - A2) by DeLong's covariance matrices."""
    data = load_breast_cancer()
    truth = data.target == 1
    one, two = (areas.placements(truth, -data.data[:, column]) for column in (4, 8))
    misses = np.array([1 - one.area, 1 - two.area]) + 1 / (2 * truth.sum() * (~truth).sum())
    misses[1] += 0.02
    covariance = np.cov([one.positives, two.positives]) / truth.sum()
    covariance += np.cov([one.negatives, two.negatives]) / (~truth).sum()
    gradient = np.array([1, -1]) / misses
    z = np.log(misses[1] / misses[0]) / np.sqrt(gradient @ covariance @ gradient)
    answer = areas.area_test(areas.AreaRows(truth, one, None), two, areas.Bound(tau=-0.02))
    assert answer.p_pass == pytest.approx(normal_upper(float(z)), abs=2e-3)


def test_a_better_model_passes_and_a_worse_one_fails() -> None:
    """A clear difference decides in either direction."""
    rows = drawn(2)
    worse, better = other(rows, 2, 0.4), other(rows, 2, 1.9)
    assert areas.area_test(rows, worse, areas.Bound(tau=-0.01)).p_pass < 0.001
    assert areas.area_test(rows, better, areas.Bound(tau=-0.01)).p_fail < 0.001


def test_identical_models_never_fail() -> None:
    """The same ranking within a margin gives no evidence of harm; without margin none at all."""
    rows = drawn(3)
    within = areas.area_test(rows, rows.challenger, areas.Bound(tau=-0.01))
    assert within.p_fail > 0.5
    without = areas.area_test(rows, rows.challenger, areas.Bound(tau=0.0))
    assert (without.p_pass, without.p_fail) == (None, None)
    assert "alike" in without.note


def test_swapped_models_mirror_the_answer() -> None:
    """Exchanging the models exchanges p values and ends, if no bound favors one of them."""
    rows = drawn(4)
    champion = other(rows, 4)
    swapped = areas.AreaRows(rows.is_positive, champion, None)
    one = areas.area_test(rows, champion, areas.Bound(tau=0.0))
    two = areas.area_test(swapped, rows.challenger, areas.Bound(tau=0.0))
    assert (one.p_pass, one.p_fail) == pytest.approx((two.p_fail, two.p_pass))


def test_order_changes_nothing() -> None:
    """Shuffled rows, with their groups, give the same answer."""
    truth = drawn(5).is_positive
    scores, champion = score(5, truth, 1.2), score(5, truth, 1.2, model=1)
    groups = np.arange(truth.size) // 3
    order = np.random.default_rng(5).permutation(truth.size)

    def answer(at: np.ndarray) -> float:
        rows = areas.AreaRows(truth[at], areas.placements(truth[at], scores[at]), groups[at])
        placed = areas.placements(truth[at], champion[at])
        return areas.area_test(rows, placed, areas.Bound(tau=-0.01)).p_pass

    assert answer(order) == pytest.approx(answer(np.arange(truth.size)))


def test_the_interval_holds_the_bounds_that_are_not_rejected() -> None:
    """At both ends the p value is the level."""
    rows = drawn(6)
    champion = other(rows, 6)
    answer = areas.area_test(rows, champion, areas.Bound(tau=-0.01, alpha=0.05))
    assert answer.lower < rows.challenger.area - champion.area < answer.upper
    low = areas.area_test(rows, champion, areas.Bound(tau=answer.lower))
    high = areas.area_test(rows, champion, areas.Bound(tau=answer.upper))
    assert (low.p_pass, high.p_fail) == pytest.approx((0.05, 0.05), abs=1e-6)


def test_a_relative_bound_is_a_share_of_the_champions_area() -> None:
    """Losing at most 2 % of an area of 0.8 nearly is losing at most 0.016."""
    rows = drawn(7)
    champion = other(rows, 7)
    relative = areas.area_test(rows, champion, areas.Bound(tau=0.0, scale=-0.02))
    absolute = areas.area_test(rows, champion, areas.Bound(tau=-0.02 * champion.area))
    assert relative.p_pass == pytest.approx(absolute.p_pass, rel=0.05)
    assert relative.lower == pytest.approx(absolute.lower, abs=0.001)


def test_rare_classes_and_nearly_perfect_areas_have_no_answer() -> None:
    """49 positives, an area of 1, and few groups are None with a note."""
    few = drawn(8, positives=49)
    assert "49 rows of the rarer class" in areas.area_test(few, other(few, 8), areas.Bound(0)).note
    rows = drawn(8)
    perfect = areas.placements(rows.is_positive, rows.is_positive * 1.0)
    assert "close to 1" in areas.area_test(rows, perfect, areas.Bound(tau=-0.01)).note
    grouped = areas.AreaRows(rows.is_positive, rows.challenger, np.arange(500) % 20)
    assert "groups" in areas.area_test(grouped, other(rows, 8), areas.Bound(tau=-0.01)).note


def test_a_bound_beyond_the_perfect_model_has_no_answer() -> None:
    """No challenger can be better than an area of 0.8 by 0.3."""
    rows = drawn(9)
    answer = areas.area_test(rows, other(rows, 9), areas.Bound(tau=0.3))
    assert (answer.p_pass, answer.note.startswith("the bound is out of reach")) == (None, True)


def test_an_area_is_tested_against_its_floor() -> None:
    """A floor well below passes, one well above fails, and the interval is that of the area."""
    rows = drawn(10)
    low, high = areas.area_floor(rows, floor=0.6), areas.area_floor(rows, floor=0.9)
    assert (low.p_pass < 0.001, high.p_fail < 0.001) == (True, True)
    assert low.lower < rows.challenger.area < low.upper
    assert areas.area_floor(drawn(10, positives=20), floor=0.6).p_pass is None


def test_an_interval_that_nothing_ends_stops_at_the_perfect_model() -> None:
    """With little evidence and a strict level, the upper end is the area that is left."""
    rows = drawn(11, positives=50, negatives=50)
    champion = other(rows, 11)
    answer = areas.area_test(rows, champion, areas.Bound(tau=-0.1, alpha=1e-12))
    assert answer.upper == pytest.approx(1 - champion.area, abs=0.001)


def test_at_the_margin_a_pass_is_as_rare_as_the_level() -> None:
    """Seeded: 600 challengers exactly at the margin pass at most as often as alpha allows.

    Two scores of equal distance have equal areas; the bound is 0, where identical truth holds.
    """
    passed = 0
    for seed in range(600):
        rows = drawn(seed, positives=100, negatives=200)
        champion = other(rows, seed)
        passed += areas.area_test(rows, champion, areas.Bound(tau=0.0)).p_pass <= 0.05
    assert binomial_bounds(passed, 600, 0.001)[0] <= 0.05
    assert passed > 10
