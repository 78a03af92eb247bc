"""Counters of routers are summed over Pods and restarts."""

from datetime import UTC, datetime, timedelta

from perennial_operator.api.routing_intent import ModelState, RevisionCounters, RouterState
from perennial_operator.observe.tally import Tally
from perennial_operator.plan.snapshot import RevisionTraffic, WindowCounts

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return a moment after noon."""
    return NOON + timedelta(seconds=seconds)


def state(pod: str = "r1", *, boot: str = "1", **counters: RevisionCounters) -> RouterState:
    """Return what a router Pod says about revisions."""
    model = ModelState(1, acknowledged=True, since="", weights={}, endpoints={}, counters=counters)
    return RouterState(pod, boot, "", "", models={"churn": model})


def counted(first: int, **more: int) -> RevisionCounters:
    """Return counters."""
    return RevisionCounters(first=first, **more)


def revision(
    tally: Tally, *states: RouterState, expected: int = 1, seconds: float
) -> RevisionTraffic:
    """Take a round and return revision `a`."""
    return tally.take(states, expected=expected, now=at(seconds)).revisions["a"]


def test_the_first_sight_is_a_baseline() -> None:
    """What was counted before is nobody's news, but it was not quiet."""
    found = revision(Tally(), state(a=counted(500)), seconds=0)
    assert found == RevisionTraffic(RevisionCounters(), quiet_since=None)


def test_counters_are_summed_over_pods() -> None:
    """Active requests are what is active now."""
    tally = Tally()
    revision(tally, state("r1", a=counted(10)), state("r2", a=counted(20)), expected=2, seconds=0)
    found = revision(
        tally,
        state("r1", a=counted(13, active=2)),
        state("r2", a=counted(24, active=1, status_5xx=1)),
        expected=2,
        seconds=2,
    )
    assert found.totals == RevisionCounters(first=7, status_5xx=1, active=3)


def test_a_restart_counts_from_zero() -> None:
    """Another boot, or a counter that fell."""
    tally = Tally()
    revision(tally, state(a=counted(10)), seconds=0)
    assert revision(tally, state(boot="2", a=counted(4)), seconds=2).totals.first == 4
    assert revision(tally, state(boot="2", a=counted(1)), seconds=4).totals.first == 5


def test_a_revision_that_comes_back_brings_no_old_counts() -> None:
    """A retried revision may find its old counters in a router: they are not its new evidence."""
    tally = Tally()
    tally.take([state(a=counted(90), b=counted(1))], expected=1, now=at(0))
    tally.take([state(b=counted(2))], expected=1, now=at(2))
    revision(tally, state(a=counted(95), b=counted(3)), seconds=4)
    found = revision(tally, state(a=counted(97), b=counted(3)), seconds=6)
    assert found.totals.first == 2


def test_a_new_pod_is_a_baseline_too() -> None:
    """It may have counted before we looked."""
    tally = Tally()
    revision(tally, state("r1", a=counted(10)), seconds=0)
    found = revision(
        tally, state("r1", a=counted(11)), state("r2", a=counted(7)), expected=2, seconds=2
    )
    assert found.totals.first == 1


def test_quiet_is_since_the_last_movement() -> None:
    """A round without first attempts says that none came since the round before."""
    tally = Tally()
    revision(tally, state(a=counted(10)), seconds=0)
    assert revision(tally, state(a=counted(11)), seconds=2).quiet_since is None
    assert revision(tally, state(a=counted(11)), seconds=4).quiet_since == at(2)
    assert revision(tally, state(a=counted(11)), seconds=9).quiet_since == at(2)
    assert revision(tally, state(a=counted(11, active=1)), seconds=11).quiet_since is None


def test_a_revision_that_was_never_used_is_quiet_at_once() -> None:
    """All routers know it and none has counted."""
    assert revision(Tally(), state(a=counted(0)), seconds=3).quiet_since == at(3)


def test_an_incomplete_round_makes_nothing_quiet() -> None:
    """Who did not answer may have served."""
    tally = Tally()
    revision(tally, state("r1", a=counted(1)), state("r2", a=counted(1)), expected=2, seconds=0)
    assert revision(tally, state("r1", a=counted(1)), expected=2, seconds=2).quiet_since is None
    found = revision(
        tally, state("r1", a=counted(1)), state("r2", a=counted(4)), expected=2, seconds=4
    )
    assert (found.totals.first, found.quiet_since) == (3, None)


def test_windows_are_about_ten_seconds() -> None:
    """Each holds what was counted in it; the last minute is kept."""
    tally = Tally()
    for seconds in range(0, 82, 2):
        found = revision(
            tally,
            state(
                a=counted(seconds * 5, status_5xx=seconds, connect_failures=1, resets=1, timeouts=1)
            ),
            seconds=seconds,
        )
    assert [window.ended_at for window in found.windows] == [at(s) for s in range(30, 90, 10)]
    assert found.windows[-1] == WindowCounts(at(80), 10.0, first=50, status_5xx=10, unreachable=0)


def test_unreachable_counts_every_broken_attempt() -> None:
    """Connections, resets and timeouts."""
    tally = Tally()
    revision(tally, state(a=counted(0)), seconds=0)
    broken = counted(9, connect_failures=1, resets=2, timeouts=3)
    assert revision(tally, state(a=broken), seconds=10).windows[0].unreachable == 6


def test_forgotten_revisions_are_dropped_by_complete_rounds_only() -> None:
    """A router that does not answer forgets nothing."""
    tally = Tally()
    tally.take([state(a=counted(1), b=counted(1))], expected=1, now=at(0))
    assert set(tally.take([], expected=1, now=at(2)).revisions) == {"a", "b"}
    assert set(tally.take([state(a=counted(1))], expected=1, now=at(4)).revisions) == {"a"}
