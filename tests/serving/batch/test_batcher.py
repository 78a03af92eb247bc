"""The batcher: order, rows, deadlines, and nobody hurt by a neighbor."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perennial_serving.batch.batcher import Batcher, Ticket

LATE = 1e9


def batcher(*, max_rows: int = 10, seconds_per_row: float = 0.0) -> Batcher[str]:
    """Return an empty batcher with a linear cost."""
    return Batcher(max_rows=max_rows, cost=lambda rows: rows * seconds_per_row)


def fill(waiting: Batcher[str], rows: dict[str, int], *, deadline: float = LATE) -> None:
    """Let requests of one kind wait."""
    for item, count in rows.items():
        waiting.add(item, Ticket(count, "kind", deadline))


def test_nothing_waits_nothing_leaves() -> None:
    """An empty batcher gives an empty batch."""
    assert batcher().take(0.0) == []


def test_all_that_waited_leaves_together_in_order() -> None:
    """Up to the row limit; the rest waits on."""
    waiting = batcher()
    fill(waiting, {"a": 4, "b": 5, "c": 2, "d": 1})
    assert (len(waiting), waiting.rows) == (4, 12)
    assert waiting.take(0.0) == ["a", "b"]
    assert waiting.take(0.0) == ["c", "d"]
    assert len(waiting) == 0


def test_a_large_request_runs_alone() -> None:
    """It is not refused, and nobody joins it."""
    waiting = batcher()
    fill(waiting, {"large": 100, "small": 1})
    assert waiting.take(0.0) == ["large"]


def test_a_later_request_never_overtakes_one_that_did_not_fit() -> None:
    """Otherwise a stream of small ones would starve it."""
    waiting = batcher()
    fill(waiting, {"a": 6, "b": 6, "c": 1})
    assert waiting.take(0.0) == ["a"]
    assert waiting.take(0.0) == ["b", "c"]


def test_only_one_kind_shares_a_run() -> None:
    """Other shapes and other outputs wait for their own."""
    waiting = batcher()
    for item, kind in (("a", 1), ("b", 2), ("c", 1)):
        waiting.add(item, Ticket(1, kind, LATE))
    assert waiting.take(0.0) == ["a", "c"]
    assert waiting.take(0.0) == ["b"]


@pytest.mark.parametrize(
    ("deadline", "batch"), [(10.0, ["a"]), (16.0, ["a", "b"]), (LATE, ["a", "b", "c"])]
)
def test_a_batch_stops_growing_before_a_deadline(deadline: float, batch: list[str]) -> None:
    """One and a half times the predicted cost must fit before the earliest deadline."""
    waiting = batcher(seconds_per_row=5.0)
    fill(waiting, {"a": 1, "b": 1, "c": 1}, deadline=deadline)
    assert waiting.take(0.0) == batch


def test_the_oldest_leaves_even_if_it_is_late() -> None:
    """Its handler says so; the batcher never holds it back for ever."""
    waiting = batcher(seconds_per_row=5.0)
    fill(waiting, {"a": 1}, deadline=1.0)
    assert waiting.take(100.0) == ["a"]


def test_a_client_that_left_is_forgotten() -> None:
    """Its neighbors never notice; a second goodbye is nothing."""
    waiting = batcher()
    fill(waiting, {"a": 1, "b": 1, "c": 1})
    assert (waiting.discard("b"), waiting.discard("b")) == (True, False)
    assert waiting.take(0.0) == ["a", "c"]


class Life(RuleBasedStateMachine):
    """Requests come, leave and run in any order."""

    def __init__(self) -> None:
        """Start empty; the model is a plain list."""
        super().__init__()
        self.waiting: Batcher[int] = Batcher(max_rows=8, cost=lambda rows: rows * 0.5)
        self.expected: list[int] = []
        self.rows: dict[int, int] = {}

    @rule(rows=st.integers(1, 12), kind=st.integers(0, 1), deadline=st.floats(0, 50))
    def come(self, rows: int, kind: int, deadline: float) -> None:
        """Let a request arrive."""
        item = len(self.rows)
        self.rows[item] = rows
        self.expected.append(item)
        self.waiting.add(item, Ticket(rows, kind, deadline))

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Let a client hang up."""
        if self.expected:
            item = data.draw(st.sampled_from(self.expected))
            self.expected.remove(item)
            assert self.waiting.discard(item)

    @rule(now=st.floats(0, 60))
    def run(self, now: float) -> None:
        """Give a free runner its batch."""
        batch = self.waiting.take(now)
        assert bool(batch) == bool(self.expected)
        if batch:
            assert batch[0] == self.expected[0]
            assert batch == sorted(batch)
            assert len(batch) == 1 or sum(self.rows[item] for item in batch) <= 8
        for item in batch:
            self.expected.remove(item)

    @invariant()
    def nobody_is_lost(self) -> None:
        """Check that what waits is what came and did not go."""
        assert len(self.waiting) == len(self.expected)
        assert self.waiting.rows == sum(self.rows[item] for item in self.expected)


TestLife = Life.TestCase
