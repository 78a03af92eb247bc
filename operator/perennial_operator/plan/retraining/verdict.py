"""The gate between champion and challenger: a verdict from the step's numbers, and what follows.

Fail beats Inconclusive beats Pass; every metric must pass (intersection-union, so no further
correction). What is missing, not a number or not tested is Inconclusive, never Pass.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from perennial_operator.api import reasons
from perennial_operator.api.retrain_job import Validation
from perennial_operator.api.status.retrain_job import MetricStatus
from perennial_serving.contract.results import ComparePayload, MetricResult


class Verdict(StrEnum):
    """What the numbers prove; `NOT_RUN` is a run without a gate."""

    PASS = "Pass"  # noqa: S105  # a verdict, not a secret
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    NOT_RUN = "NotRun"


class Next(StrEnum):
    """What the spec makes of a verdict."""

    OFFER = "offer"
    ASK = "ask"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Trial:
    """One metric, and what its two tests prove; None where there is nothing to test against."""

    metric: MetricResult
    paired: Verdict | None
    floor: Verdict | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with its reason, the sentence with the numbers, and each metric."""

    verdict: Verdict
    reason: str
    message: str
    metrics: tuple[MetricStatus, ...] = ()


def alpha(chosen: str, use: int) -> float:
    """Return the error allowed in the `use`-th comparison on the same held-out rows.

    6 alpha / (pi^2 k^2) sums to alpha over all k, so reuse never adds up to more.

    >>> [round(alpha("0.05", k), 4) for k in (1, 2, 7)]
    [0.0304, 0.0076, 0.0006]
    """
    return 6 * float(chosen) / (math.pi**2 * use**2)


def judge(measured: ComparePayload, rules: Validation, *, allowed: float) -> Ruling:
    """Return the verdict on a challenger; `allowed` is the error of this use."""
    if not measured.same_signature:
        text = "the challenger's signature differs from the champion's: they cannot be compared"
        return Ruling(Verdict.INCONCLUSIVE, reasons.OTHER_SIGNATURE, text)
    has_champion = bool(measured.champion_digest)
    trials = [_tried(each, allowed, has_champion=has_champion) for each in measured.metrics]
    metrics = tuple(_status(trial) for trial in trials)
    message = "; ".join(_sentence(trial) for trial in trials)
    for objection in OBJECTIONS:
        if reason := objection(measured, rules, trials):
            verdict = VERDICTS.get(reason, Verdict.INCONCLUSIVE)
            return Ruling(verdict, reason, _explained(reason, measured, rules) + message, metrics)
    return Ruling(Verdict.PASS, reasons.PASSED, message, metrics)


def decided(p_pass: float | None, p_fail: float | None, allowed: float) -> Verdict:
    """Return what two one-sided tests prove; not a number proves nothing."""
    if p_fail is not None and p_fail <= allowed:
        return Verdict.FAIL
    if p_pass is not None and p_pass <= allowed:
        return Verdict.PASS
    return Verdict.INCONCLUSIVE


def follows(ruling: Ruling, rules: Validation) -> Next:
    """Return what happens after a verdict; approvals that others ask for come on top."""
    if rules.mode == "Observe" or ruling.reason == reasons.OTHER_SIGNATURE:
        return Next.ASK
    if ruling.verdict is Verdict.PASS:
        return Next.OFFER
    if ruling.verdict is Verdict.FAIL:
        return Next.ASK if rules.on_fail == "RequireApproval" else Next.REJECT
    if ruling.reason == reasons.NO_CHAMPION:
        return Next.OFFER if rules.on_no_champion == "Accept" else Next.ASK
    return Next.ASK if rules.on_inconclusive == "RequireApproval" else Next.REJECT


VERDICTS: Mapping[str, Verdict] = {
    reasons.REGRESSED: Verdict.FAIL,
    reasons.BELOW_FLOOR: Verdict.FAIL,
}

Objection = Callable[[ComparePayload, Validation, Sequence[Trial]], str]


def _regressed(_measured: ComparePayload, _rules: Validation, trials: Sequence[Trial]) -> str:
    found = any(trial.paired is Verdict.FAIL for trial in trials)
    return reasons.REGRESSED if found else ""


def _below_floor(_measured: ComparePayload, _rules: Validation, trials: Sequence[Trial]) -> str:
    found = any(trial.floor is Verdict.FAIL for trial in trials)
    return reasons.BELOW_FLOOR if found else ""


def _too_few_rows(measured: ComparePayload, rules: Validation, _trials: Sequence[Trial]) -> str:
    return reasons.HOLDOUT_SHORT if measured.rows < rules.min_samples else ""


def _undecided(measured: ComparePayload, _rules: Validation, trials: Sequence[Trial]) -> str:
    found = any(Verdict.INCONCLUSIVE in (trial.paired, trial.floor) for trial in trials)
    nothing_tested = bool(measured.champion_digest) and not trials
    return reasons.INCONCLUSIVE if found or nothing_tested else ""


def _without_champion(
    measured: ComparePayload, _rules: Validation, _trials: Sequence[Trial]
) -> str:
    return "" if measured.champion_digest else reasons.NO_CHAMPION


# Reading the tuple is reading the gate: harm first, so that missing evidence never hides it.
OBJECTIONS: tuple[Objection, ...] = (
    _regressed,
    _below_floor,
    _too_few_rows,
    _undecided,
    _without_champion,
)


def _tried(metric: MetricResult, allowed: float, *, has_champion: bool) -> Trial:
    paired = decided(metric.p_pass, metric.p_fail, allowed) if has_champion else None
    has_floor = metric.floor is not None
    floor = decided(metric.floor_p_pass, metric.floor_p_fail, allowed) if has_floor else None
    return Trial(metric, paired, floor)


def _status(trial: Trial) -> MetricStatus:
    metric = trial.metric
    return MetricStatus(
        name=metric.name,
        verdict=_overall(trial),
        challenger=_number(metric.challenger),
        champion=_number(metric.champion),
        difference=_number(metric.difference),
        lower=_number(metric.lower),
        upper=_number(metric.upper),
        bound=_number(metric.tau),
    )


def _overall(trial: Trial) -> str:
    found = {trial.paired, trial.floor} - {None}
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        if verdict in found:
            return verdict
    return Verdict.NOT_RUN


def _sentence(trial: Trial) -> str:
    metric, status = trial.metric, _status(trial)
    text = f"{metric.name} {status.challenger or 'unknown'}"
    if trial.paired is not None:
        text += (
            f" against the champion's {status.champion or 'unknown'}, difference "
            f"{status.difference or 'unknown'} in [{status.lower or '?'}, {status.upper or '?'}], "
            f"bound {status.bound}: {trial.paired}"
        )
    if trial.floor is not None:
        text += f", floor {_number(metric.floor)}: {trial.floor}"
    return f"{text} ({metric.note})" if metric.note else text


def _explained(reason: str, measured: ComparePayload, rules: Validation) -> str:
    if reason == reasons.HOLDOUT_SHORT:
        return f"{measured.rows} held-out rows, validation.minSamples is {rules.min_samples}; "
    if reason == reasons.NO_CHAMPION:
        return "no stable revision to compare with; "
    return ""


def _number(value: float | None) -> str:
    """Return a decimal for people, "" for none: six places, no exponent."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"
