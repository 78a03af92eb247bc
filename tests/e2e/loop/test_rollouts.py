"""New revisions on the way to users: canary, rollback, supersede, and what people decide."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from loop_stage import Predicate, Stage

from perennial_operator.cluster import kinds

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

MD = kinds.MODEL_DEPLOYMENT


def rollout(md: dict[str, Any]) -> dict[str, Any]:
    """Return the status of the attempt."""
    return dict(md["status"].get("rollout", {}))


def in_state(state: str, *, step: int | None = None) -> Predicate:
    """Return whether the attempt is in a state, and maybe at a step."""

    def check(md: dict[str, Any]) -> bool:
        found = rollout(md)
        return found.get("state") == state and step in {None, found.get("step")}

    return check


@contextmanager
def load(stage: Stage, name: str) -> Iterator[Counter[Any]]:
    """Predict in a loop, and count answers by status and revision."""
    counts: Counter[Any] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = stage.predict(name)
            counts[answer.status_code, answer.headers.get("x-perennial-revision", "")] += 1
            time.sleep(0.02)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


def test_a_canary_goes_step_by_step_and_loses_nothing(stage: Stage) -> None:
    """Weights rise as asked, both revisions answer meanwhile, and the new one is promoted."""
    stage.kube.apply(stage.model("churn", replicas=2))
    first = stage.ready("churn")["status"]["revisions"]["stable"]

    with load(stage, "churn") as counts:
        stage.kube.apply(stage.model("churn", stage.models["v2"], replicas=2))
        canary = stage.until(MD, "churn", in_state("Canary", step=1), seconds=90)
        md = stage.until(
            MD,
            "churn",
            lambda md: in_state("Stable")(md) and stage.is_true(md, "Ready"),
            seconds=90,
        )

    second = md["status"]["revisions"]["stable"]
    assert rollout(canary)["intent"]["weights"] in (
        {"candidate": 2000, "stable": 8000},
        {"candidate": 5000, "stable": 5000},
    )
    assert rollout(md)["completion"] == "PromotedUnproven"
    assert md["status"]["revisions"]["previous"] == first
    assert second != first
    assert {status for status, _ in counts} == {200}
    assert {revision for _, revision in counts} == {first, second}
    stage.saw_events("churn", "RolloutStarted", "StepReached", "Promoted")


def test_a_model_that_cannot_predict_meets_no_user(stage: Stage) -> None:
    """It never gets ready: rolled back by itself, said why, and not tried again."""
    stage.kube.apply(stage.model("churn"))
    first = stage.ready("churn")["status"]["revisions"]["stable"]

    with load(stage, "churn") as counts:
        stage.kube.apply(stage.model("churn", stage.models["broken"]))
        md = stage.until(MD, "churn", in_state("RolledBack"), seconds=120)

    assert rollout(md)["completion"] == "RolledBack"
    assert set(counts) == {(200, first)}
    stalled = stage.condition(md, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "RolledBack")
    assert "WarmupFailed" in stalled["message"]
    assert stage.condition(md, "Available")["status"] == "True"
    (rejected,) = md["status"]["revisions"]["rejected"]
    stage.kube.apply(stage.model("churn", stage.models["broken"]))
    time.sleep(3)
    again = stage.kube.get(MD, stage.namespace, "churn")
    assert rollout(again)["attempt"] == rejected["attempt"]


def test_a_model_that_fails_its_users_is_rolled_back(stage: Stage) -> None:
    """The error breaker sees the router's counters; stable serves everything again."""
    stage.kube.apply(stage.model("churn"))
    first = stage.ready("churn")["status"]["revisions"]["stable"]
    slow = stage.model("churn", stage.models["half"])
    slow["spec"]["rollout"]["canary"]["steps"] = [{"weight": 50, "dwell": "2m"}]

    with load(stage, "churn") as counts:
        stage.kube.apply(slow)
        stage.until(MD, "churn", in_state("Canary"), seconds=60)
        md = stage.until(MD, "churn", in_state("RolledBack"), seconds=120)
        counts.clear()
        time.sleep(2)

    assert set(counts) == {(200, first)}
    (rejected,) = md["status"]["revisions"]["rejected"]
    assert rejected["reason"] == "Breaker"
    stage.saw_events("churn", "RolledBack")


