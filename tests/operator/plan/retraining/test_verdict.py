"""The gate's verdicts: what is not proven never passes."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api import reasons
from perennial_operator.api.retrain_job import Validation
from perennial_operator.api.status.retrain_job import MetricStatus
from perennial_operator.plan.retraining import verdict
from perennial_operator.plan.retraining.verdict import Next, Ruling, Verdict
from perennial_operator.testing import runs
from perennial_serving.contract.results import ComparePayload, MetricResult

PASSING = {"p_pass": 0.001, "p_fail": 0.999}
FAILING = {"p_pass": 0.999, "p_fail": 0.001}
UNDECIDED = {"p_pass": 0.3, "p_fail": 0.7}
UNTESTED = {"p_pass": None, "p_fail": None}
FLOOR_PASSING = {"floor": 0.8, "floor_p_pass": 0.001, "floor_p_fail": 0.999}
FLOOR_FAILING = {"floor": 0.8, "floor_p_pass": 0.999, "floor_p_fail": 0.001}
FLOOR_UNDECIDED = {"floor": 0.8, "floor_p_pass": 0.4, "floor_p_fail": 0.6}

UNTESTED_METRIC = {"champion": None, "difference": None, "lower": None, "upper": None, **UNTESTED}


def measured(*metrics: MetricResult, **fields: Any) -> ComparePayload:  # noqa: ANN401  # fields of any type
    """Return what `job compare` measured."""
    usual: dict[str, Any] = {
        "candidate_digest": runs.CANDIDATE,
        "champion_digest": runs.CHAMPION,
        "rows": 2_000,
        "groups": 2_000,
        "alpha": 0.03,
        "metrics": metrics,
        "evidence_uri": "s3://evidence",
        "evidence_digest": runs.EVIDENCE,
    }
    return ComparePayload(**{**usual, **fields})


def judge(found: ComparePayload, **rules: Any) -> Ruling:  # noqa: ANN401  # as above
    """Return the ruling at an allowed error of 0.03."""
    return verdict.judge(found, Validation(**rules), allowed=0.03)


@pytest.mark.parametrize(
    ("fields", "expected", "reason"),
    [
        (PASSING, Verdict.PASS, reasons.PASSED),
        (FAILING, Verdict.FAIL, reasons.REGRESSED),
        (UNDECIDED, Verdict.INCONCLUSIVE, reasons.INCONCLUSIVE),
        (UNTESTED, Verdict.INCONCLUSIVE, reasons.INCONCLUSIVE),
        ({"p_pass": math.nan, "p_fail": math.nan}, Verdict.INCONCLUSIVE, reasons.INCONCLUSIVE),
        ({"p_pass": 0.03, "p_fail": 0.97}, Verdict.PASS, reasons.PASSED),
        ({"p_pass": 0.97, "p_fail": 0.03}, Verdict.FAIL, reasons.REGRESSED),
        ({**PASSING, **FLOOR_PASSING}, Verdict.PASS, reasons.PASSED),
        ({**PASSING, **FLOOR_FAILING}, Verdict.FAIL, reasons.BELOW_FLOOR),
        ({**PASSING, **FLOOR_UNDECIDED}, Verdict.INCONCLUSIVE, reasons.INCONCLUSIVE),
        ({**FAILING, **FLOOR_FAILING}, Verdict.FAIL, reasons.REGRESSED),
    ],
)
def test_one_metric_decides_by_its_tests(
    fields: dict[str, float], expected: Verdict, reason: str
) -> None:
    """Both the comparison and the floor must pass; missing numbers prove nothing."""
    ruling = judge(measured(runs.metric(**fields)))

    assert (ruling.verdict, ruling.reason) == (expected, reason)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((PASSING, PASSING), Verdict.PASS),
        ((PASSING, UNDECIDED), Verdict.INCONCLUSIVE),
        ((UNDECIDED, FAILING), Verdict.FAIL),
        ((PASSING, FAILING), Verdict.FAIL),
    ],
)
def test_all_metrics_must_pass(others: tuple[dict[str, float], ...], expected: Verdict) -> None:
    """Fail beats Inconclusive beats Pass."""
    assert judge(measured(*(runs.metric(**each) for each in others))).verdict is expected


def test_a_champion_that_nothing_was_compared_with_is_inconclusive() -> None:
    """No metrics are no gate, so they are no pass."""
    assert judge(measured()).verdict is Verdict.INCONCLUSIVE


def test_few_rows_are_inconclusive() -> None:
    """Even if the tests would pass."""
    ruling = judge(measured(runs.metric(), rows=499))

    assert (ruling.verdict, ruling.reason) == (Verdict.INCONCLUSIVE, reasons.HOLDOUT_SHORT)
    assert ruling.message.startswith("499 held-out rows, validation.minSamples is 500; roc_auc")


def test_few_rows_hide_no_harm() -> None:
    """A proven regression fails on any number of rows."""
    assert judge(measured(runs.metric(**FAILING), rows=10)).verdict is Verdict.FAIL


def test_models_with_other_signatures_are_not_compared() -> None:
    """The verdict is open whatever the numbers say."""
    ruling = judge(measured(runs.metric(), same_signature=False))

    assert (ruling.verdict, ruling.reason) == (Verdict.INCONCLUSIVE, reasons.OTHER_SIGNATURE)
    assert ruling.metrics == ()


@pytest.mark.parametrize(
    ("fields", "expected", "reason"),
    [
        ({}, Verdict.INCONCLUSIVE, reasons.NO_CHAMPION),
        (FLOOR_PASSING, Verdict.INCONCLUSIVE, reasons.NO_CHAMPION),
        (FLOOR_UNDECIDED, Verdict.INCONCLUSIVE, reasons.INCONCLUSIVE),
        (FLOOR_FAILING, Verdict.FAIL, reasons.BELOW_FLOOR),
    ],
)
def test_without_a_champion_floors_still_count(
    fields: dict[str, float], expected: Verdict, reason: str
) -> None:
    """An absent champion never counts as good."""
    found = runs.metric(**{**UNTESTED_METRIC, **fields})

    ruling = judge(measured(found, champion_digest=""))

    assert (ruling.verdict, ruling.reason) == (expected, reason)


def test_the_status_shows_the_numbers() -> None:
    """Decimals are strings; the sentence repeats them for people."""
    ruling = judge(measured(runs.metric(**FLOOR_PASSING, note="rows of 3 groups")))

    assert ruling.metrics == (
        MetricStatus(
            name="roc_auc",
            verdict="Pass",
            challenger="0.91",
            champion="0.9",
            difference="0.01",
            lower="0.001",
            upper="0.019",
            bound="-0.01",
        ),
    )
    assert ruling.message == (
        "roc_auc 0.91 against the champion's 0.9, difference 0.01 in [0.001, 0.019], bound -0.01: "
        "Pass, floor 0.8: Pass (rows of 3 groups)"
    )


def test_what_was_not_measured_is_shown_as_unknown() -> None:
    """Missing and infinite numbers are neither zero nor printed."""
    ruling = judge(measured(runs.metric(**UNTESTED_METRIC, challenger=math.inf)))

    assert ruling.metrics[0].challenger == ""
    assert "difference unknown in [?, ?]" in ruling.message
    without = judge(measured(runs.metric(**UNTESTED_METRIC), champion_digest=""))
    assert without.metrics[0].verdict == "NotRun"
    assert without.message == "no stable revision to compare with; roc_auc 0.91"


def test_zero_is_written_as_zero() -> None:
    """A difference of zero is a number, not a missing one."""
    assert judge(measured(runs.metric(difference=0.0))).metrics[0].difference == "0"


@pytest.mark.parametrize(
    ("mode", "ruling", "rules", "expected"),
    [
        ("Enforce", (Verdict.PASS, reasons.PASSED), {}, Next.OFFER),
        ("Enforce", (Verdict.FAIL, reasons.REGRESSED), {}, Next.REJECT),
        ("Enforce", (Verdict.FAIL, reasons.REGRESSED), {"on_fail": "RequireApproval"}, Next.ASK),
        ("Enforce", (Verdict.INCONCLUSIVE, reasons.INCONCLUSIVE), {}, Next.ASK),
        (
            "Enforce",
            (Verdict.INCONCLUSIVE, reasons.HOLDOUT_SHORT),
            {"on_inconclusive": "Reject"},
            Next.REJECT,
        ),
        ("Enforce", (Verdict.INCONCLUSIVE, reasons.NO_CHAMPION), {}, Next.ASK),
        (
            "Enforce",
            (Verdict.INCONCLUSIVE, reasons.NO_CHAMPION),
            {"on_no_champion": "Accept"},
            Next.OFFER,
        ),
        (
            "Enforce",
            (Verdict.INCONCLUSIVE, reasons.OTHER_SIGNATURE),
            {"on_inconclusive": "Reject"},
            Next.ASK,
        ),
        ("Observe", (Verdict.PASS, reasons.PASSED), {}, Next.ASK),
        ("Observe", (Verdict.FAIL, reasons.REGRESSED), {}, Next.ASK),
    ],
)
def test_the_spec_says_what_follows_a_verdict(
    *, mode: str, ruling: tuple[Verdict, str], rules: dict[str, Any], expected: Next
) -> None:
    """Every policy field moves exactly its own verdict."""
    found = verdict.follows(Ruling(*ruling, ""), Validation(mode=mode, **rules))
    assert found is expected


def test_reuse_of_held_out_rows_never_adds_up_to_more_than_alpha() -> None:
    """The errors of all uses sum to the chosen one."""
    spent = sum(verdict.alpha("0.05", use) for use in range(1, 20_000))

    assert spent < 0.05
    assert spent == pytest.approx(0.05, abs=1e-5)


@given(st.floats(0, 1) | st.none(), st.floats(0, 1) | st.none(), st.floats(0.0001, 0.2))
def test_swapped_tests_mirror_the_verdict(
    p_pass: float | None, p_fail: float | None, allowed: float
) -> None:
    """Challenger and champion are treated alike, but harm wins a tie."""
    mirrored = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS}
    one = verdict.decided(p_pass, p_fail, allowed)
    other = verdict.decided(p_fail, p_pass, allowed)
    assert other in (mirrored.get(one, one), Verdict.FAIL)


@given(st.lists(st.sampled_from([PASSING, FAILING, UNDECIDED, UNTESTED]), max_size=5))
def test_only_proof_of_every_metric_passes(metrics: list[dict[str, float]]) -> None:
    """Pass means that each metric passed, and that there was one."""
    ruling = judge(measured(*(runs.metric(**each) for each in metrics)))

    proven = bool(metrics) and all(each is PASSING for each in metrics)
    assert (ruling.verdict is Verdict.PASS) == proven
