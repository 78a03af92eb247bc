"""People decide about a candidate; another champion makes their answers void."""

from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.plan.retraining import run
from perennial_operator.testing import FakeCluster, runs

UNDECIDED = runs.metric(p_pass=0.4, p_fail=0.6)
FAILING = runs.metric(p_pass=0.99, p_fail=0.001)


def awaiting(*metrics: Any, **spec: Any) -> FakeCluster:  # noqa: ANN401  # metrics; JSON
    """Return a world whose run waits for people."""
    cluster = runs.world(**spec)
    runs.succeed(cluster, validate=runs.compare_answer(*(metrics or (UNDECIDED,))))
    runs.until(cluster, "AwaitingApproval")
    return cluster


def test_one_approval_is_enough_by_default() -> None:
    """It is counted, answered, and named in the condition."""
    cluster = awaiting()
    runs.decide_on(cluster, "yes", "Approve")

    cluster.tick(run.decide)
    status = cluster.status()

    assert status["state"] == "Promoting"
    assert runs.told(status)["Approved"] == ("True", reasons.APPROVED)
    assert status["conditions"][3]["message"] == "by approver"
    assert status["approval"]["counted"][0]["decision"] == "yes"
    assert runs.answer_of(cluster, "yes") == reasons.ACCEPTED


def test_two_people_are_two_people() -> None:
    """The run waits between them, and says so."""
    cluster = awaiting(approval={"required": True, "minApprovals": 2})
    runs.decide_on(cluster, "yes", "Approve")
    cluster.tick(run.decide)
    status = cluster.status()
    assert status["state"] == "AwaitingApproval"
    assert status["conditions"][-1]["message"] == ("1 of 2 approvals: waits for a Decision Approve")

    runs.decide_on(cluster, "again", "Approve")
    cluster.tick(run.decide)
    assert runs.answer_of(cluster, "again") == reasons.SELF_APPROVAL
    runs.decide_on(cluster, "other", "Approve", by="somebody")
    cluster.tick(run.decide)

    assert cluster.status()["state"] == "Promoting"


def test_promote_overrides_a_failed_gate() -> None:
    """The condition keeps the word for ever."""
    cluster = awaiting(FAILING, validation={"onFail": "RequireApproval"})
    runs.decide_on(cluster, "approve", "Approve")
    cluster.tick(run.decide)
    assert runs.answer_of(cluster, "approve") == reasons.STALE

    runs.decide_on(cluster, "promote", "Promote", by="somebody")
    cluster.tick(run.decide)

    assert runs.told(cluster.status())["Approved"] == ("True", reasons.OVERRIDDEN)


@pytest.mark.parametrize(
    ("reason", "text"), [("", "approver rejected the candidate"), ("bad day", ": bad day")]
)
def test_one_reject_ends_the_run(reason: str, text: str) -> None:
    """The candidate is refused by a person, with the person's reason."""
    cluster = awaiting()
    runs.decide_on(cluster, "no", "Reject", reason=reason)

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", "Rejected")
    assert runs.told(status)["Approved"] == ("False", reasons.REJECTED)
    assert runs.told(status)["Complete"] == ("True", reasons.CANDIDATE_REJECTED)
    assert status["conditions"][3]["message"].endswith(text)


def test_nobody_answers_in_time() -> None:
    """Silence rejects."""
    cluster = awaiting(approval={"timeout": "1h"})
    cluster.advance(3_600)

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", "Rejected")
    assert runs.told(status)["Approved"] == ("False", reasons.APPROVAL_TIMED_OUT)


def test_another_champion_voids_what_was_counted() -> None:
    """The approval was for other evidence."""
    cluster = awaiting(approval={"required": True, "minApprovals": 2})
    runs.decide_on(cluster, "yes", "Approve")
    cluster.tick(run.decide)
    runs.set_stable(cluster, "three")

    cluster.tick(run.decide)
    status = cluster.status()

    assert status["state"] == "Validating"
    assert "approval" not in status
    assert runs.told(status)["Approved"] == ("Unknown", reasons.NEW_CHAMPION)


def test_without_a_gate_the_champion_does_not_matter() -> None:
    """Nothing was compared, so nothing is void."""
    cluster = runs.world(validation={"mode": "None"}, approval={"required": True})
    runs.succeed(cluster)
    runs.until(cluster, "AwaitingApproval")
    runs.set_stable(cluster, "three")
    runs.decide_on(cluster, "yes", "Approve", evidenceDigest=runs.CANDIDATE)

    cluster.tick(run.decide)

    assert cluster.status()["state"] == "Promoting"


def test_a_model_that_vanished_stops_nobody_from_deciding() -> None:
    """The answer stands, whatever becomes of it."""
    cluster = awaiting()
    cluster.remove("ModelDeployment", "churn")
    runs.decide_on(cluster, "yes", "Approve")

    cluster.tick(run.decide)

    assert cluster.status()["state"] == "Promoting"
