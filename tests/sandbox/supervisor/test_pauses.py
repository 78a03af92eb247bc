"""Tests of the pauses between restarts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.supervisor.pauses import Pause


def test_a_part_that_never_ran_starts_at_once() -> None:
    """There is nothing to wait for."""
    assert Pause().is_over(0)


def test_a_part_that_ran_steadily_starts_again_at_once_and_then_soon() -> None:
    """One crash after hours is no reason to wait."""
    pause = Pause().started(0)
    assert pause.is_over(3600)
    assert pause.started(3600) == Pause(3600, 0.5)


def test_a_part_that_keeps_dying_waits_longer_each_time_up_to_a_limit() -> None:
    """Two parts that fight for one port do not eat the host."""
    pause, waits, now = Pause(), [], 0.0
    for _ in range(7):
        pause = pause.started(now)
        waits.append(pause.seconds)
        now += pause.seconds
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@pytest.mark.parametrize(("now", "is_over"), [(10.4, False), (10.5, True)])
def test_a_pause_ends_when_it_ends(now: float, *, is_over: bool) -> None:
    """The pause is counted from the last start."""
    assert Pause(10, 0.5).is_over(now) is is_over


@given(st.lists(st.floats(0, 1000), max_size=50))
def test_no_pause_is_longer_than_ten_seconds(gaps: list[float]) -> None:
    """Whatever the history, a part comes back soon after its cause is gone."""
    pause, now = Pause(), 0.0
    for gap in gaps:
        now += gap
        pause = pause.started(now)
    assert pause.is_over(now + 10)
