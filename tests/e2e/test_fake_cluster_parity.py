"""The simulated world and a real API server come to the same end by the same script.

Each test is a script; `Worlds` plays it in both, and compares statuses, routing intents, children
and Events after every tick.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from parity import Worlds

from perennial_operator.api import names, reasons
from perennial_operator.testing import (
    JobResult,
    PodBehavior,
    decision,
    model_deployment,
    retrain_job,
    runs,
)
from perennial_operator.testing.builders import digest
from perennial_operator.testing.rollouts import MODEL, QUICK, TARGET
from perennial_sandbox.sandbox import Running

pytestmark = pytest.mark.e2e

MD, RJ = names.MODEL_DEPLOYMENT, names.RETRAIN_JOB
RUN = "again"
REFUSED = {
    "v": 1,
    "class": "Invalid",
    "reason": "DigestMismatch",
    "message": "the bytes have another digest",
    "digest": "",
    "bytes": 0,
    "seconds": 0.1,
    "step": "",
    "payload": {},
}
AWAY = {**REFUSED, "class": "Unavailable", "reason": "SourceUnavailable", "message": "no answer"}
RESOLVED = {**REFUSED, "class": "OK", "reason": "OK", "message": "", "digest": digest("one")}


@pytest.fixture
def worlds(installed: Running) -> Iterator[Worlds]:
    """Yield both worlds, empty."""
    made = Worlds(installed)
    yield made
    made.real.close()


async def ask(worlds: Worlds, *, model: str = "one", **spec: Any) -> None:  # noqa: ANN401  # JSON
    """Let a user ask for a pinned model."""
    await worlds.put(model_deployment(MODEL, model=model, **{"rollout": QUICK, **spec}))


async def serve(worlds: Worlds) -> None:
    """Bring the first revision to rest, under load."""
    worlds.play.requests_per_second[MODEL] = 50
    await ask(worlds)
    await reach(worlds, "Stable", seconds=1)
    await worlds.tick(2, seconds=5)


async def reach(
    worlds: Worlds, state: str, stage: str = "", *, seconds: float = 5
) -> dict[str, Any]:
    """Tick until the rollout is in a state (and stage); return the model's status."""
    fields = {"state": state, **({"stage": stage} if stage else {})}
    status: dict[str, Any] = await worlds.until(MD, MODEL, seconds=seconds, **fields)
    return status


async def decide(worlds: Worlds, name: str, action: str, **fields: Any) -> str:  # noqa: ANN401  # JSON
    """Let a person decide about the model; return the answer after one tick."""
    await worlds.put(decision(name, action, target=TARGET, **fields))
    await worlds.tick()
    return answer(worlds, name)


def answer(worlds: Worlds, name: str) -> str:
    """Return how a Decision was answered, "" if it was not."""
    found = worlds.status(names.DECISION, name).get("conditions") or [{"reason": ""}]
    return str(found[0]["reason"])


async def test_another_model_goes_live_by_canary_and_is_scaled(worlds: Worlds) -> None:
    """Weights by steps, promotion, the old revision warm and then gone; more Pods, then none."""
    await serve(worlds)

    await ask(worlds, model="two")
    await reach(worlds, "Canary", "Collect")
    await reach(worlds, "Promoting", "Bake")
    status = await reach(worlds, "Stable")
    assert status["rollout"]["completion"] == "PromotedUnproven"
    await worlds.tick(10, seconds=10)
    assert "previousUntil" not in worlds.status(MD, MODEL)["revisions"]

    await ask(worlds, model="two", replicas=3)
    await worlds.tick(3)
    assert worlds.status(MD, MODEL)["replicas"] == 3
    await ask(worlds, model="two", replicas=0)
    await worlds.tick(3)
    assert worlds.status(MD, MODEL)["replicas"] == 0


async def test_a_candidate_that_fails_requests_is_rolled_back_and_tried_again(
    worlds: Worlds,
) -> None:
    """By itself; then by a Decision, which a second one aborts."""
    await serve(worlds)
    await ask(worlds, model="two")
    status = await reach(worlds, "Canary", "Collect")
    candidate = status["revisions"]["candidate"]

    worlds.play.errors[candidate] = 1.0
    status = await reach(worlds, "RolledBack")
    assert status["rollout"]["reason"] == reasons.BREAKER
    await worlds.tick(2, seconds=5)

    worlds.play.errors.clear()
    assert await decide(worlds, "again", "Retry", revision=candidate) == reasons.ACCEPTED
    status = await reach(worlds, "Canary", "Collect")
    attempt = status["rollout"]["attempt"]
    assert await decide(worlds, "late", "Abort", attempt="other-a1") == reasons.STALE
    assert await decide(worlds, "stop", "Abort", attempt=attempt) == reasons.ACCEPTED
    await reach(worlds, "RolledBack")


