"""The data gate's counts are right, and always fit into one message."""

import doctest
from dataclasses import replace

import pyarrow as pa
import pytest

from perennial_serving.contract.results import (
    MESSAGE_LIMIT_BYTES,
    CheckPayload,
    ColumnCounts,
    Outcome,
    Result,
    as_payload,
)
from perennial_serving.jobs.data import counts


def wide(width: int, *, name_length: int = 8) -> CheckPayload:
    """Return the payload of a table with so many columns, each with its own null count."""
    names = tuple(f"{'c' * name_length}{place}" for place in range(width))
    return CheckPayload(
        uri="s3://bucket/" + "p" * 500,
        version="v",
        digest="sha256:" + "0" * 64,
        digest_kind="Content",
        train_rows=10_000,
        holdout_rows=2_000,
        holdout_digest="sha256:" + "0" * 64,
        schema_hash="sha256:" + "0" * 64,
        features=names,
        missing=names,
        retyped=names,
        extra=names,
        columns=tuple(ColumnCounts(name, "number", 10_000, at) for at, name in enumerate(names)),
        champion_nulls=dict.fromkeys(names, 0.0001),
    )


def size(payload: CheckPayload) -> int:
    """Return the size of the message that carries the payload."""
    return len(Result(Outcome.OK, "OK", step="check", payload=as_payload(payload)).encode())


def fits(payload: CheckPayload) -> bool:
    """Return whether the message is within its limit."""
    return size(payload) <= MESSAGE_LIMIT_BYTES


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(counts).failed == 0


def test_columns_are_counted_by_kind_and_missing_values() -> None:
    """Rows, missing values and the kind of each feature, in order."""
    table = pa.table({"x": [1.0, None], "y": [True, False], "z": ["a", None]})
    assert counts.of_columns(table, ["z", "x", "y"]) == (
        ColumnCounts("z", "text", 2, 1),
        ColumnCounts("x", "number", 2, 1),
        ColumnCounts("y", "boolean", 2, 0),
    )


def test_the_schema_hash_changes_with_names_types_and_order_only() -> None:
    """Counts are no part of the schema."""
    one, two = ColumnCounts("x", "number", 5, 1), ColumnCounts("y", "text", 5, 0)
    known = counts.schema_hash([one, two])
    assert known == counts.schema_hash([replace(one, nulls=4), two])
    assert known != counts.schema_hash([two, one])
    assert known != counts.schema_hash([replace(one, dtype="text"), two])


def test_the_schema_is_compared_with_the_champions() -> None:
    """Missing, retyped and extra columns are told apart; a boolean is a number to a model."""
    columns = [
        ColumnCounts(name, kind, 1, 0)
        for name, kind in (("a", "boolean"), ("b", "text"), ("n", "number"))
    ]
    found = counts.compared(columns, {"a": "number", "b": "number", "gone": "text"})
    assert found == (("gone",), ("b",), ("n",))


def test_a_payload_that_fits_is_left_alone() -> None:
    """Nothing is dropped from a small table."""
    assert counts.fitted(wide(5), fits) == wide(5)


@pytest.mark.parametrize("width", [30, 64, 2000])
@pytest.mark.parametrize("name_length", [1, 40, 240])
def test_a_payload_of_any_width_fits(width: int, name_length: int) -> None:
    """However many columns there are, and however long their names."""
    assert fits(counts.fitted(wide(width, name_length=name_length), fits))


def test_the_columns_with_the_largest_rise_of_nulls_stay() -> None:
    """The gate can still see what is worst."""
    fitted = counts.fitted(wide(200), fits)
    kept = [column.nulls for column in fitted.columns]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == 199
    assert set(fitted.champion_nulls) == {column.name for column in fitted.columns}


def test_features_go_only_when_no_column_count_is_left_to_drop() -> None:
    """A table of medium width keeps the names of its features."""
    medium = replace(wide(120), missing=(), retyped=(), extra=())
    fitted = counts.fitted(medium, fits)
    assert fitted.features == medium.features
    assert 0 < len(fitted.columns) < 120
