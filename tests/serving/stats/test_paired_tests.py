"""Each metric is asked of the right test and shown in its own unit, better-is-positive."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from perennial_serving.stats import means, paired_tests, proportions
from perennial_serving.stats.questions import ClassRows, ClassScores, Metric, NumberRows, Question

RNG = np.random.default_rng(3)
TRUTH = RNG.integers(0, 2, size=600)
NAN = np.full(600, np.nan)


def scores(seed: int, skill: float, truth: np.ndarray = TRUTH) -> ClassScores:
    """Return a classifier's answers; more skill puts more weight on the true class."""
    rng, classes = np.random.default_rng(seed), int(truth.max()) + 1
    logits = rng.normal(size=(truth.size, classes))
    logits[np.arange(truth.size), truth] += skill
    exponents = np.exp(logits)
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    return ClassScores(probabilities.argmax(axis=1), probabilities)


def numbers(noise: float, other_noise: float | None = 1.0) -> NumberRows:
    """Return rows of a regression whose models err by so much."""
    rng = np.random.default_rng(11)
    truth = rng.normal(size=600) * 5
    champion = None if other_noise is None else truth + rng.normal(size=600) * other_noise
    return NumberRows(truth, truth + rng.normal(size=600) * noise, champion)


def metric(name: str, **fields: object) -> Metric:
    """Return a metric in its own direction."""
    return Metric(name, paired_tests.DIRECTIONS[name], **fields)


def ask(metric: Metric, goal: str = "NonInferior") -> Question:
    """Return the question at the usual level."""
    return Question(metric, goal, 0.05)


WORSE = ClassRows(TRUTH, scores(1, 0.2), scores(2, 2.0))
BETTER = ClassRows(TRUTH, scores(1, 2.0), scores(2, 0.2))
ALIKE = ClassRows(TRUTH, scores(1, 2.0), scores(1, 2.0))
CLASS_METRICS = [metric("accuracy"), metric("roc_auc"), metric("log_loss", margin_type="Relative")]
CLASS_METRICS += [metric(name, margin_type="Relative") for name in ("accuracy", "roc_auc")]
NUMBER_METRICS = [
    metric(name, margin=0.02, margin_type=kind)
    for name in ("mae", "mse", "rmse")
    for kind in ("Relative", "Absolute")
]


@pytest.mark.parametrize("asked", CLASS_METRICS)
def test_a_better_classifier_passes_and_a_worse_one_fails(asked: Metric) -> None:
    """A clear difference decides, in the right direction, for every metric and bound."""
    better = paired_tests.measure(BETTER, ask(asked))
    worse = paired_tests.measure(WORSE, ask(asked))
    assert (better.p_pass < 0.001, worse.p_fail < 0.001) == (True, True)
    assert better.difference > 0 > worse.difference
    assert better.lower <= better.difference <= better.upper


@pytest.mark.parametrize("asked", NUMBER_METRICS)
def test_a_better_regressor_passes_and_a_worse_one_fails(asked: Metric) -> None:
    """A clear difference decides, in the right direction, for every metric and bound."""
    better = paired_tests.measure(numbers(0.5), ask(asked))
    worse = paired_tests.measure(numbers(2.0), ask(asked))
    assert (better.p_pass < 0.001, worse.p_fail < 0.001) == (True, True)
    assert better.difference > 0 > worse.difference
    assert better.lower <= better.difference <= better.upper


@pytest.mark.parametrize("asked", CLASS_METRICS)
@pytest.mark.parametrize("goal", ["NonInferior", "Superior"])
def test_identical_classifiers_never_fail(asked: Metric, goal: str) -> None:
    """Equal answers are no harm, and no gain: they never are Superior."""
    result = paired_tests.measure(ALIKE, ask(asked, goal))
    assert result.p_fail is None or result.p_fail > 0.05
    assert goal == "NonInferior" or result.p_pass is None or result.p_pass > 0.05


