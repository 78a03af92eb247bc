"""Which test answers which question, and how its answer is shown.

Differences are better-is-positive, challenger minus champion. This file makes no verdict: the
operator makes it from the p values (None = not defined, hence Inconclusive).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite, sqrt

import numpy as np

from perennial_serving.contract.results import MetricResult
from perennial_serving.stats import areas, losses, means, proportions
from perennial_serving.stats.answers import Answer, Floats, Integers
from perennial_serving.stats.questions import (
    DIRECTIONS,
    ClassRows,
    Metric,
    NumberRows,
    Question,
    Rows,
)

NO_CHAMPION = Answer(note="no champion")
NO_FLOOR = Answer()
SHOWN_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Values:
    """Both models' value of each row, whose mean is the metric."""

    mine: Floats
    theirs: Floats | None
    groups: Integers | None


@dataclass(frozen=True, slots=True)
class Measured:
    """Both models' metric, the tested bound and what the paired and the floor test answer."""

    mine: float | None = None
    theirs: float | None = None
    tau: float = 0.0
    paired: Answer = NO_CHAMPION
    floor: Answer = NO_FLOOR


def measure(rows: Rows, question: Question) -> MetricResult:
    """Compare both models by one metric and return all numbers that the verdict needs.

    Without a champion only the floor is tested. What cannot be tested has None and a note.
    """
    if problem := _problem(rows, question.metric):
        return _shown(question, Measured(paired=Answer(note=problem), tau=question.bound))
    if isinstance(rows, ClassRows):
        return _shown(question, _CLASS_MEASURES[question.metric.name](rows, question))
    return _shown(question, _NUMBER_MEASURES[question.metric.name](rows, question))


def _problem(rows: Rows, metric: Metric) -> str:
    """Return why this metric cannot be asked of these rows, or nothing."""
    known = _CLASS_MEASURES if isinstance(rows, ClassRows) else _NUMBER_MEASURES
    if metric.name not in known:
        return "unknown metric for this task; use one of " + ", ".join(known)
    if metric.direction != DIRECTIONS[metric.name]:
        return f"the direction of {metric.name} is {DIRECTIONS[metric.name]}"
    if rows.truth.size == 0:
        return "the holdout has no rows"
    return ""


def _accuracy(rows: ClassRows, question: Question) -> Measured:
    mine = losses.right_rows(rows.truth, rows.challenger.labels)
    champion = rows.champion
    theirs = None if champion is None else losses.right_rows(rows.truth, champion.labels)
    if rows.groups is not None or question.relative:
        other = None if theirs is None else theirs.astype(np.float64)
        return _of_means(Values(mine.astype(np.float64), other, rows.groups), question)
    measured = Measured(mine=float(mine.mean()), tau=question.absolute)
    if question.metric.floor is not None:
        floor = proportions.proportion_floor(
            int(mine.sum()), mine.size, floor=question.metric.floor, alpha=question.alpha
        )
        measured = replace(measured, floor=floor)
    if theirs is None:
        return measured
    wins, lost = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    paired = proportions.paired_proportions(
        mine.size, wins, lost, tau=question.absolute, alpha=question.alpha
    )
    return replace(measured, theirs=float(theirs.mean()), paired=paired)


def _log_loss(rows: ClassRows, question: Question) -> Measured:
    mine = losses.log_losses(rows.truth, rows.challenger.probabilities)
    champion = rows.champion
    theirs = None if champion is None else losses.log_losses(rows.truth, champion.probabilities)
    return _of_means(Values(mine, theirs, rows.groups), question)


def _mae(rows: NumberRows, question: Question) -> Measured:
    mine, theirs = losses.absolute_errors(rows.truth, rows.challenger, rows.champion)
    return _of_means(Values(mine, theirs, rows.groups), question)


def _mse(rows: NumberRows, question: Question) -> Measured:
    return _of_means(_squared(rows), question)


def _squared(rows: NumberRows) -> Values:
    mine, theirs = losses.absolute_errors(rows.truth, rows.challenger, rows.champion)
    return Values(np.square(mine), None if theirs is None else np.square(theirs), rows.groups)


def _of_means(values: Values, question: Question) -> Measured:
    """Test a metric that is a mean of row values: x = sign (v1 - v2) - tau - r v2 against 0."""
    sign, metric = question.sign, question.metric
    measured = Measured(mine=float(values.mine.mean()), tau=question.absolute)
    if metric.floor is not None:
        above = sign * (values.mine - metric.floor)
        floor = means.mean_test(above, values.groups, alpha=question.alpha)
        measured = replace(measured, floor=floor)
    if values.theirs is None:
        return measured
    gains = sign * (values.mine - values.theirs) - question.absolute
    gains -= question.relative * values.theirs
    theirs = float(values.theirs.mean())
    tau = question.absolute + question.relative * theirs
    paired = means.mean_test(gains, values.groups, alpha=question.alpha)
    return replace(measured, theirs=theirs, tau=tau, paired=_moved(paired, tau))


