"""A retrained candidate: offered by its run, rolled out like any revision, never against Git."""

from typing import Any

from perennial_operator.api import conditions, decision, names, reasons
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.rollout.states import State
from perennial_operator.plan.snapshot import RUN, Key
from perennial_operator.testing import JobResult, Rollout
from perennial_operator.testing.builders import NAMESPACE, digest, model_deployment, retrain_job
from perennial_operator.testing.rollouts import QUICK

KEY = Key(RUN, NAMESPACE, "again")
FOUND = {
    "v": 1,
    "class": "OK",
    "reason": "OK",
    "message": "",
    "digest": digest("one"),
    "bytes": 1,
    "seconds": 0.1,
    "step": "",
    "payload": {},
}


def served(**rollout_spec: Any) -> Rollout:  # noqa: ANN401  # JSON
    """Return an unpinned model at rest, and a run without an offer."""
    rollout = Rollout()
    edit(rollout, rollout={**QUICK, **rollout_spec})
    rollout.tick(2)
    (job,) = rollout.cluster.named("Job")
    rollout.cluster.simulation.jobs[job] = JobResult(FOUND)
    rollout.serve()
    rollout.cluster.put(retrain_job())
    return rollout


def edit(served_: Rollout, /, *, uri: str = "s3://models/one", **spec: Any) -> None:  # noqa: ANN401  # JSON
    """Edit the unpinned model as a user does."""
    document = model_deployment()
    served_.spec |= spec
    document["spec"] = {"model": {"uri": uri}, **served_.spec}
    served_.cluster.put(document)


def say(rollout: Rollout, state: str) -> None:
    """Let the run say where its candidate stands."""
    candidate = {"attempt": 1, "digest": digest("two"), "uri": "s3://output/two", "format": "onnx"}
    champion = {"revision": "churn-x", "digest": digest("one")}
    promotion = {"state": state, "time": "2026-01-05T12:00:00Z"}
    status = {"candidate": candidate, "champion": champion, "promotion": promotion}
    rollout.cluster.carry_out(Plan(status=status), KEY)


def test_an_offer_rolls_out_and_the_unchanged_spec_never_pulls_it_back() -> None:
    """The object stays Ready throughout; the attempt names the run."""
    rollout = served()
    say(rollout, "Offered")
    rollout.until(State.CANARY, "Collect")
    say(rollout, "Taken")
    source = rollout.status.rollout.source
    assert source is not None
    assert (source.kind, source.name, rollout.status.rollout.origin) == (
        names.RETRAIN_JOB,
        "again",
        "Retrain",
    )
    assert rollout.condition(conditions.READY)[0] == "True"

    rollout.until(State.STABLE)
    second = rollout.status.revisions.stable
    say(rollout, "Ended")
    rollout.tick(100)

    assert rollout.status.revisions.stable == second
    assert rollout.state is State.STABLE
    assert rollout.condition(conditions.READY)[0] == "True"


def test_a_refused_candidate_leaves_the_object_ready() -> None:
    """Git asks for what serves; the refusal stands in the message."""
    rollout = served(approval={"promotion": True})
    first = rollout.status.revisions.stable
    say(rollout, "Offered")
    rollout.until(State.AWAITING_PROMOTION)
    assert rollout.decide(decision.REJECT, **rollout.on_evidence()) == reasons.ACCEPTED

    rollout.until(State.STABLE).tick(10)

    assert rollout.status.revisions.stable == first
    assert rollout.status.rollout.completion == "RolledBack"
    assert rollout.condition(conditions.STALLED) == ("", "")
    ready = conditions.find(rollout.status.conditions, conditions.READY)
    assert ready is not None
    assert ready.status == "True"
    assert "the candidate of again was rolled back: Rejected" in ready.message
    assert rollout.state is State.STABLE


def test_who_asked_for_the_run_cannot_approve_its_candidate() -> None:
    """`requestedBy` of the run and `by` of the Decision must differ."""
    rollout = served(approval={"promotion": True})
    rollout.cluster.remove(names.RETRAIN_JOB, "again")
    rollout.cluster.put(retrain_job(requestedBy="approver"))
    say(rollout, "Offered")
    rollout.until(State.AWAITING_PROMOTION)

    answer = rollout.decide(decision.APPROVE, **rollout.on_evidence())

    assert answer == reasons.SELF_APPROVAL


def test_a_withdrawn_offer_takes_its_candidate_back() -> None:
    """The run was aborted: stable's revision is desired again."""
    rollout = served()
    say(rollout, "Offered")
    rollout.until(State.CANARY, "Collect")

    say(rollout, "Withdrawn")
    rollout.until(State.STABLE)

    assert rollout.status.rollout.completion == "Withdrawn"
    assert rollout.status.revisions.rejected == ()


def test_an_edit_in_git_supersedes_a_retrained_candidate() -> None:
    """At once, also while the new location is still to be resolved."""
    rollout = served()
    say(rollout, "Offered")
    rollout.until(State.CANARY, "Collect")
    edit(rollout, uri="s3://models/three")
    rollout.tick()
    assert rollout.status.rollout.reason == reasons.SUPERSEDED

    rollout.until(State.ROLLED_BACK)
    (job,) = rollout.cluster.named("Job")
    rollout.cluster.simulation.jobs[job] = JobResult({**FOUND, "digest": digest("three")})
    rollout.until(State.PREPARING).until(State.STABLE)

    model = rollout.status.model
    assert model is not None
    assert (model.uri, model.digest) == ("s3://models/three", digest("three"))
    assert rollout.status.rollout.origin == "Spec"


def test_other_fields_of_spec_go_with_the_retrained_model() -> None:
    """More memory for a promoted candidate keeps its bytes."""
    rollout = served()
    say(rollout, "Offered")
    rollout.until(State.CANARY).until(State.STABLE)
    say(rollout, "Ended")

    edit(rollout, resources={"limits": {"memory": "1Gi"}})
    rollout.until(State.CANARY).until(State.STABLE)

    known = rollout.view().known[rollout.status.revisions.stable]
    assert known.digest == digest("two")
    assert known.projection["resources"] == {"limits": {"memory": "1Gi"}}
    rollout.tick(3)
    assert rollout.condition(conditions.READY)[0] == "True"
