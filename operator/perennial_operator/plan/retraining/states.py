"""The states of a run, the events between them, and how long each state may last.

One table; an unknown pair is a bug. The diagram in the docs is drawn from it.
"""

from collections.abc import Mapping
from enum import StrEnum

from perennial_operator.api.documents import durations
from perennial_operator.api.retrain_job import RetrainJobSpec


class State(StrEnum):
    """Where a run stands."""

    PENDING = "Pending"
    CHECKING_DATA = "CheckingData"
    QUEUED = "Queued"
    TRAINING = "Training"
    HARVESTING = "Harvesting"
    VALIDATING = "Validating"
    AWAITING_APPROVAL = "AwaitingApproval"
    PROMOTING = "Promoting"
    FINISHED = "Finished"


class Event(StrEnum):
    """What moves a run on."""

    TURN = "turn"
    DATA_READY = "data ready"
    RUNNING = "trainer runs"
    PREEMPTED = "preempted"
    ATTEMPT_ENDED = "next attempt"
    TRAINED = "trained"
    HARVESTED = "harvested"
    UNGATED = "harvested, no gate"
    PASSED = "passed"
    ASKED = "a person is asked"
    APPROVED = "approved"
    NEW_CHAMPION = "new champion"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"
    KEPT = "kept"
    SUPERSEDED = "superseded"
    ABORTED = "aborted"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"


OUTCOMES: Mapping[Event, str] = {
    Event.SKIPPED: "Skipped",
    Event.FAILED: "Failed",
    Event.REFUSED: "Rejected",
    Event.KEPT: "Kept",
    Event.SUPERSEDED: "Superseded",
    Event.ABORTED: "Canceled",
    Event.PROMOTED: "Promoted",
    Event.ROLLED_BACK: "RolledBack",
}


def _ends(*events: Event) -> dict[Event, State]:
    return dict.fromkeys((*events, Event.ABORTED), State.FINISHED)


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.PENDING: {
        Event.TURN: State.CHECKING_DATA,
        **_ends(Event.SKIPPED, Event.FAILED),
    },
    State.CHECKING_DATA: {
        Event.DATA_READY: State.QUEUED,
        **_ends(Event.FAILED),
    },
    State.QUEUED: {
        Event.RUNNING: State.TRAINING,
        Event.TRAINED: State.HARVESTING,
        **_ends(Event.SKIPPED, Event.FAILED),
    },
    State.TRAINING: {
        Event.PREEMPTED: State.QUEUED,
        Event.ATTEMPT_ENDED: State.QUEUED,
        Event.TRAINED: State.HARVESTING,
        **_ends(Event.FAILED),
    },
    State.HARVESTING: {
        Event.HARVESTED: State.VALIDATING,
        Event.UNGATED: State.AWAITING_APPROVAL,
        Event.ATTEMPT_ENDED: State.QUEUED,
        **_ends(Event.FAILED),
    },
    State.VALIDATING: {
        Event.PASSED: State.PROMOTING,
        Event.ASKED: State.AWAITING_APPROVAL,
        Event.NEW_CHAMPION: State.VALIDATING,
        **_ends(Event.REFUSED, Event.SUPERSEDED, Event.FAILED),
    },
    State.AWAITING_APPROVAL: {
        Event.APPROVED: State.PROMOTING,
        Event.NEW_CHAMPION: State.VALIDATING,
        **_ends(Event.REFUSED, Event.SUPERSEDED),
    },
    State.PROMOTING: {
        Event.NEW_CHAMPION: State.VALIDATING,
        **_ends(Event.PROMOTED, Event.ROLLED_BACK, Event.KEPT, Event.SUPERSEDED),
    },
    State.FINISHED: {},
}

START_SECONDS = 24 * 3_600
ENGINE_SLACK_SECONDS = 3_600

_FIXED_DEADLINES: Mapping[State, int] = {
    State.PENDING: START_SECONDS,
    State.CHECKING_DATA: START_SECONDS,
    State.QUEUED: START_SECONDS,
    State.HARVESTING: 3_600,
    State.VALIDATING: 2 * 3_600,
    State.PROMOTING: 7 * 86_400,
}


def deadline_seconds(state: State, spec: RetrainJobSpec) -> int | None:
    """Return how long a run may stay in a state; None for the terminal one.

    The engine itself ends an attempt at `limits.activeDeadline`; Training's own deadline, with
    slack, is for an engine that stopped answering.
    """
    if state is State.TRAINING:
        return durations.seconds(spec.limits.active_deadline) + ENGINE_SLACK_SECONDS
    if state is State.AWAITING_APPROVAL:
        return durations.seconds(spec.approval.timeout)
    return _FIXED_DEADLINES.get(state)


# What a passed deadline does; Promoting's ends when the ModelDeployment has taken the offer.
TIMED_OUT: Mapping[State, Event] = {
    State.PENDING: Event.SKIPPED,
    State.CHECKING_DATA: Event.FAILED,
    State.QUEUED: Event.SKIPPED,
    State.TRAINING: Event.FAILED,
    State.HARVESTING: Event.FAILED,
    State.VALIDATING: Event.FAILED,
    State.AWAITING_APPROVAL: Event.REFUSED,
    State.PROMOTING: Event.KEPT,
}


def diagram() -> str:
    """Return the table as a Mermaid state diagram; ends are named by their outcome."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING}"]
    for state, edges in TRANSITIONS.items():
        lines += [
            f"    {state} --> {target}: {OUTCOMES.get(event, event.value)}"
            for event, target in edges.items()
        ]
    lines.append(f"    {State.FINISHED} --> [*]")
    return "\n".join(lines) + "\n"
