"""Champion and challenger are compared on equal terms, and the verdict decides what follows."""

import json
from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.api.status.retrain_job import RetrainJobStatus, ValidationStatus
from perennial_operator.plan.retraining import run
from perennial_operator.plan.retraining.stages import validating
from perennial_operator.plan.snapshot import RunFacts, RunSnapshot
from perennial_operator.testing import FakeCluster, JobResult, builders, runs
from perennial_serving.contract.results import Outcome, Reason

FAILING = runs.metric(p_pass=0.99, p_fail=0.001)
UNDECIDED = runs.metric(p_pass=0.4, p_fail=0.6)
UNTESTED = runs.metric(p_pass=None, p_fail=None, champion=None, difference=None)
KNOWN = {"requestedBy": "scientist"}


def comparing(result: JobResult | None, *, stable: str = "one", **spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose validate step ended so, before the run saw it; None: it runs."""
    cluster = runs.world(stable=stable, **spec)
    runs.succeed(cluster)
    cluster.simulation.jobs.pop("again-validate-1")
    runs.until(cluster, "Validating")
    cluster.tick(run.decide)
    if result:
        cluster.simulation.jobs["again-validate-1"] = result
        cluster.advance(1)
    return cluster


def judged(result: JobResult, **spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world in which the run saw how its validate step ended."""
    cluster = comparing(result, **spec)
    cluster.tick(run.decide)
    return cluster


def test_the_champion_is_frozen_with_the_intent() -> None:
    """Its digest and the allowed error are in status before the step runs."""
    status = comparing(None).status()

    assert status["champion"] == {
        "revision": "churn-one",
        "digest": runs.CHAMPION,
        "uri": "s3://models/one",
        "changes": 0,
    }
    assert status["validation"] == {
        "verdict": "NotRun",
        "goal": "NonInferior",
        "alpha": "0.030396",
        "use": 1,
        "rows": 0,
        "groups": 0,
    }


def test_the_step_compares_what_was_frozen() -> None:
    """Both models by digest, the pinned rows, and the error of this use."""
    cluster = comparing(None, validation={"metrics": [{"name": "accuracy", "floor": "0.8"}]})

    pod = (cluster.document("Job", "again-validate-1") or {})["spec"]["template"]["spec"]
    environment = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    document = json.loads(environment["PERENNIAL_STEP"])
    assert document["candidateDigest"] == runs.CANDIDATE
    assert document["championDigest"] == runs.CHAMPION
    assert document["holdoutDigest"] == builders.digest("holdout")
    assert document["alpha"] == pytest.approx(0.0304, abs=1e-4)
    assert document["metrics"][0]["floor"] == 0.8


def test_a_pass_is_offered_at_once() -> None:
    """Nobody has to be asked."""
    cluster = judged(runs.compare_answer())
    status = cluster.status()

    assert (status["state"], status["validation"]["verdict"]) == ("Promoting", "Pass")
    told = runs.told(status)
    assert told["Validated"] == ("True", reasons.PASSED)
    assert told["Approved"] == ("True", reasons.NOT_REQUIRED)
    assert status["validation"]["evidenceDigest"] == runs.EVIDENCE
    assert cluster.events[-1].reason == reasons.GATE_PASSED


def test_a_regression_is_refused_with_its_numbers() -> None:
    """The run did its work: Complete, outcome Rejected."""
    cluster = judged(runs.compare_answer(FAILING))
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", "Rejected")
    told = runs.told(status)
    assert told["Validated"] == ("False", reasons.REGRESSED)
    assert told["Complete"] == ("True", reasons.CANDIDATE_REJECTED)
    assert "Failed" not in told
    assert "Stalled" not in told
    assert "bound -0.01: Fail" in status["conditions"][-1]["message"]
    assert [each.reason for each in cluster.events][-2:] == ["GateRefused", "RunEnded"]


@pytest.mark.parametrize(
    ("result", "spec", "because"),
    [
        (runs.compare_answer(UNDECIDED), {}, ["verdict Inconclusive"]),
        (runs.compare_answer(rows=10), {}, ["verdict HoldoutShort"]),
        (runs.compare_answer(same_signature=False), {}, ["verdict OtherSignature"]),
        (
            runs.compare_answer(FAILING),
            {"validation": {"onFail": "RequireApproval"}},
            ["verdict Regressed"],
        ),
        (
            runs.compare_answer(),
            {"validation": {"mode": "Observe"}, "approval": {"required": True}},
            ["spec.approval.required", "validation.mode Observe", "verdict Passed"],
        ),
        (runs.compare_answer(), {"requestedBy": ""}, ["no spec.requestedBy"]),
    ],
)
def test_a_person_is_asked(result: JobResult, spec: dict[str, Any], because: list[str]) -> None:
    """Status says how many are needed, why, and until when."""
    cluster = judged(result, **{**KNOWN, **spec})
    status = cluster.status()

    assert status["state"] == "AwaitingApproval"
    assert status["approval"]["needed"] == 1
    assert status["approval"]["because"] == because
    assert runs.told(status)["Approved"] == ("Unknown", reasons.WAITING)
    assert cluster.events[-1].reason == reasons.APPROVAL_NEEDED


def test_an_override_is_asked_for_by_its_name() -> None:
    """After a failed gate only Promote counts, so the message says Promote."""
    status = judged(runs.compare_answer(FAILING), validation={"onFail": "RequireApproval"}).status()

    assert (
        "create a Decision Promote with the evidence digest" in status["conditions"][3]["message"]
    )


@pytest.mark.parametrize(
    ("accept", "state"), [("Accept", "Promoting"), ("RequireApproval", "AwaitingApproval")]
)
def test_without_a_champion_the_spec_decides(accept: str, state: str) -> None:
    """Floors were tested; there is nobody to be compared with."""
    cluster = judged(
        runs.compare_answer(UNTESTED, champion_digest=""),
        stable="",
        validation={"onNoChampion": accept},
    )
    status = cluster.status()

    assert status["state"] == state
    assert runs.told(status)["Validated"] == ("Unknown", reasons.NO_CHAMPION)


def test_a_signature_that_the_step_refuses_asks_a_person() -> None:
    """The candidate's digest stands for the evidence that does not exist."""
    status = judged(runs.refusal(Outcome.INVALID, Reason.OTHER_SIGNATURE)).status()

    assert status["state"] == "AwaitingApproval"
    assert status["validation"]["evidenceDigest"] == runs.CANDIDATE


def test_a_step_that_cannot_compare_fails_the_run() -> None:
    """Infrastructure or contract: Failed, not Rejected."""
    status = judged(runs.refusal(Outcome.INVALID, Reason.DIGEST_MISMATCH)).status()

    assert (status["outcome"], runs.told(status)["Failed"][1]) == ("Failed", "DigestMismatch")


@pytest.mark.parametrize(
    "result",
    [
        runs.compare_answer(candidate_digest=builders.digest("other")),
        runs.compare_answer(champion_digest=builders.digest("other")),
        runs.compare_answer(evidence_digest=""),
        runs.refusal(Outcome.OK, Reason.OK),
    ],
)
def test_numbers_about_others_are_no_answer(result: JobResult) -> None:
    """The step runs again; nothing is decided from them."""
    status = judged(result).status()

    assert (status["state"], status["tries"]["validate"]) == ("Validating", 2)
    assert status["validation"]["verdict"] == "NotRun"


def test_another_champion_calls_for_another_comparison() -> None:
    """The numbers are void, the next use of the rows is stricter."""
    cluster = comparing(runs.compare_answer())
    runs.set_stable(cluster, "three")

    cluster.tick(run.decide)
    status = cluster.status()
    assert status["state"] == "Validating"
    assert runs.told(status)["Promoted"] == ("Unknown", reasons.NEW_CHAMPION)
    cluster.tick(run.decide)
    status = cluster.status()

    assert status["intent"]["name"] == "again-validate-2"
    assert (status["champion"]["digest"], status["champion"]["changes"]) == (
        builders.digest("three"),
        1,
    )
    assert (status["validation"]["use"], status["validation"]["alpha"]) == (2, "0.007599")


def test_the_third_change_of_the_champion_ends_the_run() -> None:
    """Somebody else is faster."""
    cluster = comparing(None)
    for model in ("two", "three", "four"):
        number = cluster.status()["tries"]["validate"]
        cluster.simulation.jobs[f"again-validate-{number}"] = runs.compare_answer()
        cluster.advance(1)
        runs.set_stable(cluster, f"{model}-other")
        cluster.tick(run.decide)
        cluster.tick(run.decide)

    status = cluster.status()
    assert (status["state"], status["outcome"]) == ("Finished", "Superseded")
    assert runs.told(status)["Promoted"] == ("False", reasons.SUPERSEDED)


def test_an_outage_keeps_the_frozen_champion() -> None:
    """A repeated step is the same use of the same rows."""
    cluster = judged(runs.refusal(Outcome.UNAVAILABLE, Reason.SOURCE_UNAVAILABLE))
    status = cluster.status()

    assert (status["intent"]["name"], status["validation"]["use"]) == ("again-validate-2", 1)
    assert runs.told(status)["Validated"] == ("Unknown", reasons.SOURCE_UNAVAILABLE)


def other(seen: RunSnapshot, *, uri: str = "", **status: Any) -> RunFacts:  # noqa: ANN401  # of status
    """Return another run with a validation, of the same model, on the same or other rows."""
    source = replace(seen.spec.data.source, uri=uri or seen.spec.data.source.uri)
    spec = replace(seen.spec, data=replace(seen.spec.data, source=source))
    meta = replace(seen.meta, name="other", uid="other")
    return RunFacts(meta, spec, RetrainJobStatus(**status))


@pytest.mark.parametrize(
    ("uri", "state", "digest", "use"),
    [
        ("", "Finished", runs.EVIDENCE, 6),
        ("", "Validating", "", 6),
        ("", "Finished", "", 1),
        ("s3://others", "Finished", runs.EVIDENCE, 1),
    ],
)
def test_every_look_at_the_rows_counts(*, uri: str, state: str, digest: str, use: int) -> None:
    """Also one that is under way; not one that gave no numbers, or of other rows."""
    seen = runs.world().snapshot()
    before = ValidationStatus("Pass", use=5, evidence_digest=digest)
    facts = other(seen, uri=uri, state=state, validation=before)

    assert validating.use(replace(seen, other_runs=(facts,))) == use


def test_a_run_that_never_compared_uses_nothing() -> None:
    """Neither does the first comparison of all."""
    seen = runs.world().snapshot()

    assert validating.use(replace(seen, other_runs=(other(seen, state="Pending"),))) == 1


@pytest.mark.parametrize("missing", ["ModelDeployment", "ControllerRevision"])
def test_what_was_not_seen_is_waited_for(missing: str) -> None:
    """Neither an absent model nor a lagging store decides anything."""
    cluster = comparing(runs.compare_answer())
    cluster.remove(missing, "churn" if missing == "ModelDeployment" else "churn-one")

    cluster.tick(run.decide)

    assert cluster.status()["state"] == "Validating"
