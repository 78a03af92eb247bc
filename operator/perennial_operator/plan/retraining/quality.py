"""The data gate: judges the counts of `job check` before compute is spent.

A tuple of checks; reading it is reading the gate. Fail ends the run, Warn asks a person, and a
comparison without a champion's numbers is skipped and named.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from perennial_operator.api.retrain_job import Quality
from perennial_operator.api.status.retrain_job import QualityStatus
from perennial_serving.contract.results import CheckPayload

NULLS_ERROR = 1e-6
BISECTIONS = 60
NEGLIGIBLE = 1e-17


class Level(StrEnum):
    """What a finding does to the run."""

    FAIL = "Fail"
    WARN = "Warn"
    SKIPPED = "Skipped"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The counts, the rules, and whether there is a champion to compare with."""

    counts: CheckPayload
    rules: Quality
    has_champion: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection: its check, its level, and the sentence with the numbers."""

    check: str
    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of the gate, and its objections in words."""

    status: QualityStatus
    message: str


Check = Callable[[Evidence], Finding | None]


def schema_fits(seen: Evidence) -> Finding | None:
    """Fail on a column that the champion reads and that is missing or of another type."""
    if seen.rules.schema == "None":
        return None
    if not seen.has_champion:
        return Finding("schema", Level.SKIPPED, "no champion to compare the schema with")
    counts = seen.counts
    if counts.missing or counts.retyped:
        missing, retyped = _listed(counts.missing), _listed(counts.retyped)
        text = f"columns missing: {missing}; of another type: {retyped}"
        return Finding("schema", Level.FAIL, text)
    if counts.extra:
        text = f"columns that the champion does not read: {_listed(counts.extra)}"
        return Finding("schema", Level.WARN, text)
    return None


def has_rows(seen: Evidence) -> Finding | None:
    """Fail on too few train rows."""
    rows, least = seen.counts.train_rows, seen.rules.min_rows
    if rows >= least:
        return None
    return Finding("rows", Level.FAIL, f"{rows} train rows, quality.minRows is {least}")


def nulls_are_known(seen: Evidence) -> Finding | None:
    """Fail on a feature whose null rate is surely above the champion's plus the allowance."""
    if not seen.counts.champion_nulls:
        return Finding("nulls", Level.SKIPPED, "no champion's null rates to compare with")
    allowed = float(seen.rules.max_null_increase)
    for column in seen.counts.columns:
        before = seen.counts.champion_nulls.get(column.name)
        if before is None:
            continue
        lower = lower_bound(column.nulls, column.rows)
        if lower > before + allowed:
            text = (
                f"column {column.name}: {column.nulls} of {column.rows} rows are null, surely "
                f"above {lower:.4f}; the champion's rate was {before:.4f}, "
                f"quality.maxNullIncrease is {allowed:g}"
            )
            return Finding("nulls", Level.FAIL, text)
    return None


def rows_are_distinct(seen: Evidence) -> Finding | None:
    """Fail on too large a share of duplicates."""
    counts, allowed = seen.counts, seen.rules.max_duplicates
    if counts.duplicates <= Decimal(allowed) * counts.train_rows:
        return None
    text = (
        f"{counts.duplicates} of {counts.train_rows} train rows are duplicates, "
        f"quality.maxDuplicates is {allowed}"
    )
    return Finding("duplicates", Level.FAIL, text)


CHECKS: tuple[Check, ...] = (schema_fits, has_rows, nulls_are_known, rows_are_distinct)


def judge(counts: CheckPayload, rules: Quality, *, has_champion: bool) -> Judgement:
    """Return the verdict over all checks: Fail beats Warn beats Pass."""
    evidence = Evidence(counts, rules, has_champion)
    findings = [finding for check in CHECKS if (finding := check(evidence))]
    failed = tuple(each.check for each in findings if each.level is Level.FAIL)
    warned = tuple(each.check for each in findings if each.level is Level.WARN)
    skipped = tuple(f"{each.check}: skipped" for each in findings if each.level is Level.SKIPPED)
    verdict = "Fail" if failed else "Warn" if warned else "Pass"
    objections = [each.message for each in findings if each.level is not Level.SKIPPED]
    return Judgement(
        QualityStatus(verdict=verdict, failed=failed, warned=(*warned, *skipped)),
        "; ".join(objections),
    )


def lower_bound(successes: int, trials: int, *, error: float = NULLS_ERROR) -> float:
    """Return the one-sided Clopper-Pearson lower bound of a share.

    It is the p with P(X >= successes | trials, p) = error (Clopper and Pearson 1934).

    >>> round(lower_bound(10, 10, error=0.05), 4)  # 0.05 ** (1 / 10)
    0.7411
    """
    if successes <= 0:
        return 0.0
    low, high = 0.0, min(successes / trials, 1.0)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if upper_tail(successes, trials, middle) < error:
            low = middle
        else:
            high = middle
    return low


def upper_tail(successes: int, trials: int, p: float) -> float:
    """Return P(X >= successes) of a binomial, for p <= successes / trials.

    There the terms only fall, so the sum ends where they no longer count.
    """
    if p <= 0.0:
        return 0.0
    failures = trials - successes
    term = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(successes + 1)
        - math.lgamma(failures + 1)
        + successes * math.log(p)
        + failures * math.log1p(-p)
    )
    total = term
    for hits in range(successes, trials):
        term *= (trials - hits) / (hits + 1) * p / (1 - p)
        total += term
        if term < total * NEGLIGIBLE:
            break
    return total


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(columns[:10]) or "none"
