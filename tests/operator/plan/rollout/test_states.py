"""The table of a rollout's states has no dead end, no orphan and no state without a limit."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from perennial_operator.plan.rollout import states
from perennial_operator.plan.rollout.states import Event, State

DOCUMENT = Path(__file__).parents[4] / "docs/reference/rollout-states.md"


def reachable(start: Iterable[State]) -> set[State]:
    """Return the states that lie behind these."""
    found: set[State] = set()
    open_ = list(start)
    while open_:
        state = open_.pop()
        if state not in found:
            found.add(state)
            open_.extend(states.TRANSITIONS[state].values())
    return found


def test_every_state_has_a_row() -> None:
    """An absent row would be a bug at run time."""
    assert set(states.TRANSITIONS) == set(State)


def test_every_state_is_reachable() -> None:
    """From the first state, every other can come."""
    assert reachable([State.NEW]) == set(State)


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_come_to_rest(state: State) -> None:
    """From each state one at rest is reachable."""
    assert reachable([state]) & states.AT_REST


@pytest.mark.parametrize("state", sorted(states.WITH_TRAFFIC | {State.PREPARING}))
def test_every_state_with_a_candidate_can_go_back(state: State) -> None:
    """Where a candidate has Pods or traffic, there is an edge to rolling back."""
    assert states.next_state(state, Event.BACK) is State.ROLLING_BACK


@pytest.mark.parametrize("state", sorted(set(State) - states.AT_REST))
def test_every_state_under_way_has_a_deadline(state: State) -> None:
    """Nothing waits for ever."""
    assert states.DEADLINES[state]


def test_every_event_is_used() -> None:
    """An event without an edge is a leftover."""
    used = {event for row in states.TRANSITIONS.values() for event in row}
    assert used == set(Event)


def test_an_unknown_pair_is_a_bug() -> None:
    """A commit out of preparations is no move of this machine."""
    with pytest.raises(KeyError):
        states.next_state(State.PREPARING, Event.COMMIT)


def test_the_documented_diagram_is_the_table() -> None:
    """`docs/reference/rollout-states.md` shows what the code does."""
    text = DOCUMENT.read_text()
    assert states.diagram() in text
    for state, limit in states.DEADLINES.items():
        assert f"| {state.value} | {limit} |" in text