@pytest.mark.parametrize("asked", NUMBER_METRICS)
@pytest.mark.parametrize("goal", ["NonInferior", "Superior"])
def test_identical_regressors_pass_within_a_margin_only(asked: Metric, goal: str) -> None:
    """Equal predictions pass a margin for sure, and are never Superior."""
    rows = numbers(1.0)
    same = NumberRows(rows.truth, rows.challenger, rows.challenger)
    result = paired_tests.measure(same, ask(asked, goal))
    assert result.p_fail is None or result.p_fail > 0.95
    assert (result.p_pass is not None and result.p_pass < 0.05) == (goal == "NonInferior")


@pytest.mark.parametrize("asked", [*CLASS_METRICS, *NUMBER_METRICS])
def test_the_interval_is_above_the_bound_exactly_when_the_test_passes(asked: Metric) -> None:
    """What people read (interval, bound) and what decides (p) never contradict each other."""
    for skill in np.linspace(1.6, 2.4, 9):
        if asked.name in paired_tests._NUMBER_MEASURES:  # noqa: SLF001  # the table of tasks
            rows = numbers(skill / 2)
        else:
            rows = ClassRows(TRUTH, scores(1, skill), scores(2, 2.0))
        result = paired_tests.measure(rows, ask(asked))
        assert (result.lower > result.tau) == (result.p_pass < 0.05)
        assert (result.upper < result.tau) == (result.p_fail < 0.05)


def test_accuracy_counts_wins_and_losses() -> None:
    """The paired test gets the rows that only one of both models has right."""
    mine, theirs = (BETTER.challenger.labels == TRUTH), (BETTER.champion.labels == TRUTH)
    expected = proportions.paired_proportions(
        600, int((mine & ~theirs).sum()), int((theirs & ~mine).sum()), tau=-0.01
    )
    result = paired_tests.measure(BETTER, ask(metric("accuracy")))
    assert result.p_pass == pytest.approx(expected.p_pass)
    assert (result.challenger, result.champion) == pytest.approx((mine.mean(), theirs.mean()))


def test_a_relative_bound_is_shown_in_the_metrics_unit() -> None:
    """Five percent of the champion's log loss, negative because it may be lost."""
    asked = metric("log_loss", margin=0.05, margin_type="Relative")
    result = paired_tests.measure(ALIKE, ask(asked))
    assert result.tau == pytest.approx(-0.05 * result.champion)
    losses = -np.log(ALIKE.champion.probabilities[np.arange(600), TRUTH])
    assert result.p_pass == pytest.approx(means.mean_test(0.05 * losses).p_pass)


def test_grouped_rows_count_by_group() -> None:
    """Accuracy of rows that belong together is tested as a mean over groups."""
    groups = np.arange(600) // 5
    rows = ClassRows(TRUTH, BETTER.challenger, BETTER.champion, groups)
    gains = (BETTER.challenger.labels == TRUTH) * 1.0 - (BETTER.champion.labels == TRUTH) + 0.01
    result = paired_tests.measure(rows, ask(metric("accuracy")))
    assert result.p_pass == pytest.approx(means.mean_test(gains, groups).p_pass, rel=1e-6)


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "log_loss"])
def test_unscored_rows_are_the_worst_there_are(name: str) -> None:
    """A challenger that answers only the rows it likes loses against one that answers all."""
    silent = np.arange(600) % 4 == 0
    labels = np.where(silent, -1, BETTER.challenger.labels)
    probabilities = np.where(silent[:, None], np.nan, BETTER.challenger.probabilities)
    rows = ClassRows(TRUTH, ClassScores(labels, probabilities), BETTER.challenger)
    assert paired_tests.measure(rows, ask(metric(name))).p_fail < 0.001


def test_a_regressor_without_answers_fails() -> None:
    """All predictions missing cost the range of the truth each."""
    rows = numbers(1.0)
    silent = NumberRows(rows.truth, NAN, rows.champion)
    result = paired_tests.measure(silent, ask(metric("mae", margin_type="Relative")))
    assert (result.p_fail, result.p_pass) == (0.0, 1.0) or result.p_fail < 0.001


