"""A look becomes one plan: the edge, the conditions, the answers, and only what differs."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import conditions, documents, reasons
from perennial_operator.api.conditions import Claim
from perennial_operator.api.decision import DecisionSpec, Target
from perennial_operator.api.status.model_deployment import CountedDecision
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.plan.actions import Answer, Event, Plan
from perennial_operator.plan.retraining import reporting, states
from perennial_operator.plan.retraining.approvals import Reply
from perennial_operator.plan.retraining.stages.advance import Advance
from perennial_operator.plan.snapshot import DecisionFacts, Failure, RunSnapshot
from perennial_operator.testing import NOON, runs

STATUS = RetrainJobStatus(state="Queued", state_times={"Queued": "2026-01-05T12:00:00Z"})
DECISION = DecisionFacts(
    "stop", "uid-d", "7", NOON, DecisionSpec("Abort", Target("RetrainJob", "again"), "ann"), 3
)


def seen(**fields: Any) -> RunSnapshot:  # noqa: ANN401  # of the snapshot
    """Return a run that is queued."""
    found: RunSnapshot = runs.world().snapshot()
    return replace(found, **{"status": STATUS, **fields})


def plan(looked: Advance, *again: DecisionFacts, **fields: Any) -> Plan:  # noqa: ANN401  # of the snapshot
    """Return the plan of a look."""
    return reporting.plan(seen(**fields), looked, again, now=NOON)


def written(found: Plan) -> RetrainJobStatus:
    """Return the status that a plan writes."""
    return documents.load(RetrainJobStatus, found.status or {})


def told(found: Plan) -> dict[str, tuple[str, str]]:
    """Return the conditions that a plan writes."""
    return runs.told(found.status or {})


def test_the_first_look_tells_what_is_not_known_yet() -> None:
    """Every stage has its condition from the start, Unknown where nothing happened."""
    found = plan(Advance(STATUS, note="waits for a Pod"))

    assert told(found) == {
        **dict.fromkeys(reporting.STAGES_TOLD, ("Unknown", reasons.PENDING)),
        "Reconciling": ("True", "Queued"),
    }
    assert written(found).conditions[-1].message == "waits for a Pod"
    assert written(found).observed_generation == 1


def test_an_equal_look_writes_nothing() -> None:
    """The same status again is no write."""
    looked = Advance(STATUS, note="waits for a Pod", look_again_seconds=7.0)
    status = written(plan(looked))

    again = plan(replace(looked, status=status), status=status)

    assert again == Plan(look_again_seconds=7.0)


def test_an_edge_moves_the_state_and_its_time() -> None:
    """The next step follows at once."""
    found = plan(Advance(STATUS, edge=states.Event.RUNNING, note="old", look_again_seconds=60.0))

    status = written(found)
    assert (status.state, status.state_times["Training"]) == ("Training", "2026-01-05T12:00:00Z")
    assert (status.conditions[-1].reason, status.conditions[-1].message) == ("Training", "")
    assert found.look_again_seconds == 1.0


def test_an_edge_that_the_table_does_not_hold_is_a_bug() -> None:
    """It is never taken."""
    with pytest.raises(KeyError):
        plan(Advance(STATUS, edge=states.Event.PROMOTED))


def test_claims_replace_what_was_said_before() -> None:
    """Of their own type only."""
    claim = Claim(conditions.TRAINED, conditions.UNKNOWN, reasons.TRAINING, "attempt 1")
    before = written(plan(Advance(STATUS, claims=(claim,))))
    ready = Claim(conditions.DATA_READY, conditions.TRUE, reasons.RESOLVED)

    found = plan(Advance(before, claims=(ready,)), status=before)

    assert told(found)["Trained"] == ("Unknown", reasons.TRAINING)
    assert told(found)["DataReady"] == ("True", reasons.RESOLVED)


@pytest.mark.parametrize(
    ("event", "outcome", "reason"),
    [
        (states.Event.SKIPPED, "Skipped", reasons.SKIPPED),
        (states.Event.ABORTED, "Canceled", reasons.CANCELED),
    ],
)
def test_an_end_is_complete(event: states.Event, outcome: str, reason: str) -> None:
    """The pair is gone, the outcome and the end are set, an Event tells it."""
    found = plan(Advance(STATUS, edge=event, message="because"))

    status = written(found)
    assert (status.state, status.outcome, status.end_time) == (
        "Finished",
        outcome,
        "2026-01-05T12:00:00Z",
    )
    assert told(found)["Complete"] == ("True", reason)
    assert not {"Failed", "Stalled", "Reconciling"} & set(told(found))
    assert found.events == (Event("Normal", reasons.RUN_ENDED, f"{outcome}: because"),)


def test_a_failure_is_failed_and_stalled() -> None:
    """With the reason of what failed; never Complete."""
    found = plan(
        Advance(STATUS, edge=states.Event.FAILED, reason=reasons.OOM_KILLED, message="because")
    )

    assert told(found)["Failed"] == told(found)["Stalled"] == ("True", reasons.OOM_KILLED)
    assert "Complete" not in told(found)
    assert found.events[0].type == "Warning"


@pytest.mark.parametrize("event", [states.Event.FAILED, states.Event.SKIPPED])
def test_what_is_terminal_is_never_cleared(event: states.Event) -> None:
    """A later look keeps it, whatever fails then."""
    ended = written(plan(Advance(STATUS, edge=event, reason=reasons.OOM_KILLED)))
    failure = Failure(reasons.FORBIDDEN, "no", is_invalid=True)

    assert plan(Advance(ended), status=ended, last_failure=failure).is_empty


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(reasons.FORBIDDEN, "no", is_invalid=True), ("Stalled", reasons.FORBIDDEN, "no")),
        (Failure("Timeout", "slow", is_invalid=False), ("Reconciling", "Queued", "note")),
        (
            Failure("Timeout", "slow", is_invalid=False, in_a_row=3),
            ("Reconciling", "Queued", "Timeout: slow"),
        ),
    ],
)
def test_failures_of_the_last_pass_are_told(
    failure: Failure, expected: tuple[str, str, str]
) -> None:
    """A refusal at once, an outage when it lasts."""
    condition = written(plan(Advance(STATUS, note="note"), last_failure=failure)).conditions[-1]

    assert (condition.type, condition.reason, condition.message) == expected


def test_a_stage_that_needs_a_person_is_stalled() -> None:
    """Until its edge."""
    claim = Claim(conditions.STALLED, conditions.TRUE, reasons.REF_NOT_FOUND, "create it")

    assert told(plan(Advance(STATUS, stalled=claim)))["Stalled"] == ("True", "RefNotFound")
    moved = plan(Advance(STATUS, stalled=claim, edge=states.Event.RUNNING))
    assert "Stalled" not in told(moved)


def test_answers_are_remembered_and_given_last() -> None:
    """Status holds them before they are sent."""
    reply = Reply(DECISION, reasons.STALE, "too late")

    found = plan(Advance(STATUS, replies=(reply,)))

    assert written(found).decisions == (
        CountedDecision("stop", "uid-d", "Abort", "ann", reasons.STALE),
    )
    assert found.actions == ((Answer("stop", "uid-d", "7", reasons.STALE, "too late", 3),),)


def test_an_answer_that_was_lost_is_given_again() -> None:
    """The same one, without another write of the status."""
    known = replace(
        STATUS, decisions=(CountedDecision("stop", "uid-d", "Abort", "ann", reasons.ACCEPTED),)
    )
    settled = written(plan(Advance(known), status=known))

    found = plan(Advance(settled), DECISION, status=settled)

    assert found.status is None
    assert [each.answer for each in found.actions[0]] == [reasons.ACCEPTED]


def test_the_newest_twenty_decisions_are_kept() -> None:
    """Status stays small."""
    old = tuple(CountedDecision(str(n), str(n), "Retry") for n in range(20))

    found = plan(Advance(replace(STATUS, decisions=old), replies=(Reply(DECISION, "Stale", ""),)))

    assert [each.name for each in written(found).decisions][-2:] == ["19", "stop"]
    assert len(written(found).decisions) == 20
