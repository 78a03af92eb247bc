"""The algebra of conditions."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from perennial_operator.api import conditions
from perennial_operator.api.conditions import Claim
from perennial_operator.api.schema.shared_types import Condition

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
UP = Claim("Available", "True", "Serving", "both Pods answer")
DOWN = Claim("Available", "False", "Starting", "waits for its first Pod")
WORKING = Claim("Reconciling", "True", "RollingOut", "step 1 of 2")
STUCK = Claim("Stalled", "True", "RolledBack", "set another digest")


def test_a_new_condition_carries_the_time_of_now() -> None:
    """Generation and moment come from the caller."""
    made = conditions.settle((), [UP], generation=3, now=NOW)

    assert made == (
        Condition("Available", "True", "Serving", "both Pods answer", 3, "2026-03-01T12:00:00Z"),
    )


def test_the_same_claim_changes_nothing() -> None:
    """No heartbeat: settling twice is settling once."""
    first = conditions.settle((), [UP, WORKING], generation=3, now=NOW)

    assert conditions.settle(first, [UP, WORKING], generation=3, now=LATER) == first


def test_another_reason_keeps_the_time() -> None:
    """Time tells since when the status holds, not since when the message reads so."""
    first = conditions.settle((), [UP], generation=3, now=NOW)

    (second,) = conditions.settle(
        first,
        [Claim("Available", "True", "Recovering", "one Pod answers")],
        generation=4,
        now=LATER,
    )

    assert second.last_transition_time == "2026-03-01T12:00:00Z"
    assert (second.reason, second.observed_generation) == ("Recovering", 4)


def test_a_flip_moves_the_time() -> None:
    """True to False is news."""
    first = conditions.settle((), [UP], generation=3, now=NOW)

    (second,) = conditions.settle(first, [DOWN], generation=3, now=LATER)

    assert second.last_transition_time == "2026-03-01T12:05:00Z"


def test_a_condition_that_lost_its_time_gets_one() -> None:
    """A status that was written by hand heals."""
    lost = (Condition("Available", "True", "Serving"),)

    (made,) = conditions.settle(lost, [UP], generation=1, now=NOW)

    assert made.last_transition_time == "2026-03-01T12:00:00Z"


def test_what_is_not_claimed_is_gone() -> None:
    """Reconciling disappears when the work is done."""
    first = conditions.settle((), [UP, WORKING], generation=3, now=NOW)

    second = conditions.settle(first, [UP], generation=3, now=LATER)

    assert [each.type for each in second] == ["Available"]


@pytest.mark.parametrize(
    ("available", "pair", "expected"),
    [
        (UP, {}, Claim("Ready", "True", "Ready", "both Pods answer")),
        (
            UP,
            {"note": "candidate was refused"},
            Claim("Ready", "True", "Ready", "candidate was refused"),
        ),
        (DOWN, {}, Claim("Ready", "False", "Starting", "waits for its first Pod")),
        (UP, {"reconciling": WORKING}, Claim("Ready", "False", "RollingOut", "step 1 of 2")),
        (UP, {"stalled": STUCK}, Claim("Ready", "False", "RolledBack", "set another digest")),
        (
            Claim("Available", "Unknown", "Unknown"),
            {"note": "ignored"},
            Claim("Ready", "Unknown", "Unknown"),
        ),
    ],
)
def test_ready_has_the_reason_of_what_denies_it(
    available: Claim, pair: dict[str, Claim], expected: Claim
) -> None:
    """Ready is Available, and neither of the pair."""
    assert conditions.summary(available, **pair)[0] == expected  # type: ignore[arg-type]  # note is text, the rest are claims


def test_the_pair_is_never_true_together() -> None:
    """Who needs a person does not work."""
    made = conditions.summary(DOWN, reconciling=WORKING, stalled=STUCK)

    assert [each.type for each in made] == ["Ready", "Available", "Stalled"]


def test_at_rest_the_pair_is_absent() -> None:
    """Nobody waits for nothing."""
    assert [each.type for each in conditions.summary(UP)] == ["Ready", "Available"]


def test_conditions_are_found_by_type() -> None:
    """A missing condition is not True."""
    made = conditions.settle((), [UP, STUCK], generation=1, now=NOW)

    assert conditions.find(made, "Stalled") == made[1]
    assert conditions.find(made, "Ready") is None
    assert conditions.is_true(made, "Available")
    assert not conditions.is_true(made, "Ready")
    assert not conditions.is_true(conditions.settle((), [DOWN], generation=1, now=NOW), "Available")


def test_moments_are_written_in_utc() -> None:
    """Whatever zone the caller's clock has."""
    berlin = datetime(2026, 3, 1, 13, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))

    assert conditions.stamp(berlin) == "2026-03-01T12:00:00Z"


def test_a_long_message_is_clipped() -> None:
    """The schema allows 1,024 characters; a status must not be refused for its length."""
    (made,) = conditions.settle(
        (), [Claim("Available", "True", "Serving", "x" * 2000)], generation=1, now=NOW
    )

    assert len(made.message) == 1024
    assert made.message.endswith("x…")
    assert conditions.clipped("x" * 1024) == "x" * 1024
