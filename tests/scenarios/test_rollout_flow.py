"""A rollout from the first deploy to the last promotion, and every way it goes back."""

import json
from typing import Any

from perennial_operator.api import conditions, decision, names, reasons
from perennial_operator.plan.rollout.states import State
from perennial_operator.testing import JobResult, PodBehavior, Rollout
from perennial_operator.testing.builders import digest, model_deployment

INVALID: dict[str, Any] = {
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
AWAY = {**INVALID, "class": "Unavailable", "reason": "SourceUnavailable", "message": "no answer"}
FOUND = {**INVALID, "class": "OK", "reason": "OK", "message": "", "digest": digest("one")}


def refusing(message: dict[str, Any] = INVALID, exit_code: int = 65) -> PodBehavior:
    """Return Pods whose container `fetch` ends with this result."""
    return PodBehavior(container="fetch", exit_code=exit_code, message=json.dumps(message))


def test_the_first_deploy_serves_without_a_canary() -> None:
    """The first revision gets all traffic as soon as its Pods are ready and routers agree."""
    rollout = Rollout().serve()

    assert rollout.condition(conditions.READY) == ("True", "Ready")
    assert rollout.condition(conditions.AVAILABLE) == ("True", "Serving")
    assert rollout.condition(conditions.MODEL_VERIFIED) == ("True", "Verified")
    assert rollout.condition(conditions.TRAFFIC_APPLIED) == ("True", "Acknowledged")
    assert rollout.status.rollout.completion == "Initial"
    assert rollout.events == [reasons.ROLLOUT_STARTED, reasons.PROMOTED]
    assert list(rollout.replicas().values()) == [1]


def test_a_converged_object_costs_no_write() -> None:
    """At rest the planner repeats itself and nothing is written."""
    rollout = Rollout().serve()
    before = rollout.cluster.writes

    rollout.tick(20, seconds=30)

    assert rollout.cluster.writes == before


def test_a_canary_reaches_promotion_step_by_step() -> None:
    """Weights rise by the steps, the old revision stays warm, then goes."""
    rollout = Rollout().serve()
    first = rollout.status.revisions.stable
    rollout.change(model="two").tick()
    second = rollout.candidate

    rollout.until(State.CANARY, "Collect")
    assert rollout.status.traffic == f"{first} 90%, {second} 10%"
    rollout.until(State.PROMOTING, "Bake")
    assert rollout.status.traffic == f"{second} 100%"
    rollout.until(State.STABLE).tick(3)

    assert rollout.status.revisions.stable == second
    assert rollout.status.rollout.completion == "PromotedUnproven"
    assert rollout.replicas() == {first: 1, second: 1}
    rollout.tick(70)
    assert rollout.replicas() == {first: 0, second: 1}
    assert rollout.status.revisions.previous == first
    assert rollout.events.count(reasons.STEP_REACHED) == 2


def test_a_candidate_that_fails_requests_is_rolled_back_and_not_tried_again() -> None:
    """Harm takes the traffic away at once; the same spec is not tried again by itself."""
    rollout = Rollout().serve()
    first = rollout.status.revisions.stable
    rollout.change(model="two").until(State.CANARY, "Collect")
    second = rollout.candidate
    rollout.cluster.simulation.errors[second] = 1.0

    rollout.until(State.ROLLING_BACK)
    assert rollout.status.rollout.intent.weights.candidate == 0
    rollout.until(State.ROLLED_BACK).tick(100)

    assert rollout.state is State.ROLLED_BACK
    assert [each.reason for each in rollout.status.revisions.rejected] == [reasons.BREAKER]
    assert rollout.condition(conditions.STALLED) == ("True", reasons.ROLLED_BACK)
    assert rollout.condition(conditions.AVAILABLE) == ("True", "Serving")
    assert rollout.replicas() == {first: 1, second: 0}
    rollout.change(model="one").tick(3)
    assert rollout.condition(conditions.READY) == ("True", "Ready")
    assert rollout.state is State.STABLE


def test_a_retry_gets_fresh_evidence() -> None:
    """A refused revision is tried again by a Decision, and old windows do not count."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    second = rollout.candidate
    rollout.cluster.simulation.errors[second] = 1.0
    rollout.until(State.ROLLED_BACK)
    rollout.cluster.simulation.errors.clear()

    assert rollout.decide(decision.RETRY, revision=second) == reasons.ACCEPTED
    assert rollout.status.rollout.attempt.endswith("-a2")
    rollout.until(State.STABLE)

    assert rollout.status.revisions.stable == second
    assert rollout.status.revisions.rejected == ()
    assert rollout.status.revisions.chosen is None


def test_a_candidate_that_crashes_never_gets_traffic() -> None:
    """A crash loop while preparing ends the attempt with the container's own words."""
    rollout = Rollout().serve().change(model="two")
    rollout.tick()
    rollout.cluster.simulation.pods[rollout.candidate] = PodBehavior(
        exit_code=137, reason="OOMKilled"
    )

    rollout.until(State.ROLLED_BACK)

    assert rollout.status.rollout.intent.weights.candidate == 0
    assert "exit code 137 (OOMKilled)" in rollout.status.rollout.message
    assert "raise spec.resources.limits.memory" in rollout.status.rollout.message


def test_a_wrong_digest_ends_the_attempt_and_is_named() -> None:
    """The reason of `fetch` is the reason of ModelVerified."""
    rollout = Rollout().serve().change(model="two")
    rollout.tick()
    rollout.cluster.simulation.pods[rollout.candidate] = refusing()

    rollout.until(State.ROLLED_BACK).tick(3)

    assert rollout.condition(conditions.MODEL_VERIFIED) == ("False", "DigestMismatch")
    assert rollout.status.rollout.reason == reasons.PREPARATION_FAILED
    assert rollout.condition(conditions.STALLED) == ("True", reasons.ROLLED_BACK)


def test_a_first_model_that_cannot_be_served_fails_and_a_fix_heals() -> None:
    """Nothing can serve: Failed and Stalled; another spec starts anew."""
    rollout = Rollout()
    rollout.tick()
    rollout.cluster.simulation.pods[rollout.candidate] = refusing()

    rollout.until(State.FAILED).tick(2)
    assert rollout.condition(conditions.STALLED) == ("True", reasons.MODEL_REJECTED)
    assert rollout.condition(conditions.AVAILABLE)[0] == "False"
    assert reasons.ROLLOUT_FAILED in rollout.events

    rollout.change(model="two").serve()
    assert rollout.condition(conditions.READY) == ("True", "Ready")


def test_a_store_that_does_not_answer_is_waited_for() -> None:
    """Unavailable is work that goes on, not a verdict on the model."""
    rollout = Rollout()
    rollout.tick()
    first = rollout.candidate
    rollout.cluster.simulation.pods[first] = refusing(AWAY, 69)

    rollout.tick(20)
    assert rollout.condition(conditions.RECONCILING) == ("True", reasons.SOURCE_UNAVAILABLE)
    assert rollout.condition(conditions.MODEL_VERIFIED) == ("False", reasons.SOURCE_UNAVAILABLE)
    del rollout.cluster.simulation.pods[first]

    rollout.serve()
    assert rollout.condition(conditions.READY) == ("True", "Ready")


def test_an_unpinned_model_is_fetched_once_and_pinned() -> None:
    """A Job hands the digest back; the revision is made from it, the Job goes."""
    rollout = Rollout()
    document = model_deployment()
    document["spec"] = {"model": {"uri": "s3://models/one"}, "rollout": rollout.spec["rollout"]}
    rollout.cluster.put(document)
    rollout.tick(5)
    (job,) = rollout.cluster.named("Job")
    assert rollout.condition(conditions.MODEL_VERIFIED) == ("Unknown", reasons.FETCHING)

    rollout.cluster.simulation.jobs[job] = JobResult(FOUND)
    rollout.serve()

    model = rollout.status.model
    assert model is not None
    assert model.digest == digest("one")
    assert rollout.cluster.named("Job") == ()
    before = rollout.cluster.writes
    rollout.tick(5)
    assert rollout.cluster.writes == before


def test_an_unpinned_model_that_is_not_there_stalls_with_the_next_step() -> None:
    """ModelVerified and Stalled name what `fetch` said; another location is another Job."""
    rollout = Rollout()
    document = model_deployment()
    document["spec"] = {"model": {"uri": "s3://models/gone"}}
    rollout.cluster.put(document)
    rollout.tick(2)
    (job,) = rollout.cluster.named("Job")
    lost = {**INVALID, "reason": "NotFound", "message": "no such object"}
    rollout.cluster.simulation.jobs[job] = JobResult(lost, exit_code=65)

    rollout.tick(3)
    assert rollout.condition(conditions.MODEL_VERIFIED) == ("False", "NotFound")
    assert rollout.condition(conditions.STALLED) == ("True", reasons.MODEL_REJECTED)
    document["spec"] = {"model": {"uri": "s3://models/one"}}
    rollout.cluster.put(document)
    rollout.tick(2)

    assert len(rollout.cluster.named("Job")) == 1
    assert rollout.cluster.named("Job") != (job,)


def test_another_spec_supersedes_an_attempt_without_blame() -> None:
    """The old candidate loses its traffic, then the new one starts; nothing is rejected."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    rollout.change(model="three").tick()
    assert rollout.state is State.ROLLING_BACK
    assert rollout.status.rollout.reason == reasons.SUPERSEDED

    rollout.until(State.STABLE).tick(3)

    assert rollout.status.revisions.rejected == ()
    assert rollout.status.revisions.stable.startswith("churn-")
    assert sorted(rollout.replicas().values()) == [0, 1, 1]


def test_the_old_spec_withdraws_an_attempt() -> None:
    """Stable's revision desired again is no attempt: the candidate goes, nothing starts."""
    rollout = Rollout().serve()
    first = rollout.status.revisions.stable
    rollout.change(model="two").until(State.CANARY, "Collect").change(model="one").tick()
    assert rollout.status.rollout.reason == reasons.WITHDRAWN

    rollout.until(State.STABLE).tick(3)

    assert rollout.status.rollout.completion == "Withdrawn"
    assert rollout.status.revisions.stable == first
    assert rollout.condition(conditions.READY) == ("True", "Ready")


def test_a_first_attempt_is_superseded_before_anything_serves() -> None:
    """A typo in the first spec is corrected without a verdict."""
    rollout = Rollout()
    rollout.tick(2)

    rollout.change(model="two").serve()

    assert rollout.status.rollout.completion == "Initial"
    assert rollout.status.revisions.rejected == ()


def test_recreate_stops_stable_before_the_candidate_starts() -> None:
    """Never two revisions at once: no room is needed for both."""
    spec = {"strategy": "Recreate", "promotion": {"bake": "5s"}}
    rollout = Rollout(rollout=spec).serve()
    rollout.change(model="two")
    while (
        rollout.state is not State.STABLE
        or rollout.candidate
        or rollout.replicas().keys() == {rollout.status.revisions.stable}
    ):
        rollout.tick()
        assert sum(rollout.replicas().values()) <= 1

    rollout.tick(3)
    assert sorted(rollout.replicas().values()) == [0, 1]
    assert rollout.condition(conditions.READY) == ("True", "Ready")


def test_recreate_returns_to_stable_when_the_candidate_cannot_start() -> None:
    """Without the candidate, stable's Pods come back."""
    spec = {"strategy": "Recreate", "deadlines": {"preparing": "1m"}}
    rollout = Rollout(rollout=spec).serve()
    first = rollout.status.revisions.stable
    rollout.change(model="two").tick()
    rollout.cluster.simulation.pods[rollout.candidate] = PodBehavior()

    rollout.until(State.ROLLED_BACK).tick(3)

    assert rollout.status.rollout.reason == reasons.PREPARATION_TIMEOUT
    assert rollout.replicas()[first] == 1
    assert rollout.status.traffic == f"{first} 100%"


def test_scaling_changes_no_revision() -> None:
    """Replicas change at once; Available stays while Pods are added."""
    rollout = Rollout().serve().change(replicas=3)
    rollout.tick()
    assert list(rollout.replicas().values()) == [3]
    rollout.tick()
    assert rollout.condition(conditions.AVAILABLE)[0] == "True"
    assert rollout.condition(conditions.RECONCILING) == ("True", reasons.RECOVERING)

    rollout.tick(4)
    assert rollout.condition(conditions.READY) == ("True", "Ready")
    assert rollout.status.replicas == 3
    rollout.change(replicas=0).tick(3)
    assert rollout.condition(conditions.READY) == ("False", reasons.SCALED_TO_ZERO)


def test_other_resources_are_another_revision() -> None:
    """A change of resources goes through the canary like another model."""
    rollout = Rollout().serve()
    first = rollout.status.revisions.stable

    rollout.change(resources={"limits": {"memory": "1Gi"}}).until(State.CANARY, "Collect")

    assert rollout.candidate != first
    deployment = rollout.cluster.document("Deployment", rollout.candidate) or {}
    (predictor,) = deployment["spec"]["template"]["spec"]["containers"]
    assert predictor["resources"] == {"limits": {"memory": "1Gi"}}


def test_a_deleted_object_is_left_alone() -> None:
    """Children go by garbage collection; the planner asks for nothing."""
    rollout = Rollout().serve()
    document = rollout.cluster.document(names.MODEL_DEPLOYMENT, "churn") or {}
    document["metadata"]["deletionTimestamp"] = "2026-01-05T12:00:00Z"
    rollout.cluster.put(document)

    assert rollout.tick().is_empty
