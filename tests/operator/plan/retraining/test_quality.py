"""The data gate refuses what the champion could not have been trained on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api.retrain_job import Quality
from perennial_operator.api.status.retrain_job import QualityStatus
from perennial_operator.plan.retraining import quality
from perennial_operator.plan.retraining.quality import Judgement
from perennial_serving.contract.results import CheckPayload, ColumnCounts


def counts(**fields: Any) -> CheckPayload:  # noqa: ANN401  # fields of any type
    """Return the counts of good data."""
    usual: dict[str, Any] = {
        "uri": "s3://rows",
        "version": "v1",
        "digest": "sha256:1",
        "digest_kind": "Content",
        "train_rows": 10_000,
        "holdout_rows": 2_000,
        "holdout_digest": "sha256:2",
        "schema_hash": "abc",
        "columns": (nulls(100),),
        "champion_nulls": {"age": 0.01},
    }
    return CheckPayload(**{**usual, **fields})


def nulls(number: int, *, rows: int = 10_000, name: str = "age") -> ColumnCounts:
    """Return the counts of a column with so many nulls."""
    return ColumnCounts(name, "number", rows, number)


def judge(found: CheckPayload, *, has_champion: bool = True, **rules: Any) -> Judgement:  # noqa: ANN401  # as above
    """Return the gate's judgement."""
    return quality.judge(found, Quality(**rules), has_champion=has_champion)


def test_good_data_passes_without_a_word() -> None:
    """Nothing failed, nothing warned, nothing skipped."""
    assert judge(counts()) == Judgement(QualityStatus("Pass"), "")


@pytest.mark.parametrize(
    ("fields", "check", "text"),
    [
        ({"missing": ("age",)}, "schema", "columns missing: age; of another type: none"),
        ({"retyped": ("age",)}, "schema", "columns missing: none; of another type: age"),
        ({"train_rows": 999, "columns": ()}, "rows", "999 train rows, quality.minRows is 1000"),
        ({"duplicates": 101}, "duplicates", "101 of 10000 train rows are duplicates"),
        ({"columns": (nulls(6_000),)}, "nulls", "column age: 6000 of 10000 rows are null"),
    ],
)
def test_bad_data_fails(fields: dict[str, Any], check: str, text: str) -> None:
    """The failed check is named, with its numbers."""
    judged = judge(counts(**fields))

    assert (judged.status.verdict, judged.status.failed) == ("Fail", (check,))
    assert text in judged.message


def test_a_column_that_the_champion_does_not_read_warns() -> None:
    """A person is asked about it."""
    judged = judge(counts(extra=("city",)))

    assert judged.status == QualityStatus("Warn", warned=("schema",))
    assert "city" in judged.message


def test_without_a_champion_comparisons_are_skipped_and_named() -> None:
    """No numbers to compare with is no objection, and no silence either."""
    judged = judge(counts(champion_nulls={}), has_champion=False)

    assert judged.status == QualityStatus("Pass", warned=("schema: skipped", "nulls: skipped"))
    assert judged.message == ""


def test_the_schema_need_not_be_compared() -> None:
    """`schema: None` switches that check off, nothing else."""
    assert judge(counts(missing=("age",)), schema="None").status.verdict == "Pass"


def test_fail_beats_warn() -> None:
    """All objections are told, the worst one decides."""
    judged = judge(counts(extra=("city",), duplicates=5_000))

    assert judged.status == QualityStatus("Fail", failed=("duplicates",), warned=("schema",))


def test_the_limits_themselves_pass() -> None:
    """A share of duplicates and a number of rows as large as allowed are fine."""
    judged = judge(counts(duplicates=100, train_rows=10_000), min_rows=10_000)

    assert judged.status.verdict == "Pass"


def test_a_column_unknown_to_the_champion_has_no_null_rate_to_exceed() -> None:
    """Its extra column is the schema check's business."""
    assert judge(counts(columns=(nulls(9_000, name="new"),))).status.verdict == "Pass"


def test_few_rows_prove_no_rise_of_nulls() -> None:
    """Three nulls of ten rows may be chance, three thousand of ten thousand are not."""
    assert judge(counts(columns=(nulls(3, rows=10),))).status.verdict == "Pass"
    assert judge(counts(columns=(nulls(3_000),))).status.verdict == "Fail"


@pytest.mark.parametrize(
    ("successes", "trials", "error", "expected"),
    [
        (1, 10, 0.05, 0.005116196891823701),
        (5, 10, 0.025, 0.18708602844739855),
        (10, 10, 0.05, 0.7411344491069477),
        (50, 1_000, 1e-6, 0.023556521006536386),
        (900, 100_000, 1e-6, 0.007650400850219736),
        (99_999, 100_000, 1e-6, 0.9998331288821866),
        (0, 10, 0.05, 0.0),
        (0, 0, 0.05, 0.0),
    ],
)
def test_the_bound_is_clopper_and_pearson_s(
    *, successes: int, trials: int, error: float, expected: float
) -> None:
    """The values are those of the beta quantile."""
    assert quality.lower_bound(successes, trials, error=error) == pytest.approx(expected, rel=1e-9)


@given(st.integers(1, 3_000), st.integers(0, 3_000))
def test_the_bound_is_below_the_observed_share(successes: int, failures: int) -> None:
    """It never claims more than was seen."""
    trials = successes + failures
    assert 0.0 <= quality.lower_bound(successes, trials) <= successes / trials


@pytest.mark.parametrize(
    ("successes", "trials", "p", "expected"),
    [(2, 3, 0.5, 0.5), (3, 3, 0.5, 0.125), (1, 2, 0.0, 0.0)],
)
def test_the_tail_is_the_binomial_s(
    *, successes: int, trials: int, p: float, expected: float
) -> None:
    """Small cases by hand."""
    assert quality.upper_tail(successes, trials, p) == pytest.approx(expected)
