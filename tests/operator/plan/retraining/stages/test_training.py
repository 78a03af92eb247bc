"""Attempts of the trainer: created once, ended by the exit rows, never two at a time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perennial_operator.api import reasons
from perennial_operator.api.status.retrain_job import Attempt, EngineObject, StepIntent
from perennial_operator.plan.actions import Create, Plan
from perennial_operator.plan.retraining import run
from perennial_operator.plan.retraining.stages import training
from perennial_operator.plan.retraining.states import Event, State
from perennial_operator.plan.snapshot import Child, ContainerFacts, PodFacts, RunSnapshot
from perennial_operator.testing import NOON, FakeCluster, JobResult, runs

CRASHED = JobResult("Traceback", exit_code=1)
OUT_OF_MEMORY = JobResult("", exit_code=137, reason="OOMKilled")
LATER = JobResult("no license", exit_code=75)
LABELS = {"batch.kubernetes.io/job-name": "again-a1", "perennial.dev/step": "train"}
RUNNING = PodFacts(
    "again-a1-x", "p", LABELS, "Running", containers=(ContainerFacts("trainer", is_running=True),)
)
PENDING = replace(RUNNING, phase="Pending", containers=())
ACTIVE = {"active": 1, "startTime": "2026-01-05T12:00:00Z"}
FAILED = {"type": "Failed", "status": "True", "reason": "PodFailurePolicy"}


def queued(**spec: Any) -> FakeCluster:  # noqa: ANN401  # JSON
    """Return a world whose data is checked and whose attempts keep running."""
    cluster = runs.world(**spec)
    runs.succeed(cluster)
    del cluster.simulation.jobs["again-a1"]
    runs.until(cluster, "Queued")
    return cluster


def look(state: State, *, status: dict[str, Any] | None = None, **fields: Any) -> RunSnapshot:  # noqa: ANN401  # of the snapshot
    """Return a run in `state` whose first attempt's Job has this status; None: it is absent."""
    cluster = queued()
    cluster.tick(run.decide)
    seen: RunSnapshot = cluster.snapshot()
    job = Child("Job", "again-a1", "uid-job", "1", {"status": status})
    children = () if status is None else (job,)
    times = {**seen.status.state_times, state: "2026-01-05T12:00:00Z"}
    intent = StepIntent("train", 1, "again-a1", "2026-01-05T12:00:00Z")
    moved = replace(seen.status, state=state, state_times=times, intent=intent)
    return replace(seen, status=moved, children=children, **fields)


def test_an_attempt_is_intended_before_its_objects_are_made() -> None:
    """ConfigMap first, then the Job that mounts it, both named by the attempt."""
    cluster = queued()

    plan = cluster.tick(run.decide)

    assert plan.status is not None
    assert plan.status["intent"]["name"] == "again-a1"
    assert plan.status["tries"]["train"] == 1
    assert made(plan) == [["again-in-1"], ["again-a1"]]


def made(plan: Plan) -> list[list[str]]:
    """Return the names of what a plan creates, by group."""
    return [
        [each.object["metadata"]["name"] for each in group if isinstance(each, Create)]
        for group in plan.actions
    ]


def test_objects_that_are_absent_are_made_by_the_status_alone() -> None:
    """After a crash between the status and the Job."""
    cluster = queued()
    cluster.tick(run.decide)
    cluster.remove("Job", "again-a1")

    plan = cluster.tick(run.decide)

    assert plan.status is None
    assert cluster.named("Job") == ("again-a1", "again-check-1")


def test_a_job_that_was_seen_is_recorded() -> None:
    """So that its deletion is not taken for a crash."""
    found = training.queued(look(State.QUEUED, status=ACTIVE), NOON)

    assert found.edge is None
    assert found.status.engine == EngineObject("Job", "again-a1", "uid-job", 1)


def test_the_first_running_pod_starts_training() -> None:
    """The attempt is under way."""
    found = training.queued(look(State.QUEUED, status=ACTIVE, pods=(RUNNING,)), NOON)

    assert found.edge is Event.RUNNING
    assert [claim.reason for claim in found.claims] == [reasons.TRAINING]


