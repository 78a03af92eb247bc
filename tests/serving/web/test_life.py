"""The life of a process: one table, no dead ends."""

from collections.abc import Iterator

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.web import life
from perennial_serving.web.life import CLOSED, TRANSITIONS, UNREADY, Event, State


def reachable(start: State) -> set[State]:
    """Return the states that can follow, with the start itself."""
    found, waiting = {start}, [start]
    while waiting:
        for state in TRANSITIONS[waiting.pop()].values():
            if state not in found:
                found.add(state)
                waiting.append(state)
    return found


def walks() -> Iterator[tuple[State, Event]]:
    """Yield every pair of a state and an event."""
    return ((state, event) for state in State for event in Event)


def test_every_state_has_a_row_and_can_be_reached() -> None:
    """Nothing is left over."""
    assert set(TRANSITIONS) == set(CLOSED) == set(UNREADY) == set(State)
    assert reachable(State.STARTING) == set(State)


@pytest.mark.parametrize("state", State)
def test_every_state_leads_to_the_end(state: State) -> None:
    """A signal is heard in each, and Stopping is the only end."""
    assert State.STOPPING in reachable(state)
    assert (TRANSITIONS[state] == {}) is (state is State.STOPPING)


def test_an_unknown_event_changes_nothing() -> None:
    """A late event of an earlier state is no bug."""
    for state, event in walks():
        expected = TRANSITIONS[state].get(event, state)
        assert life.after(state, event) is expected


def test_a_model_that_never_served_has_nothing_to_drain() -> None:
    """Before Ready a signal stops at once; after it, the process drains first."""
    for state in (State.STARTING, State.LOADING, State.WARMING, State.DRAINING):
        assert life.after(state, Event.SIGNAL) is State.STOPPING
    assert life.after(State.READY, Event.SIGNAL) is State.DRAINING


def test_a_draining_process_takes_requests_but_is_not_ready() -> None:
    """Routers look elsewhere; who comes anyway is answered."""
    assert CLOSED[State.DRAINING] is None
    assert UNREADY[State.DRAINING] is Reason.DRAINING
    assert UNREADY[State.READY] is CLOSED[State.READY] is None