async def test_a_candidate_that_cannot_start_is_rolled_back(worlds: Worlds) -> None:
    """With the words of its own container, which names its Pod."""
    await serve(worlds)
    await ask(worlds, model="two")
    await worlds.tick()
    candidate = worlds.status(MD, MODEL)["revisions"]["candidate"]
    worlds.play.pods[candidate] = PodBehavior(
        container="fetch", exit_code=65, message=json.dumps(REFUSED)
    )

    status = await reach(worlds, "RolledBack")

    assert status["rollout"]["reason"] == reasons.PREPARATION_FAILED
    await worlds.tick(2, seconds=5)
    await ask(worlds, model="one")
    await reach(worlds, "Stable")


async def test_a_person_approves_what_was_sealed(worlds: Worlds) -> None:
    """Other evidence is refused; the spec may supersede what waits."""
    approved = {**QUICK, "approval": {"promotion": True}}
    await serve(worlds)
    await ask(worlds, model="two", rollout=approved)
    status = await reach(worlds, "AwaitingPromotion")
    attempt, seal = status["rollout"]["attempt"], status["rollout"]["seal"]["digest"]

    wrong = await decide(
        worlds, "wrong", "Approve", attempt=attempt, evidenceDigest=digest("other")
    )
    right = await decide(worlds, "right", "Approve", attempt=attempt, evidenceDigest=seal)

    assert (wrong, right) == (reasons.DIGEST_MISMATCH, reasons.ACCEPTED)
    await reach(worlds, "Promoting", "Bake")
    await ask(worlds, model="three", rollout=approved)
    await worlds.tick()
    assert worlds.status(MD, MODEL)["rollout"]["reason"] == reasons.SUPERSEDED
    await reach(worlds, "Preparing")


@pytest.mark.parametrize("state", ["Stable", "Canary"])
async def test_a_lost_status_is_made_again(worlds: Worlds, state: str) -> None:
    """From the children and what the routers were told; no weight moves."""
    await serve(worlds)
    if state == "Canary":
        await ask(worlds, model="two")
        await reach(worlds, "Canary", "Collect")
    before = worlds.status(MD, MODEL)

    await worlds.lose_status(MD, MODEL)
    await worlds.tick(3, seconds=5)

    after = worlds.status(MD, MODEL)
    assert after["rollout"]["state"] == state
    assert after["rollout"]["intent"]["weights"] == before["rollout"]["intent"]["weights"]
    assert after["revisions"]["stable"] == before["revisions"]["stable"]


async def test_a_run_is_offered_and_promoted(worlds: Worlds) -> None:
    """An unpinned model is resolved by a Job; check, train, harvest, validate are Jobs too."""
    worlds.play.requests_per_second[MODEL] = 50
    document = model_deployment(MODEL, rollout=QUICK)
    document["spec"]["model"] = {"uri": "s3://models/one"}
    await worlds.put(document)
    await worlds.tick(2)
    (job,) = worlds.fake.named("Job")
    worlds.play.jobs[job] = JobResult(AWAY, exit_code=69)
    await worlds.tick(2)
    worlds.play.jobs[job] = JobResult(RESOLVED)
    await reach(worlds, "Stable", seconds=1)

    runs.succeed(worlds.fake, train=JobResult("", exit_code=143))
    worlds.play.jobs["again-a2"] = JobResult()
    await worlds.put(retrain_job(RUN, seed=1))
    await worlds.until(RJ, RUN, seconds=2, state="Promoting")
    await reach(worlds, "Canary", "Collect")
    status = await worlds.until(RJ, RUN, state="Finished")
    assert status["outcome"] == "Promoted"
    assert [each["exitCode"] for each in status["attempts"]] == [143]

    await worlds.remove(RJ, RUN)
    assert worlds.fake.named("Job") == ()
    await worlds.remove(MD, MODEL)
    await worlds.tick(2)
    assert worlds.fake.named("Deployment") == ()


async def test_a_run_is_approved_by_another_person_or_fails(worlds: Worlds) -> None:
    """Who asked for it may not approve; a run without memory ends by itself."""
    await serve(worlds)
    undecided = runs.compare_answer(runs.metric(p_pass=0.4, p_fail=0.6))
    runs.succeed(worlds.fake, validate=undecided)
    await worlds.put(retrain_job(RUN, seed=1))
    await worlds.until(RJ, RUN, seconds=2, state="AwaitingApproval")
    target = {"kind": RJ, "name": RUN}
    act = {"attempt": "1", "evidenceDigest": runs.EVIDENCE}
    await worlds.put(decision("mine", "Approve", target=target, by="scientist", **act))
    await worlds.tick()  # of two in one second, the server's uids would say which comes first
    await worlds.put(decision("no", "Reject", target=target, **act))
    status = await worlds.until(RJ, RUN, state="Finished")
    assert (answer(worlds, "mine"), status["outcome"]) == (reasons.SELF_APPROVAL, "Rejected")

    lost = JobResult("", exit_code=137, reason="OOMKilled")
    worlds.play.jobs |= {f"later-a{number}": lost for number in (1, 2, 3)}
    worlds.play.jobs["later-check-1"] = runs.check_answer()
    await worlds.put(retrain_job("later", seed=1))
    status = await worlds.until(RJ, "later", state="Finished")
    assert status["outcome"] == "Failed"
