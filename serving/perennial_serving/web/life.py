"""The life of a serving process, as states and one table; pure.

Starting -> Loading -> Warming -> Ready -> Draining -> Stopping. A signal before Ready stops at
once: nobody was promised an answer.
"""

from collections.abc import Mapping
from enum import StrEnum

from perennial_serving.contract.results import Reason


class State(StrEnum):
    """Where a process is in its life."""

    STARTING = "Starting"
    LOADING = "Loading"
    WARMING = "Warming"
    READY = "Ready"
    DRAINING = "Draining"
    STOPPING = "Stopping"


class Event(StrEnum):
    """What moves it on."""

    LISTENING = "Listening"
    LOADED = "Loaded"
    WARMED = "Warmed"
    SIGNAL = "Signal"
    DRAINED = "Drained"
    FAILED = "Failed"


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.STARTING: {
        Event.LISTENING: State.LOADING,
        Event.SIGNAL: State.STOPPING,
        Event.FAILED: State.STOPPING,
    },
    State.LOADING: {
        Event.LOADED: State.WARMING,
        Event.SIGNAL: State.STOPPING,
        Event.FAILED: State.STOPPING,
    },
    State.WARMING: {
        Event.WARMED: State.READY,
        Event.SIGNAL: State.STOPPING,
        Event.FAILED: State.STOPPING,
    },
    State.READY: {Event.SIGNAL: State.DRAINING},
    State.DRAINING: {Event.DRAINED: State.STOPPING, Event.SIGNAL: State.STOPPING},
    State.STOPPING: {},
}

# Why requests are not let in; a draining process still takes them until it stops.
CLOSED: Mapping[State, Reason | None] = {
    State.STARTING: Reason.STARTING,
    State.LOADING: Reason.MODEL_LOADING,
    State.WARMING: Reason.MODEL_LOADING,
    State.READY: None,
    State.DRAINING: None,
    State.STOPPING: Reason.DRAINING,
}

# Why the process is not ready: what routers and probes hear.
UNREADY: Mapping[State, Reason | None] = {
    **CLOSED,
    State.DRAINING: Reason.DRAINING,
}


def after(state: State, event: Event) -> State:
    """Return the next state; an event that the state does not know changes nothing."""
    return TRANSITIONS[state].get(event, state)
