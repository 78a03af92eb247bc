"""Files become one table, and a table the columns that models get, the same way everywhere."""

import doctest
import io
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import tables

ROWS = pa.table(
    {
        "age": pa.array([30, None, 50]),
        "income": [1.5, float("nan"), 2.5],
        "member": pa.array([True, False, None]),
        "city": pa.array(["Rome", None, ""]),
        "code": pa.array(["a", "b", "a"]).dictionary_encode(),
        "at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 3),
    }
)


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(tables).failed == 0


@pytest.mark.parametrize(
    ("path", "format_name"),
    [
        ("a.parquet", "Parquet"),
        ("a/B.CSV", "Csv"),
        ("a.jsonl", "JsonLines"),
        ("x.ndjson", "JsonLines"),
    ],
)
def test_the_ending_says_the_format(path: str, format_name: str) -> None:
    """Auto goes by the ending, in any case of letters."""
    assert tables.format_of(path, "Auto") == format_name


def test_an_unknown_ending_needs_a_declared_format() -> None:
    """The sentence names the endings and the field."""
    with pytest.raises(Invalid, match=r"\.parquet.*spec\.data\.source\.format"):
        tables.format_of("rows.xlsx", "Auto")


def test_all_formats_hold_the_same_rows() -> None:
    """Parquet, CSV and JSON lines of the same rows give the same columns."""
    parquet = io.BytesIO()
    pq.write_table(pa.table({"x": [1.5, 2.5], "y": ["a", "b"]}), parquet)
    files = {
        "Parquet": parquet.getvalue(),
        "Csv": b"x,y\n1.5,a\n2.5,b\n",
        "JsonLines": b'{"x":1.5,"y":"a"}\n{"x":2.5,"y":"b"}\n',
    }
    for format_name, data in files.items():
        table = tables.read(data, format_name)
        assert tables.numbers(table, "x").tolist() == [1.5, 2.5]
        assert tables.texts(table, "y").tolist() == ["a", "b"]


@pytest.mark.parametrize("format_name", ["Parquet", "Csv", "JsonLines"])
@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02", b"PAR1 broken PAR1"])
def test_a_broken_file_is_refused(format_name: str, data: bytes) -> None:
    """The user is told which format the file is not."""
    if format_name == "Csv" and data:
        return  # any bytes are a column name of a CSV file
    with pytest.raises(Invalid) as caught:
        tables.read(data, format_name)
    assert caught.value.reason == Reason.READER_MISSING


def test_files_are_joined_by_column_names() -> None:
    """Whole and broken numbers share a column; a column that one file lacks is missing there."""
    joined = tables.joined([pa.table({"x": [1]}), pa.table({"x": [1.5], "y": ["a"]})])
    assert tables.numbers(joined, "x").tolist() == [1.0, 1.5]
    assert tables.texts(joined, "y").tolist() == ["", "a"]


def test_columns_of_different_types_do_not_join() -> None:
    """A number here and a text there is an error of the source."""
    with pytest.raises(Invalid) as caught:
        tables.joined([pa.table({"x": [1]}), pa.table({"x": ["a"]})])
    assert caught.value.reason == Reason.COLUMN_UNSUPPORTED


def test_equal_tables_are_written_as_equal_bytes() -> None:
    """Also if one carries metadata of another library."""
    table = pa.table({"x": [1.0, 2.0]})
    noted = table.replace_schema_metadata({"pandas": "{}"})
    assert tables.written(table) == tables.written(noted)
    assert tables.read(tables.written(table), "Parquet") == table


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("age", "number"),
        ("income", "number"),
        ("member", "boolean"),
        ("city", "text"),
        ("code", "text"),
    ],
)
def test_every_column_has_a_kind(name: str, kind: str) -> None:
    """Numbers, booleans and texts are features; a dictionary is what it holds."""
    assert tables.kind_of(ROWS, name) == kind


def test_a_column_without_any_value_is_a_number() -> None:
    """It has no type of its own; as a number it is missing everywhere."""
    table = pa.table({"empty": pa.nulls(2)})
    assert tables.kind_of(table, "empty") == "number"
    assert np.isnan(tables.numbers(table, "empty")).all()


def test_a_column_that_no_model_takes_is_refused_by_name() -> None:
    """A time is neither a number nor a text; its role must be named."""
    with pytest.raises(Invalid, match=r"column at is of type timestamp"):
        tables.kind_of(ROWS, "at")


def test_missing_values_look_as_a_request_would_send_them() -> None:
    """A missing number is NaN, a missing text is empty, a boolean is 0 or 1."""
    columns = tables.feature_columns(ROWS, ["age", "income", "member", "city"])
    assert np.array_equal(columns["age"], [30, np.nan, 50], equal_nan=True)
    assert np.array_equal(columns["member"], [1, 0, np.nan], equal_nan=True)
    assert columns["city"].tolist() == ["Rome", "", ""]


def test_missing_values_are_counted_whatever_their_form() -> None:
    """Nulls and NaN count, empty texts do not."""
    assert [tables.missing_count(ROWS, name) for name in ("age", "income", "city")] == [1, 1, 1]
    assert tables.has_value(ROWS, "income").to_pylist() == [True, False, True]
    assert tables.has_value(ROWS, "city").to_pylist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1, 0], [1, 0]),
        ([1.0, 0.0], [1, 0]),
        ([True, False], [1, 0]),
        (["yes", "no"], ["yes", "no"]),
        ([0.5, 1.0], ["0.5", "1.0"]),
    ],
)
def test_labels_are_whole_numbers_or_texts(values: list, labels: list) -> None:
    """Booleans and whole floats are numbers; broken numbers are names of classes."""
    assert tables.labels(pa.table({"y": values}), "y").tolist() == labels


def test_a_missing_column_is_named() -> None:
    """No column is guessed: the sentence says which one is not there; "" stands for none."""
    tables.check_present(ROWS, ["age", ""])
    with pytest.raises(Invalid, match="no column target") as caught:
        tables.check_present(ROWS, ["age", "", "target"])
    assert caught.value.reason == Reason.COLUMN_MISSING


def test_two_columns_of_one_name_are_refused() -> None:
    """Otherwise one of both would silently be the feature."""
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(Invalid, match="two columns of one name"):
        tables.check_present(twice, ["x"])
