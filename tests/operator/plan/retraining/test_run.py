"""One run, look by look: quiet when nothing is to do, safe to repeat, ended by every deadline."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.plan.actions import Plan
from perennial_operator.plan.retraining import run
from perennial_operator.plan.retraining.states import State
from perennial_operator.plan.snapshot import Failure
from perennial_operator.testing import NOON, FakeCluster, runs

UNDECIDED = runs.metric(p_pass=0.4, p_fail=0.6)
REACHED_BY_PASS = [
    State.CHECKING_DATA,
    State.QUEUED,
    State.TRAINING,
    State.HARVESTING,
    State.VALIDATING,
    State.PROMOTING,
]
JOB_OF = {
    State.CHECKING_DATA: "again-check-1",
    State.QUEUED: "again-a1",
    State.HARVESTING: "again-harvest-1",
    State.VALIDATING: "again-validate-1",
}


def at(state: State, **spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose run just entered a state in which nothing ends by itself."""
    cluster = runs.world(**spec)
    is_asking = state is State.AWAITING_APPROVAL
    runs.succeed(cluster, **({"validate": runs.compare_answer(UNDECIDED)} if is_asking else {}))
    if state in JOB_OF:
        del cluster.simulation.jobs[JOB_OF[state]]
    if state is State.PENDING:
        cluster.remove("ModelDeployment", "churn")
        cluster.tick(run.decide)
    else:
        runs.until(cluster, state)
    return cluster


@pytest.mark.parametrize(
    "state", [*JOB_OF, State.PENDING, State.AWAITING_APPROVAL, State.PROMOTING]
)
def test_a_steady_run_changes_nothing(state: State) -> None:
    """While it waits for a Job, a model, a person or a rollout, nothing is written."""
    cluster = at(state)
    cluster.tick(run.decide)
    cluster.tick(run.decide)
    before = cluster.writes

    for _ in range(5):
        assert cluster.tick(run.decide).is_empty

    assert cluster.writes == before


@pytest.mark.parametrize("state", [*REACHED_BY_PASS, State.AWAITING_APPROVAL])
def test_the_same_look_gives_the_same_plan(state: State) -> None:
    """Twice decided, once meant."""
    cluster = at(state)

    first = run.decide(cluster.snapshot(), cluster.now)

    assert run.decide(cluster.snapshot(), cluster.now) == first


@pytest.mark.parametrize("state", list(JOB_OF))
def test_a_plan_that_was_carried_out_twice_makes_one_child(state: State) -> None:
    """A repeated pass finds its own child."""
    cluster = at(state)
    plan = run.decide(cluster.snapshot(), cluster.now)
    cluster.carry_out(plan)
    jobs = cluster.named("Job")

    cluster.carry_out(Plan(actions=plan.actions))

    assert cluster.named("Job") == jobs


def test_a_run_that_is_being_deleted_is_left_alone() -> None:
    """Its children go with it."""
    seen = runs.world().snapshot()
    deleting = replace(seen, meta=replace(seen.meta, is_deleting=True))

    assert run.decide(deleting, NOON) == Plan()


def test_a_new_run_says_who_it_is() -> None:
    """Id and start are set with the first state."""
    cluster = runs.world()
    cluster.tick(run.decide)
    status = cluster.status()

    assert status["runId"] == cluster.snapshot().meta.uid
    assert status["startTime"] == status["stateTimes"]["Pending"] == "2026-01-05T12:00:00Z"


def test_a_restored_run_keeps_its_id() -> None:
    """The value in status wins over another uid."""
    cluster = runs.world()
    cluster.carry_out(Plan(status={"runId": "before"}))

    cluster.tick(run.decide)

    assert cluster.status()["runId"] == "before"


@pytest.mark.parametrize(
    ("state", "seconds", "outcome", "reason"),
    [
        (State.PENDING, 86_400, "Skipped", reasons.START_DEADLINE_EXCEEDED),
        (State.CHECKING_DATA, 86_400, "Failed", reasons.START_DEADLINE_EXCEEDED),
        (State.QUEUED, 86_400, "Skipped", reasons.START_DEADLINE_EXCEEDED),
        (State.HARVESTING, 3_600, "Failed", reasons.DEADLINE_EXCEEDED),
        (State.VALIDATING, 7_200, "Failed", reasons.DEADLINE_EXCEEDED),
        (State.AWAITING_APPROVAL, 604_800, "Rejected", reasons.APPROVAL_TIMED_OUT),
        (State.PROMOTING, 604_800, "Kept", reasons.NOT_PICKED_UP),
    ],
)
def test_every_state_ends_at_its_deadline(
    *, state: State, seconds: int, outcome: str, reason: str
) -> None:
    """Not a second earlier, and the next look is due then."""
    cluster = at(state)
    since = cluster.snapshot().status.state_times[state]
    start = run.identity.moment(since)
    cluster.tick(run.decide)
    cluster.tick(run.decide)
    cluster.now = start + timedelta(seconds=seconds - 1)
    plan = cluster.tick(run.decide, seconds=0)
    assert (cluster.status()["state"], plan.look_again_seconds) == (state, 1.0)

    cluster.now = start + timedelta(seconds=seconds)
    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", outcome)
    condition = next(each for each in status["conditions"] if each["reason"] == reason)
    assert f"lasted longer than {seconds} seconds" in condition["message"]


