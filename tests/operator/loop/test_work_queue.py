"""The queue says which key comes next, and never gives one to two workers."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from perennial_operator.loop.work_queue import (
    BACKGROUND,
    NORMAL,
    URGENT,
    Outcome,
    Result,
    Taken,
    WorkQueue,
)
from perennial_operator.plan.snapshot import Key

A = Key("md", "a", "one")
B = Key("md", "b", "two")
C = Key("md", "c", "three")
DONE = Result(Outcome.DONE)


def queue(*, jitter: float = 1.0, workers: int = 8) -> WorkQueue:
    """Return a queue whose jitter is fixed."""
    return WorkQueue(workers=workers, jitter=lambda: jitter)


def taken(work: WorkQueue, now: float) -> Key | None:
    """Return only the key that comes next."""
    found = work.take(now)
    return found.key if found else None


def test_an_empty_queue_has_nothing() -> None:
    """Neither now nor later."""
    assert (queue().take(0), queue().next_due()) == (None, None)


def test_a_key_is_taken_once_it_is_due() -> None:
    """Until then the queue says when to come back."""
    work = queue()
    work.add(A, rank=NORMAL, now=10, after=2)
    assert (work.take(11.9), work.next_due()) == (None, 12)
    assert work.take(13) == Taken(A, NORMAL, 1)
    assert (work.take(99), work.next_due(), work.in_flight) == (None, None, 1)


def test_better_ranks_come_first_and_equals_in_their_order() -> None:
    """Urgent before normal before background; first in, first out."""
    work = queue()
    work.add(A, rank=BACKGROUND, now=0)
    work.add(B, rank=NORMAL, now=1)
    work.add(C, rank=NORMAL, now=2)
    urgent = Key("md", "d", "four")
    work.add(urgent, rank=URGENT, now=3)
    assert [taken(work, 3) for _ in range(5)] == [urgent, B, C, A, None]


def test_a_second_add_keeps_the_better_rank_and_the_earlier_time() -> None:
    """One entry a key."""
    work = queue()
    work.add(A, rank=BACKGROUND, now=0)
    assert taken(work, 0) == A
    work.done(A, now=0, result=Result(Outcome.DROPPED))
    work.add(A, rank=BACKGROUND, now=0, after=5)
    work.add(A, rank=URGENT, now=0, after=9)
    assert work.next_due() == 5
    assert work.take(5) == Taken(A, URGENT, 0)
    assert taken(work, 99) is None


def test_a_ready_key_can_become_more_urgent() -> None:
    """It leaves its line for a better one."""
    work = queue()
    work.add(A, rank=NORMAL, now=0)
    work.add(B, rank=NORMAL, now=0)
    assert taken(work, 0) == A
    work.add(C, rank=BACKGROUND, now=0)
    assert work.depth(BACKGROUND) == 0
    assert work.take(0) == Taken(B, NORMAL, 0)
    work.add(A, rank=NORMAL, now=1)
    work.done(A, now=1, result=DONE)
    work.add(B, rank=BACKGROUND, now=1)
    work.done(B, now=1, result=DONE)
    work.add(C, rank=URGENT, now=1)
    assert [taken(work, 1) for _ in range(3)] == [C, A, B]


def test_the_same_add_twice_changes_nothing() -> None:
    """Its place in the line stays."""
    work = queue()
    work.add(A, rank=NORMAL, now=0)
    work.add(B, rank=NORMAL, now=0)
    work.add(A, rank=NORMAL, now=7)
    assert [taken(work, 7), taken(work, 7)] == [A, B]


def test_what_is_added_during_a_flight_is_due_after_it() -> None:
    """Nobody else gets the key meanwhile, and nothing is lost."""
    work = queue()
    work.add(A, rank=NORMAL, now=0)
    assert taken(work, 0) == A
    work.add(A, rank=URGENT, now=1)
    work.add(A, rank=NORMAL, now=2)
    assert taken(work, 3) is None
    work.done(A, now=3, result=DONE)
    assert work.take(3) == Taken(A, URGENT, 2)


def test_long_waits_in_the_background_count_as_normal() -> None:
    """After a minute it is in the line of the others."""
    work = queue()
    work.add(A, rank=BACKGROUND, now=0)
    assert taken(work, 0) == A
    work.done(A, now=0, result=DONE)
    work.add(A, rank=BACKGROUND, now=0)
    work.add(B, rank=BACKGROUND, now=30)
    blocker = Key("md", "z", "z")
    work.add(blocker, rank=URGENT, now=30)
    assert taken(work, 30) == blocker
    work.add(C, rank=NORMAL, now=60)
    assert work.depth(NORMAL) == 0
    assert [taken(work, 60), taken(work, 60), taken(work, 60)] == [C, A, B]


@pytest.mark.parametrize(("asked", "due"), [(None, None), (0.1, 1), (30, 30), (1_000_000, 3_600)])
def test_looking_again_is_neither_too_soon_nor_too_late(
    asked: float | None, due: float | None
) -> None:
    """Between a second and an hour, or not at all."""
    work = queue()
    work.add(A, rank=NORMAL, now=0)
    work.take(0)
    work.done(A, now=0, result=Result(Outcome.DONE, asked))
    assert work.next_due() == due


def failed(work: WorkQueue, result: Result, *, now: float = 0) -> float:
    """Let A's next pass end so; return when it is due again."""
    work.add(A, rank=NORMAL, now=now)
    assert taken(work, now) == A
    work.done(A, now=now, result=result)
    due = work.next_due()
    assert due is not None
    return due - now