@pytest.mark.parametrize("asked", [*CLASS_METRICS, *NUMBER_METRICS])
def test_without_champion_only_the_floor_is_tested(asked: Metric) -> None:
    """No paired numbers; a generous floor passes, a hard one fails."""
    is_number = asked.name in paired_tests._NUMBER_MEASURES  # noqa: SLF001  # the table of tasks
    rows = numbers(1.0, None) if is_number else ClassRows(TRUTH, scores(1, 1.0), None)
    easy, hard = (0.55, 0.95) if asked.direction == "Maximize" else (3.0, 0.1)
    low = paired_tests.measure(rows, ask(metric(asked.name, floor=easy)))
    high = paired_tests.measure(rows, ask(metric(asked.name, floor=hard)))
    assert (low.floor_p_pass < 0.001, high.floor_p_fail < 0.001) == (True, True)
    assert (low.p_pass, low.champion, low.difference, low.note) == (None, None, None, "no champion")


@pytest.mark.parametrize(
    ("rows", "asked", "note"),
    [
        (ALIKE, Metric("f1", "Maximize"), "unknown metric for this task"),
        (ALIKE, metric("mae"), "unknown metric for this task"),
        (numbers(1.0), metric("accuracy"), "unknown metric for this task"),
        (ALIKE, Metric("accuracy", "Minimize"), "the direction of accuracy is Maximize"),
        (NumberRows(np.zeros(0), np.zeros(0), None), metric("mae"), "the holdout has no rows"),
        (
            ClassRows(np.zeros(600, int), ALIKE.challenger, ALIKE.champion),
            metric("roc_auc"),
            "the holdout has one class only",
        ),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(
    rows: paired_tests.Rows, asked: Metric, note: str
) -> None:
    """All numbers are None, and the note tells what to change."""
    result = paired_tests.measure(rows, ask(asked))
    assert (result.p_pass, result.p_fail, result.challenger) == (None, None, None)
    assert note in result.note


def test_more_than_two_classes_have_no_ranking() -> None:
    """The area is defined for two classes; accuracy and log loss are for any."""
    truth = RNG.integers(0, 3, size=600)
    rows = ClassRows(truth, scores(1, 2.0, truth), scores(2, 0.1, truth))
    assert paired_tests.measure(rows, ask(metric("roc_auc"))).note == "roc_auc needs two classes"
    assert paired_tests.measure(rows, ask(metric("accuracy"))).p_pass < 0.001


@pytest.mark.parametrize("name", ["rmse", "mae"])
def test_one_row_is_no_evidence(name: str) -> None:
    """With n = 1 nothing passes and nothing fails."""
    rows = NumberRows(np.ones(1), np.ones(1), np.zeros(1))
    result = paired_tests.measure(rows, ask(metric(name, margin_type="Relative")))
    assert (result.p_pass, result.p_fail) == (None, None)


def test_a_perfect_champion_has_a_root_of_zero() -> None:
    """An rmse of exactly 0 is compared without dividing by it."""
    rows = numbers(1.0)
    perfect = NumberRows(rows.truth, rows.challenger, rows.truth)
    result = paired_tests.measure(perfect, ask(metric("rmse", margin=0.1)))
    assert (result.champion, result.p_fail < 0.001) == (0.0, True)


def test_a_loss_without_end_is_shown_as_none() -> None:
    """JSON has no infinity: the value is None and the note says why nothing was tested."""
    rows = NumberRows(np.ones(200), np.full(200, np.nan), np.ones(200))
    result = paired_tests.measure(rows, ask(metric("mae")))
    assert (result.challenger, result.note) == (None, "a loss is not finite")
    json.dumps(asdict(result), allow_nan=False)


def test_real_models_on_real_rows_are_decided_as_a_person_would() -> None:
    """Diabetes: all columns beat one column by far, and one column loses against all."""
    data, target = load_diabetes(return_X_y=True)
    full = LinearRegression().fit(data[::2], target[::2]).predict(data[1::2])
    poor = LinearRegression().fit(data[::2, :1], target[::2]).predict(data[1::2, :1])
    asked = metric("mae", margin=0.02, margin_type="Relative")
    better = paired_tests.measure(NumberRows(target[1::2], full, poor), ask(asked))
    worse = paired_tests.measure(NumberRows(target[1::2], poor, full), ask(asked))
    assert (better.p_pass < 0.001, worse.p_fail < 0.001) == (True, True)