def test_a_newer_spec_supersedes_the_candidate(stage: Stage) -> None:
    """The candidate under way gives way, is not rejected, and the newer one is promoted."""
    stage.kube.apply(stage.model("churn"))
    stage.ready("churn")
    stage.kube.apply(stage.model("churn", stage.models["half"]))
    stage.until(MD, "churn", in_state("Canary"), seconds=60)

    stage.kube.apply(stage.model("churn", stage.models["v2"]))
    md = stage.until(
        MD, "churn", lambda md: stage.is_true(md, "Ready") and in_state("Stable")(md), seconds=150
    )

    pinned = stage.kube.get(
        kinds.CONTROLLER_REVISION, stage.namespace, md["status"]["revisions"]["stable"]
    )
    assert pinned["data"]["projection"]["model"]["digest"] == stage.models["v2"].digest
    assert md["status"]["revisions"].get("rejected", []) == []


def awaiting(stage: Stage) -> dict[str, Any]:
    """Bring a candidate to where a person is asked."""
    asked = {"approval": {"promotion": True}, "canary": {"steps": [{"weight": 50, "dwell": "1s"}]}}
    asked["promotion"] = {"bake": "1s", "keepPreviousFor": "5s"}
    stage.kube.apply(stage.model("churn", rollout=asked))
    stage.ready("churn")
    stage.kube.apply(stage.model("churn", stage.models["v2"], rollout=asked))
    return dict(stage.until(MD, "churn", in_state("AwaitingPromotion"), seconds=90))


def test_a_person_approves_the_promotion(stage: Stage) -> None:
    """Only an Approve of this attempt on this evidence promotes; an old digest does not."""
    md = awaiting(stage)
    attempt, seal = rollout(md)["attempt"], rollout(md)["seal"]["digest"]
    assert stage.condition(md, "Reconciling")["reason"] == "AwaitingApproval"
    about = ("ModelDeployment", "churn")

    wrong = stage.decision(
        "wrong", about, "Approve", attempt=attempt, evidenceDigest="sha256:" + "0" * 64
    )
    stage.decide(wrong)
    answered = stage.until(
        kinds.DECISION, "wrong", lambda d: stage.condition(d, "Answered")["status"] != ""
    )
    assert stage.condition(answered, "Answered")["reason"] == "DigestMismatch"

    right = stage.decision("right", about, "Approve", attempt=attempt, evidenceDigest=seal)
    stage.decide(right)
    promoted = stage.until(
        MD, "churn", lambda md: in_state("Stable")(md) and stage.is_true(md, "Ready"), seconds=90
    )
    answered = stage.until(
        kinds.DECISION, "right", lambda d: stage.condition(d, "Answered")["status"] == "True"
    )
    assert stage.condition(answered, "Answered")["reason"] == "Accepted"
    assert promoted["status"]["revisions"]["stable"] == md["status"]["revisions"]["candidate"]


def test_a_person_rejects_and_another_tries_again(stage: Stage) -> None:
    """Reject rolls back and blocks the revision; Retry takes it up again as a new attempt."""
    md = awaiting(stage)
    about = ("ModelDeployment", "churn")
    evidence = {"attempt": rollout(md)["attempt"], "evidenceDigest": rollout(md)["seal"]["digest"]}
    stage.decide(stage.decision("no", about, "Reject", **evidence))
    rejected = stage.until(MD, "churn", in_state("RolledBack"), seconds=120)
    assert rejected["status"]["revisions"]["rejected"][0]["reason"] == "Rejected"

    candidate = md["status"]["revisions"]["candidate"]
    stage.decide(stage.decision("again", about, "Retry", revision=candidate))
    again = stage.until(MD, "churn", in_state("AwaitingPromotion"), seconds=120)

    assert again["status"]["revisions"]["candidate"] == candidate
    assert rollout(again)["attempt"] != rollout(md)["attempt"]
