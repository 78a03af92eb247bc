"""Moves change a status as the table allows, and remember what has to be remembered."""

from dataclasses import replace

import pytest

from perennial_operator.api import decision, reasons
from perennial_operator.plan.rollout import desired, moves
from perennial_operator.plan.rollout.states import Event, State
from perennial_operator.testing import Rollout


def canary() -> Rollout:
    """Return a rollout in its first step."""
    return Rollout().serve().change(model="two").until(State.CANARY, "Collect")


def test_a_move_that_the_table_does_not_have_is_a_bug() -> None:
    """Stable cannot commit."""
    with pytest.raises(KeyError):
        moves.enter(Rollout().serve().view(), Event.COMMIT)


def test_times_begin_anew_with_a_state_and_a_stage() -> None:
    """A stage in the same state keeps the time of the state."""
    view = canary().view()
    same = moves.enter(view, Event.ADVANCE, stage="ScaleUp").rollout
    assert (same.entered_at, same.stage) == (view.rollout.entered_at, "ScaleUp")
    assert same.stage_entered_at > view.rollout.stage_entered_at or same.stage_entered_at
    other = moves.enter(view, Event.BACK).rollout
    assert other.entered_at == other.stage_entered_at


def test_a_refusal_is_listed_once_and_ends_its_own_choice() -> None:
    """The newest entry replaces the older one of the same revision."""
    view = canary().view()
    name = view.roles.candidate
    chosen = moves.choose(view, name, decision.RETRY)
    once = moves.reject(chosen, name, reason=reasons.BREAKER, now=view.now)
    twice = moves.reject(once, name, reason=reasons.ABORTED, now=view.now)

    assert [each.reason for each in twice.revisions.rejected] == [reasons.ABORTED]
    assert twice.revisions.chosen is None


def test_a_choice_takes_the_revision_off_the_list() -> None:
    """What a person wants is not refused any more."""
    view = canary().view()
    refused = moves.reject(view.status, "churn-x", reason=reasons.BREAKER, now=view.now)
    found = moves.choose(replace(view, status=refused), "churn-x", decision.RETRY, by="retry")

    assert found.revisions.rejected == ()
    assert found.revisions.chosen is not None
    assert found.revisions.chosen.by == "retry"


def test_attempts_are_numbered_also_before_they_are_annotated() -> None:
    """A second try right after the first has the next number."""
    rollout = canary()
    view = rollout.view()
    at_rest = replace(view.rollout, state=State.ROLLED_BACK.value)
    view = replace(view, status=replace(view.status, rollout=at_rest), known={})
    turn = moves.start(view, Event.START, replace(view.desired, name=view.roles.candidate))

    assert turn.status.rollout.attempt.endswith("-a2")


def test_a_retrained_commit_does_not_count_as_spec_s() -> None:
    """The unchanged spec must not pull the champion back, a changed one must still count."""
    rollout = canary()
    rollout.until(State.PROMOTING, "Bake")
    view = rollout.view()
    retrained = replace(view.rollout, origin=desired.RETRAIN)
    view = replace(view, status=replace(view.status, rollout=retrained))

    found = moves.commit(view).status.revisions

    assert found.committed_model == view.roles.committed_model
    assert (found.stable, found.previous) == (view.roles.candidate, view.roles.stable)


def test_the_definition_is_the_steps_with_their_digest() -> None:
    """Equal steps, equal digest."""
    spec = Rollout().cluster.snapshot().spec
    found = moves.definition(spec)
    assert (found.weights, found.dwells) == ((10, 50), ("20s", "20s"))
    assert found == moves.definition(spec)