@pytest.mark.parametrize(("seconds", "state"), [(7_199, "Training"), (7_200, "Finished")])
def test_training_has_an_hour_beyond_the_engine_s_deadline(seconds: int, state: str) -> None:
    """For an engine that stopped answering."""
    cluster = at(State.QUEUED, limits={"activeDeadline": "1h"})
    cluster.tick(run.decide)
    cluster.tick(run.decide)
    seen = cluster.snapshot()
    times = {**seen.status.state_times, "Training": "2026-01-05T12:00:00Z"}
    silent = replace(
        seen,
        status=replace(seen.status, state="Training", state_times=times),
        children=tuple(replace(each, document={}) for each in seen.children),
    )

    cluster.carry_out(run.decide(silent, NOON + timedelta(seconds=seconds)))

    assert cluster.status()["state"] == state


@pytest.mark.parametrize("state", [State.PENDING, *REACHED_BY_PASS, State.AWAITING_APPROVAL])
def test_an_abort_ends_the_run_wherever_it_stands(state: State) -> None:
    """Complete, Canceled, with the person's name; other Decisions lose."""
    cluster = at(state)
    runs.decide_on(cluster, "stop", "Abort", reason="wrong rows")
    runs.decide_on(cluster, "yes", "Approve")

    cluster.tick(run.decide)
    status = cluster.status()

    assert (status["state"], status["outcome"]) == ("Finished", "Canceled")
    assert runs.told(status)["Complete"] == ("True", reasons.CANCELED)
    assert status["conditions"][-1]["message"] == "approver aborted the run: wrong rows"
    assert runs.answer_of(cluster, "stop") == reasons.ACCEPTED
    assert runs.answer_of(cluster, "yes") == reasons.SUPERSEDED


def test_an_abort_withdraws_the_offer() -> None:
    """The ModelDeployment goes back to stable by itself."""
    cluster = at(State.PROMOTING)
    cluster.tick(run.decide)
    runs.decide_on(cluster, "stop", "Abort")

    cluster.tick(run.decide)

    assert cluster.status()["promotion"]["state"] == "Withdrawn"


def test_an_abort_after_the_promotion_comes_too_late() -> None:
    """What happened stands."""
    cluster = at(State.PROMOTING)
    cluster.tick(run.decide)
    runs.set_stable(cluster, "two")
    runs.decide_on(cluster, "stop", "Abort")

    cluster.tick(run.decide)

    assert cluster.status()["outcome"] == "Promoted"
    assert runs.answer_of(cluster, "stop") == reasons.STALE


@pytest.mark.parametrize("action", ["Approve", "Reject", "Promote", "Retry", "Rollback"])
@pytest.mark.parametrize("state", REACHED_BY_PASS)
def test_decisions_that_a_state_has_no_use_for_are_stale(state: State, action: str) -> None:
    """They are answered once, and nothing else happens."""
    cluster = at(state)
    runs.decide_on(cluster, "early", action)

    cluster.tick(run.decide)

    assert runs.answer_of(cluster, "early") == reasons.STALE
    assert cluster.status().get("outcome", "") == ""


def test_a_decision_acts_once() -> None:
    """After a crash between status and answer it is only answered."""
    cluster = at(State.AWAITING_APPROVAL, approval={"required": True, "minApprovals": 2})
    runs.decide_on(cluster, "yes", "Approve")
    plan = run.decide(cluster.snapshot(), cluster.now)
    cluster.carry_out(Plan(status=plan.status))

    again = cluster.tick(run.decide)

    assert again.status is None
    assert len(cluster.status()["approval"]["counted"]) == 1
    assert runs.answer_of(cluster, "yes") == reasons.ACCEPTED


@pytest.mark.parametrize(
    ("state", "failure", "reason"),
    [
        (State.QUEUED, reasons.CHILD_REJECTED, reasons.ENGINE_REJECTED),
        (State.QUEUED, reasons.NAME_COLLISION, reasons.NAME_COLLISION),
        (State.CHECKING_DATA, reasons.CHILD_REJECTED, reasons.CHILD_REJECTED),
    ],
)
def test_a_child_that_is_never_taken_fails_the_run(state: State, failure: str, reason: str) -> None:
    """Its name is another's, or the API server refuses it."""
    cluster = at(state)
    cluster.fail(Failure(failure, "rename it", is_invalid=True))

    cluster.tick(run.decide)

    assert runs.told(cluster.status())["Failed"] == ("True", reason)


@pytest.mark.parametrize(
    "failure",
    [
        Failure(reasons.QUOTA_EXCEEDED, "no room", is_invalid=True),
        Failure(reasons.CHILD_REJECTED, "not sure", is_invalid=False),
    ],
)
def test_what_a_person_may_still_repair_fails_nothing(failure: Failure) -> None:
    """The run keeps trying until its deadline."""
    cluster = at(State.QUEUED)
    cluster.fail(failure)

    cluster.tick(run.decide)

    assert cluster.status()["state"] == "Queued"
    assert cluster.named("Job") == ("again-a1", "again-check-1")


def test_a_finished_run_cannot_fail_any_more() -> None:
    """A refused clean-up is retried, the outcome stands."""
    cluster = at(State.PROMOTING)
    runs.decide_on(cluster, "stop", "Abort")
    runs.until(cluster, "Finished")
    cluster.fail(Failure(reasons.NAME_COLLISION, "not ours", is_invalid=True))

    assert cluster.tick(run.decide).status is None