def _rmse(rows: NumberRows, question: Question) -> Measured:
    """Test roots of mean squares: by squares (relative bound) or linearized (absolute bound)."""
    values, metric = _squared(rows), question.metric
    mine = sqrt(float(values.mine.mean()))
    measured = Measured(mine=mine, tau=question.absolute)
    if metric.floor is not None:
        below = metric.floor**2 - values.mine
        floor = means.mean_test(below, values.groups, alpha=question.alpha)
        measured = replace(measured, floor=floor)
    if values.theirs is None:
        return measured
    theirs = sqrt(float(values.theirs.mean()))
    tau = question.absolute + question.relative * theirs
    by = _root_by_squares if question.relative else _root_linearized
    return replace(measured, theirs=theirs, tau=tau, paired=by(values, values.theirs, question))


def _root_by_squares(values: Values, theirs: Floats, question: Question) -> Answer:
    """Test (1 - r)^2 l2 - l1 against 0, which is "root 1 at most (1 - r) root 2"."""
    share = (1 - question.relative) ** 2
    answer = means.mean_test(share * theirs - values.mine, values.groups, alpha=question.alpha)
    if answer.lower is None or answer.upper is None:
        return answer
    limit, root = share * float(theirs.mean()), sqrt(float(theirs.mean()))
    lower, upper = (root - sqrt(max(limit - end, 0.0)) for end in (answer.lower, answer.upper))
    return replace(answer, lower=lower, upper=upper)


def _root_linearized(values: Values, theirs: Floats, question: Question) -> Answer:
    """Test the difference of roots by the row values root + (l - mean l) / (2 root)."""
    gains = _root_parts(theirs) - _root_parts(values.mine) - question.absolute
    return _moved(means.mean_test(gains, values.groups, alpha=question.alpha), question.absolute)


def _root_parts(squares: Floats) -> Floats:
    mean = float(squares.mean())
    root = sqrt(mean)
    return root + (squares - mean) / (2 * root) if root else squares


def _roc_auc(rows: ClassRows, question: Question) -> Measured:
    if not rows.is_binary:
        return Measured(paired=Answer(note="roc_auc needs two classes"), tau=question.bound)
    is_positive = rows.truth == 1
    if is_positive.all() or not is_positive.any():
        return Measured(paired=Answer(note="the holdout has one class only"), tau=question.bound)

    def placed(probabilities: Floats) -> areas.Placements:
        scores = np.where(losses.usable_probabilities(probabilities), probabilities[:, 1], np.nan)
        return areas.placements(is_positive, losses.positive_scores(is_positive, scores))

    mine = areas.AreaRows(is_positive, placed(rows.challenger.probabilities), rows.groups)
    measured = Measured(mine=mine.challenger.area, tau=question.absolute)
    if question.metric.floor is not None:
        floor = areas.area_floor(mine, floor=question.metric.floor, alpha=question.alpha)
        measured = replace(measured, floor=floor)
    if rows.champion is None:
        return measured
    theirs = placed(rows.champion.probabilities)
    bound = areas.Bound(tau=question.absolute, scale=question.relative, alpha=question.alpha)
    return replace(
        measured,
        theirs=theirs.area,
        tau=question.absolute + question.relative * theirs.area,
        paired=areas.area_test(mine, theirs, bound),
    )


def _moved(answer: Answer, shift: float) -> Answer:
    """Return the answer with its interval moved from "above the bound" to the difference."""
    if answer.lower is None or answer.upper is None:
        return answer
    return replace(answer, lower=answer.lower + shift, upper=answer.upper + shift)


def _shown(question: Question, measured: Measured) -> MetricResult:
    """Return the numbers in the words of the contract, rounded as they are compared."""
    mine, theirs = _rounded(measured.mine), _rounded(measured.theirs)
    difference = None if mine is None or theirs is None else question.sign * (mine - theirs)
    notes = (measured.paired.note, measured.floor.note)
    return MetricResult(
        name=question.metric.name,
        direction=question.metric.direction,
        challenger=mine,
        champion=theirs,
        difference=_rounded(difference),
        lower=_rounded(measured.paired.lower),
        upper=_rounded(measured.paired.upper),
        tau=_rounded(measured.tau) or 0.0,
        p_pass=_rounded(measured.paired.p_pass),
        p_fail=_rounded(measured.paired.p_fail),
        floor=question.metric.floor,
        floor_p_pass=_rounded(measured.floor.p_pass),
        floor_p_fail=_rounded(measured.floor.p_fail),
        note="; ".join(dict.fromkeys(note for note in notes if note)),
    )


def _rounded(value: float | None) -> float | None:
    """Return nine significant digits, and None for what is no number."""
    if value is None or not isfinite(value):
        return None
    return float(f"{value:.{SHOWN_DIGITS}g}")


_CLASS_MEASURES: Mapping[str, Callable[[ClassRows, Question], Measured]] = {
    "accuracy": _accuracy,
    "roc_auc": _roc_auc,
    "log_loss": _log_loss,
}
_NUMBER_MEASURES: Mapping[str, Callable[[NumberRows, Question], Measured]] = {
    "mae": _mae,
    "mse": _mse,
    "rmse": _rmse,
}