def test_failures_back_off_up_to_five_minutes() -> None:
    """Half a second, doubled each time."""
    work = queue()
    waits = [failed(work, Result(Outcome.RETRY)) for _ in range(12)]
    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits[-1] == 300


def test_failures_are_spread() -> None:
    """Down to half of it, so that not all come back at once."""
    assert failed(queue(jitter=0), Result(Outcome.RETRY)) == 0.25


def test_a_longer_wish_is_honored() -> None:
    """Retry-After wins over a shorter back-off."""
    work = queue()
    assert failed(work, Result(Outcome.RETRY, 20)) == 20


@pytest.mark.parametrize("is_forgiven", [True, False])
def test_success_and_new_generations_forget_failures(is_forgiven: bool) -> None:  # noqa: FBT001  # a table
    """The next failure starts from the first wait."""
    work = queue()
    for _ in range(3):
        failed(work, Result(Outcome.RETRY))
    if is_forgiven:
        work.forgive(A)
    else:
        failed(work, Result(Outcome.DONE, 5))
    assert failed(work, Result(Outcome.RETRY)) == 0.5


def test_stale_is_at_once_but_not_for_ever() -> None:
    """Five in a row back off."""
    work = queue()
    waits = [failed(work, Result(Outcome.AGAIN)) for _ in range(6)]
    assert waits == [0, 0, 0, 0, 0.5, 1]


def test_bugs_wait_the_longest() -> None:
    """Nothing storms."""
    assert failed(queue(), Result(Outcome.BUG)) == 300


def test_dropped_keys_are_gone() -> None:
    """Until somebody adds them again."""
    work = queue()
    work.add(A, rank=NORMAL, now=0)
    work.take(0)
    work.done(A, now=0, result=Result(Outcome.DROPPED))
    assert (work.next_due(), work.in_flight) == (None, 0)


def test_one_namespace_gets_a_quarter_while_others_wait() -> None:
    """Two of eight workers; alone it gets all."""
    work = queue(workers=8)
    many = [Key("md", "a", str(number)) for number in range(4)]
    for key in many:
        work.add(key, rank=NORMAL, now=0)
    work.add(B, rank=BACKGROUND, now=0)
    assert [taken(work, 0) for _ in range(5)] == [many[0], many[1], B, many[2], many[3]]


class Queue(RuleBasedStateMachine):
    """Whatever happens: one worker a key, nothing lost, ranks kept."""

    keys = st.sampled_from([A, B, C, Key("md", "a", "five")])

    @initialize()
    def start(self) -> None:
        """Start empty."""
        self.work = queue(jitter=0.5, workers=4)
        self.now = 0.0
        self.flying: set[Key] = set()
        self.wanted: set[Key] = set()

    @rule(key=keys, rank=st.integers(0, 2), after=st.floats(0, 5))
    def add(self, key: Key, rank: int, after: float) -> None:
        """Make a key due."""
        self.work.add(key, rank=rank, now=self.now, after=after)
        self.wanted.add(key)

    @rule()
    def take(self) -> None:
        """Take what is next."""
        found = self.work.take(self.now)
        if found:
            assert found.key not in self.flying
            assert found.key in self.wanted
            self.flying.add(found.key)
            self.wanted.discard(found.key)

    @rule(key=keys, outcome=st.sampled_from(Outcome), after=st.none() | st.floats(0, 9))
    def done(self, key: Key, outcome: Outcome, after: float | None) -> None:
        """Give a key back."""
        if key not in self.flying:
            return
        self.work.done(key, now=self.now, result=Result(outcome, after))
        self.flying.discard(key)
        if outcome in (Outcome.AGAIN, Outcome.RETRY, Outcome.BUG) or (
            outcome is Outcome.DONE and after is not None
        ):
            self.wanted.add(key)

    @rule(seconds=st.floats(0.1, 400))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @invariant()
    def nothing_is_lost(self) -> None:
        """Find a time for whatever was added and does not fly."""
        if self.wanted - self.flying:
            assert self.work.next_due() is not None
        assert self.work.in_flight == len(self.flying)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=60, stateful_step_count=40)
