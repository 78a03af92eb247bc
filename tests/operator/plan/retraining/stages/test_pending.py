"""Before a run begins: refusals, a missing model, and its turn."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perennial_operator.api import conditions, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.schema.shared_types import Condition
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.plan.retraining.stages import pending
from perennial_operator.plan.retraining.stages.advance import Advance
from perennial_operator.plan.retraining.states import Event, State
from perennial_operator.plan.snapshot import RunFacts, RunSnapshot
from perennial_operator.testing import NOON, runs

IMAGE = f"registry.test/team/own@sha256:{'0' * 64}"
STALLED = Condition(conditions.STALLED, conditions.TRUE, reasons.REF_NOT_FOUND)


def seen(**spec: Any) -> RunSnapshot:  # noqa: ANN401  # JSON
    """Return a run that was only just made."""
    found: RunSnapshot = runs.world(**spec).snapshot()
    return replace(found, status=RetrainJobStatus(state=State.PENDING))


def other(seen_: RunSnapshot, uid: str, state: str, **fields: Any) -> RunFacts:  # noqa: ANN401  # of status
    """Return another run of the namespace, made at the same moment."""
    meta = replace(seen_.meta, name=uid, uid=uid)
    return RunFacts(meta, seen_.spec, RetrainJobStatus(state=state, **fields))


def test_a_run_whose_turn_it_is_begins() -> None:
    """The edge tells people that a run started."""
    found = pending.advance(seen(), NOON)

    assert found.edge is Event.TURN
    assert [event.reason for event in found.events] == [reasons.RETRAIN_STARTED]


@pytest.mark.parametrize(
    ("allowed", "image", "expected"),
    [
        (("*",), IMAGE, True),
        (("registry.test/team/own",), IMAGE, True),
        (("registry.test/team/",), IMAGE, True),
        (("registry.test/team",), IMAGE, False),
        (("registry.test/team/own",), f"registry.test/team/own2@sha256:{'0' * 64}", False),
        ((), IMAGE, False),
    ],
)
def test_only_listed_images_train(allowed: tuple[str, ...], image: str, expected: bool) -> None:  # noqa: FBT001  # a table's column
    """A prefix counts only with its slash; an empty list allows recipes alone."""
    assert pending.is_allowed(image, allowed) is expected


def test_an_image_that_is_not_allowed_ends_the_run() -> None:
    """The message says whom to ask."""
    run = seen(trainer={"container": {"image": IMAGE}}, validation={"metrics": [{"name": "mae"}]})
    run = replace(run, options=replace(run.options, allowed_trainer_images=()))

    found = pending.advance(run, NOON)

    assert (found.edge, found.reason) == (Event.FAILED, reasons.IMAGE_REJECTED)
    assert "ask an administrator" in found.message


def test_a_container_must_say_what_it_trains() -> None:
    """No task is guessed."""
    found = pending.advance(seen(trainer={"container": {"image": IMAGE}}), NOON)

    assert (found.edge, found.reason) == (Event.FAILED, reasons.INVALID_SPEC)
    assert "spec.validation.metrics" in found.message


def test_without_a_gate_no_task_is_needed() -> None:
    """Nothing is compared, and metrics would be refused there."""
    found = pending.refusal(
        seen(trainer={"container": {"image": IMAGE}}, validation={"mode": "None"})
    )

    assert found is None


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 5.0), (9, 5.0), (10, 60.0)])
def test_a_missing_model_is_waited_for(minutes: int, seconds: float) -> None:
    """It heals within seconds at first, within a minute later."""
    run = replace(seen(), model=None)

    found = pending.advance(run, NOON + timedelta(minutes=minutes))

    text = "create ModelDeployment churn, or delete this run: spec.modelRef names no object"
    assert found == Advance(
        run.status,
        stalled=Claim(conditions.STALLED, conditions.TRUE, reasons.REF_NOT_FOUND, text),
        look_again_seconds=seconds,
    )


@pytest.mark.parametrize("state", [State.CHECKING_DATA, State.QUEUED, State.TRAINING])
def test_busy_runs_are_waited_for(state: State) -> None:
    """As many as the limit, of whatever model."""
    run = seen()
    one, two = other(run, "one", state), other(run, "two", state)

    assert pending.is_its_turn(replace(run, other_runs=(one,)))
    found = pending.advance(replace(run, other_runs=(one, two)), NOON)
    assert (found.edge, found.look_again_seconds) == (None, 15.0)
    assert found.note.startswith("waits for its turn: at most 2 runs")


@pytest.mark.parametrize(
    "state", [State.HARVESTING, State.VALIDATING, State.AWAITING_APPROVAL, State.FINISHED]
)
def test_runs_that_do_not_compute_take_no_place(state: State) -> None:
    """A person's approval may take days."""
    run = seen()
    others = tuple(other(run, name, state) for name in ("one", "two"))

    assert pending.is_its_turn(replace(run, other_runs=others))


def test_the_older_of_two_pending_runs_comes_first() -> None:
    """So two runs never take one place, whoever is looked at first."""
    run = seen()
    limited = replace(run, options=replace(run.options, max_active_runs_per_namespace=1))
    before, after = other(run, "uid-0", State.PENDING), other(run, "uid-2", "")

    assert pending.is_its_turn(replace(limited, other_runs=(after,)))
    assert not pending.is_its_turn(replace(limited, other_runs=(before,)))


def test_a_stalled_run_blocks_nobody() -> None:
    """One whose model does not exist gives its place away."""
    run = seen()
    limited = replace(run, options=replace(run.options, max_active_runs_per_namespace=1))
    stuck = other(run, "uid-0", State.PENDING, conditions=(STALLED,))

    assert pending.is_its_turn(replace(limited, other_runs=(stuck,)))