def test_why_a_pod_waits_is_told_after_a_minute() -> None:
    """Pulling an image for some seconds is nothing to tell."""
    stuck = replace(PENDING, unschedulable="0/3 nodes are available")
    seen = look(State.QUEUED, status=ACTIVE, pods=(stuck,))

    early = training.queued(seen, NOON + timedelta(seconds=59))
    late = training.queued(seen, NOON + timedelta(seconds=60))

    assert (early.note, early.look_again_seconds) == ("attempt 1 waits for its Pod", 1.0)
    assert late.note == ("attempt 1 waits for its Pod: Unschedulable: 0/3 nodes are available")


def test_a_job_that_its_controller_has_not_seen_is_waited_for() -> None:
    """An engine without a status says nothing at all."""
    found = training.queued(look(State.QUEUED, status={}), NOON + timedelta(hours=1))

    assert (found.edge, found.note) == (None, "attempt 1 waits for its Pod")


def test_the_end_of_the_job_ends_training() -> None:
    """Files are verified next."""
    complete = {**ACTIVE, "conditions": [{"type": "Complete", "status": "True"}]}

    found = training.training(look(State.TRAINING, status=complete), NOON)

    assert (found.edge, found.status.intent) == (Event.TRAINED, None)


def test_a_running_attempt_is_left_alone() -> None:
    """Nothing is to be written."""
    found = training.training(look(State.TRAINING, status=ACTIVE, pods=(RUNNING,)), NOON)

    assert (found.edge, found.actions, found.note) == (None, (), "attempt 1 is running")


def test_a_preempted_attempt_waits_again_and_spends_nothing() -> None:
    """The Job makes another Pod by itself."""
    disrupted = replace(RUNNING, is_disrupted=True)

    found = training.training(look(State.TRAINING, status=ACTIVE, pods=(disrupted,)), NOON)

    assert found.edge is Event.PREEMPTED
    assert found.status.attempts == ()


def test_a_deleted_job_is_harvested_when_its_pods_ended() -> None:
    """What it uploaded counts, but not beside a trainer that still writes."""
    gone = look(State.TRAINING)

    waiting = training.training(replace(gone, pods=(RUNNING,)), NOON)
    ended = training.training(replace(gone, pods=(replace(RUNNING, phase="Failed"),)), NOON)

    assert (waiting.edge, ended.edge) == (None, Event.TRAINED)


def test_a_recorded_job_is_not_made_again() -> None:
    """A Job deleted while it was queued is harvested, too."""
    seen = look(State.QUEUED)
    recorded = replace(seen.status, engine=EngineObject("Job", "again-a1", "uid-job", 1))

    found = training.queued(replace(seen, status=recorded, pods=()), NOON)

    assert (found.edge, found.actions) == (Event.TRAINED, ())


@pytest.mark.parametrize("code", [64, 65, 66, 78])
def test_a_trainer_that_refuses_ends_the_run(code: int) -> None:
    """Its last words are in the message; nothing is tried again."""
    cluster = queued()
    cluster.simulation.jobs["again-a1"] = JobResult("label has one class", exit_code=code)

    status = runs.until(cluster, "Finished")

    told = runs.told(status)
    assert told["Trained"] == ("False", reasons.TRAINER_REFUSED)
    assert told["Failed"] == ("True", reasons.TRAINER_REFUSED)
    assert status["conditions"][1]["message"] == (
        f"attempt 1 ended with TrainerRefused (exit code {code}): label has one class. "
        "Correct the trainer or spec.trainer, then run again"
    )
    assert status["attempts"][0]["exitCode"] == code


