"""Held-out rows are the same in every run, and never trained on."""

import doctest
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import split
from perennial_serving.jobs.data.split import Rule

DAY = 86400.0
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = pa.table(
    {
        "at": [START + timedelta(days=day) for day in range(30)],
        "who": [f"c{day % 12}" for day in range(30)],
        "x": [float(day) for day in range(30)],
    }
)


@dataclass(frozen=True)
class Names:
    """The columns that a split looks at."""

    time: str = ""
    group: str = ""


def parts(table: pa.Table, rule: Rule, names: Names = Names()) -> tuple[list[int], list[int]]:
    """Return the places of train and of held-out rows."""
    sides = split.split(table, rule, ids=split.row_ids(table, ""), columns=names)
    return np.flatnonzero(sides.train).tolist(), np.flatnonzero(sides.holdout).tolist()


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(split).failed == 0


def test_about_a_fifth_of_the_rows_is_held_out_at_random() -> None:
    """Every row is on one side, and the share is near 20 %."""
    table = pa.table({"x": np.arange(5000.0)})
    train, holdout = parts(table, Rule("uid", "Random"))
    assert sorted(train + holdout) == list(range(5000))
    assert 900 < len(holdout) < 1100


def test_a_row_stays_on_its_side_when_others_come_and_go() -> None:
    """A row's side follows from its content, not from its place or its neighbors."""
    table = pa.table({"x": np.arange(500.0), "y": [f"t{at}" for at in range(500)]})
    held = {table["x"][at].as_py() for at in parts(table, Rule("uid", "Random"))[1]}
    longer = pa.concat_tables([table.slice(250), pa.table({"x": [-1.0], "y": ["new"]})])
    later = {longer["x"][at].as_py() for at in parts(longer, Rule("uid", "Random"))[1]}
    assert later - {-1.0} == {x for x in held if x >= 250}


def test_each_model_holds_out_rows_of_its_own() -> None:
    """The choice depends on the model's uid."""
    table = pa.table({"x": np.arange(500.0)})
    assert parts(table, Rule("a", "Random")) != parts(table, Rule("b", "Random"))


def test_copies_of_a_row_are_never_on_both_sides() -> None:
    """Rows without ids are known by their values, so a copy leaks nothing."""
    table = pa.table({"x": [1.0, 2.0, 3.0] * 50})
    train, holdout = parts(table, Rule("uid", "Random"))
    values = table["x"].to_pylist()
    assert not {values[at] for at in train} & {values[at] for at in holdout}


def test_the_newest_days_are_held_out_by_time() -> None:
    """The last seven days before the last event, and a gap of two days is on no side."""
    rule = Rule("uid", "Temporal", holdout_seconds=7 * DAY, gap_seconds=2 * DAY)
    train, holdout = parts(DAYS, rule, Names(time="at"))
    assert (train, holdout) == (list(range(21)), list(range(23, 30)))


def test_disjoint_groups_by_time_are_held_out_whole() -> None:
    """Held-out rows are new rows of held-out groups; train rows are old rows of the others."""
    rule = Rule("uid", "Temporal", holdout_seconds=10 * DAY)
    train, holdout = parts(DAYS, rule, Names(time="at", group="who"))
    who = DAYS["who"].to_pylist()
    assert not {who[at] for at in train} & {who[at] for at in holdout}
    assert max(train) <= 19 < min(holdout)
    shared = Rule("uid", "Temporal", holdout_seconds=10 * DAY, groups="Shared")
    assert parts(DAYS, shared, Names(time="at", group="who"))[1] == list(range(20, 30))


def test_disjoint_groups_without_time_are_the_split() -> None:
    """A group is on one side with all its rows, and none is lost."""
    table = pa.table({"who": [f"c{at % 100}" for at in range(1000)], "x": np.arange(1000.0)})
    train, holdout = parts(table, Rule("uid", "Random"), Names(group="who"))
    who = table["who"].to_pylist()
    assert not {who[at] for at in train} & {who[at] for at in holdout}
    assert len(train) + len(holdout) == 1000
    assert 5 <= len({who[at] for at in holdout}) <= 40


def test_rows_without_a_time_are_on_no_side() -> None:
    """A row that may be from the future is neither trained on nor tested with."""
    table = pa.table({"at": [1.0, 2.0, None, 9.0]})
    rule = Rule("uid", "Temporal", holdout_seconds=1)
    assert parts(table, rule, Names(time="at")) == ([0, 1], [3])
    empty = pa.table({"at": pa.array([None, None], pa.float64())})
    assert parts(empty, rule, Names(time="at")) == ([], [])


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([datetime(1970, 1, 2, tzinfo=UTC)], DAY),
        ([date(1970, 1, 2)], DAY),
        (["1970-01-02"], DAY),
        (["1970-01-02T00:00:01Z"], DAY + 1),
        ([86400], DAY),
        ([0.5], 0.5),
    ],
)
def test_a_time_may_be_written_in_many_ways(values: list, seconds: float) -> None:
    """Timestamps, dates, ISO texts and seconds are the same moment."""
    assert split.seconds(pa.table({"at": values}), "at").tolist() == [seconds]


def test_a_column_that_is_no_time_is_refused() -> None:
    """The sentence says what a time column may hold."""
    with pytest.raises(Invalid, match="neither a time") as caught:
        split.seconds(pa.table({"at": ["soon"]}), "at")
    assert caught.value.reason == Reason.COLUMN_UNSUPPORTED


def test_the_latest_moment_is_that_of_the_newest_row() -> None:
    """No time column, no row, or no value: no moment."""
    assert split.latest(pa.table({"at": [3.0, None, 5.0]}), "at") == 5.0
    assert split.latest(pa.table({"at": pa.array([], pa.float64())}), "at") is None
    assert split.latest(DAYS, "") is None


def test_an_id_column_names_the_rows() -> None:
    """With ids two rows are the same iff their ids are, whatever else they hold."""
    table = pa.table({"id": [7, 8, 7], "x": [1.0, 1.0, 2.0]})
    assert split.row_ids(table, "id") == [b"7", b"8", b"7"]
    assert split.duplicates(split.row_ids(table, "id")) == 1
    assert split.duplicates(split.row_ids(table, "")) == 0


def test_values_that_look_alike_are_different_rows() -> None:
    """Missing and empty texts, and texts that run into each other, are told apart."""
    table = pa.table({"a": ["x", "xy", "", None], "b": ["yz", "z", "q", "q"]})
    assert len(set(split.row_ids(table, ""))) == 4
    numbers = pa.table({"a": [0.0, -0.0, 1.0]})
    assert split.duplicates(split.row_ids(numbers, "")) == 1


def test_a_sample_is_the_same_rows_in_any_order() -> None:
    """It is chosen by hash: shuffled rows give the same chosen rows."""
    ids = [str(at).encode() for at in range(100)]
    chosen = {ids[at] for at in split.sample(ids, 10)}
    assert {ids[::-1][at] for at in split.sample(ids[::-1], 10)} == chosen
    assert split.sample(ids, 100).tolist() == list(range(100))
