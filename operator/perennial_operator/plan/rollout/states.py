"""The states of a rollout, the events between them, and the limits of time.

One table; an unknown pair is a bug. The diagram in `docs/reference` is drawn from it.
"""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a rollout stands; the text is what `status.rollout.state` holds."""

    NEW = ""
    PREPARING = "Preparing"
    CANARY = "Canary"
    AWAITING_PROMOTION = "AwaitingPromotion"
    HOLDING = "Holding"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"
    REVERTING = "Reverting"
    STABLE = "Stable"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"


class Stage(StrEnum):
    """Where a state stands that takes several acts."""

    SCALE_UP = "ScaleUp"
    VERIFY_WEIGHT = "VerifyWeight"
    COLLECT = "Collect"
    SCALE_DOWN = "ScaleDown"
    SCALE_FULL = "ScaleFull"
    BAKE = "Bake"
    ENSURE_STABLE = "EnsureStable"
    OBSERVED_ZERO = "Observed0"
    DRAIN = "Drain"


class Event(StrEnum):
    """What moves a rollout."""

    START = "another revision is desired"
    REVERT = "a person or a breaker wants an earlier revision"
    SETTLE = "stable is desired again"
    CANARY_DUE = "prepared"
    APPROVAL_DUE = "a person is asked"
    PROMOTION_DUE = "all passed, approved or promoted by a person"
    ADVANCE = "next stage or step"
    HOLD = "cause to hold"
    RESUME_CANARY = "cause of a canary gone"
    RESUME_PROMOTING = "cause of a promotion gone"
    RESUME_REVERTING = "cause of a return gone"
    BACK = "harm, breaker, deadline, person or spec"
    COMMIT = "committed"
    ROLLED_BACK = "drained"
    SUPERSEDED = "drained for another revision"
    WITHDRAWN = "drained, stable is desired"
    NOTHING_LEFT = "drained, nothing can serve"
    START_OVER = "drained before anything served"


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.NEW: {Event.START: State.PREPARING},
    State.PREPARING: {
        Event.CANARY_DUE: State.CANARY,
        Event.APPROVAL_DUE: State.AWAITING_PROMOTION,
        Event.PROMOTION_DUE: State.PROMOTING,
        Event.BACK: State.ROLLING_BACK,
    },
    State.CANARY: {
        Event.ADVANCE: State.CANARY,
        Event.APPROVAL_DUE: State.AWAITING_PROMOTION,
        Event.PROMOTION_DUE: State.PROMOTING,
        Event.HOLD: State.HOLDING,
        Event.BACK: State.ROLLING_BACK,
    },
    State.AWAITING_PROMOTION: {
        Event.PROMOTION_DUE: State.PROMOTING,
        Event.BACK: State.ROLLING_BACK,
    },
    State.HOLDING: {
        Event.RESUME_CANARY: State.CANARY,
        Event.RESUME_PROMOTING: State.PROMOTING,
        Event.RESUME_REVERTING: State.REVERTING,
        Event.PROMOTION_DUE: State.PROMOTING,
        Event.BACK: State.ROLLING_BACK,
    },
    State.PROMOTING: {
        Event.ADVANCE: State.PROMOTING,
        Event.HOLD: State.HOLDING,
        Event.COMMIT: State.STABLE,
        Event.BACK: State.ROLLING_BACK,
    },
    State.ROLLING_BACK: {
        Event.ADVANCE: State.ROLLING_BACK,
        Event.ROLLED_BACK: State.ROLLED_BACK,
        Event.SUPERSEDED: State.ROLLED_BACK,
        Event.WITHDRAWN: State.STABLE,
        Event.NOTHING_LEFT: State.FAILED,
        Event.START_OVER: State.NEW,
    },
    State.REVERTING: {
        Event.ADVANCE: State.REVERTING,
        Event.HOLD: State.HOLDING,
        Event.COMMIT: State.STABLE,
        Event.BACK: State.ROLLING_BACK,
    },
    State.STABLE: {
        Event.START: State.PREPARING,
        Event.REVERT: State.REVERTING,
    },
    State.ROLLED_BACK: {
        Event.START: State.PREPARING,
        Event.REVERT: State.REVERTING,
        Event.SETTLE: State.STABLE,
    },
    State.FAILED: {Event.START: State.PREPARING},
}

AT_REST = frozenset({State.NEW, State.STABLE, State.ROLLED_BACK, State.FAILED})
WITH_TRAFFIC = frozenset(
    {
        State.CANARY,
        State.AWAITING_PROMOTION,
        State.HOLDING,
        State.PROMOTING,
        State.REVERTING,
    }
)

VERIFY_SECONDS = 120
EVIDENCE_SECONDS = 600
MAX_HOLD_SECONDS = 86_400

DEADLINES: Mapping[State, str] = {
    State.PREPARING: "rollout.deadlines.preparing",
    State.CANARY: "2m to verify a weight, rollout.deadlines.preparing to scale, 10m for evidence",
    State.AWAITING_PROMOTION: "rollout.approval.timeout",
    State.HOLDING: "24h",
    State.PROMOTING: "2m to verify a weight, rollout.deadlines.preparing to scale",
    State.ROLLING_BACK: "rollout.deadlines.preparing to drain; none while traffic is left",
    State.REVERTING: "2m to verify a weight, rollout.deadlines.preparing to scale",
}


def next_state(state: State, event: Event) -> State:
    """Return where the event leads; KeyError for a pair that the table does not have."""
    return TRANSITIONS[state][event]


def diagram() -> str:
    """Return the table as a Mermaid diagram."""
    lines = ["stateDiagram-v2"]
    for state, row in TRANSITIONS.items():
        lines += [f"    {_name(state)} --> {_name(to)}: {event}" for event, to in row.items()]
    return "\n".join(lines) + "\n"


def _name(state: State) -> str:
    return state.value or "[*]"