@pytest.mark.parametrize(
    ("result", "attempt_reason", "reason", "advice"),
    [
        (
            CRASHED,
            reasons.TRAINER_FAILED,
            reasons.ATTEMPTS_EXCEEDED,
            "Correct the trainer or spec.trainer",
        ),
        (
            OUT_OF_MEMORY,
            reasons.OOM_KILLED,
            reasons.OOM_KILLED,
            "Raise spec.trainer.pod.resources.limits.memory",
        ),
    ],
)
def test_spent_attempts_end_the_run(
    *, result: JobResult, attempt_reason: str, reason: str, advice: str
) -> None:
    """As many as the limit, one after the other; the reason tells what a person can change."""
    cluster = queued(limits={"attempts": 2})
    cluster.simulation.jobs |= {"again-a1": result, "again-a2": result}

    status = runs.until(cluster, "Finished")

    assert [each["reason"] for each in status["attempts"]] == [attempt_reason] * 2
    assert runs.told(status)["Failed"] == ("True", reason)
    assert status["conditions"][1]["message"].endswith(f". {advice}, then run again")
    assert [each.reason for each in cluster.events].count(reasons.TRAINING_FAILED) == 2


def test_a_crash_is_tried_again_at_once() -> None:
    """The second attempt has its own objects, and its success is the run's."""
    cluster = queued()
    cluster.simulation.jobs |= {"again-a1": CRASHED, "again-a2": JobResult()}

    status = runs.until(cluster, "Harvesting")

    assert status["tries"]["train"] == 2
    assert cluster.named("ConfigMap") == ("again-in-1", "again-in-2")


def test_trying_later_waits_one_five_and_fifteen_minutes() -> None:
    """Each attempt is spent, the pauses grow."""
    cluster = queued(limits={"attempts": 5})
    cluster.simulation.jobs |= {f"again-a{n}": LATER for n in range(1, 6)}
    pauses = []
    for n in range(2, 6):
        while cluster.status()["tries"]["train"] < n:
            before = cluster.now
            cluster.tick(run.decide)
        intended = training.identity.moment(cluster.status()["intent"]["time"])
        pauses.append((intended - before).total_seconds())
        assert cluster.tick(run.decide).actions == ()
        cluster.advance(900)

    assert pauses == [60, 300, 900, 900]


def test_a_disrupted_attempt_is_repeated_and_not_spent() -> None:
    """Node loss is nobody's fault: one spent attempt is still allowed."""
    lost = replace(RUNNING, phase="Failed", is_disrupted=True)
    status = {**ACTIVE, "conditions": [FAILED]}
    seen = look(State.TRAINING, status=status, pods=(lost,))
    seen = replace(seen, spec=replace(seen.spec, limits=replace(seen.spec.limits, attempts=1)))

    found = training.training(seen, NOON)

    assert (found.edge, found.status.attempts[0].reason) == (Event.ATTEMPT_ENDED, "Disrupted")
    assert found.status.intent == StepIntent("train", 2, "again-a2", "2026-01-05T12:00:00Z")
    assert found.status.attempts[0].start == "2026-01-05T12:00:00Z"


def test_forgotten_attempts_are_those_that_spent_nothing() -> None:
    """Ten are kept, so the spent ones are still counted; then the oldest goes."""
    spent = tuple(Attempt(n, reason="TrainerFailed") for n in range(1, 10))
    disrupted = Attempt(10, reason="Disrupted")
    cluster = queued()
    cluster.tick(run.decide)
    status = {**ACTIVE, "conditions": [FAILED]}
    seen = look(State.TRAINING, status=status)
    limits = replace(seen.spec.limits, attempts=99)
    seen = replace(seen, spec=replace(seen.spec, limits=limits))

    kept = training.training(
        replace(seen, status=replace(seen.status, attempts=(*spent, disrupted))), NOON
    )
    more = training.training(
        replace(seen, status=replace(seen.status, attempts=kept.status.attempts)), NOON
    )

    assert [each.reason for each in kept.status.attempts] == ["TrainerFailed"] * 10
    assert [each.n for each in more.status.attempts][:2] == [2, 3]


def test_the_trainer_gets_what_the_step_pinned() -> None:
    """Rows, features and seed of this run."""
    cluster = queued(seed=7)
    cluster.tick(run.decide)

    attempt = training.attempt_of(cluster.snapshot())

    assert (attempt.name, attempt.n, attempt.seed) == ("again-a1", 1, 7)
    assert (attempt.data.train_rows, attempt.features) == (8_000, ("age", "plan"))
    assert attempt.nominal_time == "2026-01-05T12:00:00Z"
