"""The table of a run's states is complete, and so is its picture in the docs."""

from pathlib import Path

import pytest

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.plan.retraining import states
from perennial_operator.plan.retraining.states import (
    OUTCOMES,
    TIMED_OUT,
    TRANSITIONS,
    Event,
    State,
)
from perennial_operator.testing import retrain_job

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "retraining-states.md"
WORKING = [state for state in State if state is not State.FINISHED]


def spec(**fields: object) -> RetrainJobSpec:
    """Return the spec of a run."""
    return documents.load(RetrainJobSpec, retrain_job(**fields)["spec"])


def reachable(start: State) -> set[State]:
    """Return the states that a run in `start` can come to."""
    found, open_ = {start}, [start]
    while open_:
        targets = set(TRANSITIONS[open_.pop()].values()) - found
        found |= targets
        open_ += targets
    return found


def test_every_state_has_a_row() -> None:
    """Terminal states are explicit empty rows."""
    assert set(TRANSITIONS) == set(State)
    assert TRANSITIONS[State.FINISHED] == {}


def test_every_state_is_reached_from_pending() -> None:
    """No row of the table is dead."""
    assert reachable(State.PENDING) == set(State)


@pytest.mark.parametrize("state", WORKING)
def test_every_state_can_end(state: State) -> None:
    """From each state the run can still finish."""
    assert State.FINISHED in reachable(state)


@pytest.mark.parametrize("state", WORKING)
def test_every_state_can_be_aborted(state: State) -> None:
    """A person can end a run wherever it stands, also while its candidate is offered."""
    assert TRANSITIONS[state][Event.ABORTED] is State.FINISHED


@pytest.mark.parametrize("state", WORKING)
def test_every_state_has_a_deadline_with_an_edge(state: State) -> None:
    """A passed deadline ends the run by an edge of the table."""
    assert states.deadline_seconds(state, spec())
    assert TRANSITIONS[state][TIMED_OUT[state]] is State.FINISHED


def test_the_terminal_state_has_no_deadline() -> None:
    """A finished run stays."""
    assert states.deadline_seconds(State.FINISHED, spec()) is None


@pytest.mark.parametrize(
    ("state", "fields", "seconds"),
    [
        (State.TRAINING, {"limits": {"activeDeadline": "2h"}}, 3 * 3_600),
        (State.AWAITING_APPROVAL, {"approval": {"timeout": "30m"}}, 1_800),
        (State.HARVESTING, {}, 3_600),
    ],
)
def test_users_set_the_deadlines_of_training_and_approval(
    state: State, fields: dict[str, object], seconds: int
) -> None:
    """Training has an hour of slack on top, for the engine that keeps the deadline."""
    assert states.deadline_seconds(state, spec(**fields)) == seconds


def test_an_edge_ends_the_run_iff_it_has_an_outcome() -> None:
    """Each end is named by one outcome, and by no other edge."""
    ending = {
        event
        for edges in TRANSITIONS.values()
        for event, target in edges.items()
        if target is State.FINISHED
    }
    assert ending == set(OUTCOMES)
    assert len(set(OUTCOMES.values())) == len(OUTCOMES)


def test_every_event_is_in_the_table() -> None:
    """No event is dead."""
    assert {event for edges in TRANSITIONS.values() for event in edges} == set(Event)


def test_the_picture_in_the_docs_is_drawn_from_the_table() -> None:
    """The page holds exactly the generated diagram."""
    text = PAGE.read_text()
    assert f"```mermaid\n{states.diagram()}```" in text


@pytest.mark.parametrize("state", State)
def test_the_page_explains_every_state(state: State) -> None:
    """Each state has a row in the page's table."""
    assert f"| `{state}` |" in PAGE.read_text()
