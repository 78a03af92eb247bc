"""The source is pinned, split and counted; what it lacks against the champion is named."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from perennial_serving import testing
from perennial_serving.contract import manifest
from perennial_serving.contract.results import MESSAGE_LIMIT_BYTES, ColumnCounts, Reason
from perennial_serving.jobs.data import tables
from perennial_serving.jobs.testing import HarvestPayload, Run, table_of

CANCER = table_of(load_breast_cancer())
SMALL = pa.table(
    {
        "age": pa.array([30.0, 40.0, None, 30.0, 50.0] * 8),
        "city": ["Rome", "Bern", None, "Rome", ""] * 8,
        "customer": [f"c{at}" for at in range(40)],
        "target": pa.array([1, 0, 1, 1, None] * 8),
    }
)


def champion(folder: Path, files: dict[str, bytes]) -> HarvestPayload:
    """Write the files of a champion's artifact."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return HarvestPayload("sha256:" + "0" * 64, f"file://{folder}", "onnx", 1)


def test_both_sides_are_written_and_pinned(tmp_path: Path) -> None:
    """All rows are on one side, and the digests are those of the written bytes."""
    run = Run(tmp_path).with_rows(CANCER)
    payload = run.check()
    place = run.store / "runs/run-1/in"
    train, holdout = (place / f"{side}/part-0.parquet" for side in ("train", "holdout"))
    assert payload.train_rows + payload.holdout_rows == 569
    assert payload.train_digest == manifest.digest(train.read_bytes())
    assert payload.holdout_digest == manifest.digest(holdout.read_bytes())
    assert payload.digest == manifest.digest((tmp_path / "source/rows.parquet").read_bytes())
    assert (payload.version, payload.digest_kind) == (payload.digest, "Content")
    assert tables.read(train.read_bytes(), "Parquet").column_names == CANCER.column_names


def test_a_repeat_writes_the_same_bytes(tmp_path: Path) -> None:
    """The step can be run again after a crash at any moment."""
    run = Run(tmp_path).with_rows(CANCER)
    first = run.check()
    files = {path: path.read_bytes() for path in run.store.rglob("*") if path.is_file()}
    assert run.check() == first
    assert {path: path.read_bytes() for path in run.store.rglob("*") if path.is_file()} == files


def test_rows_are_counted(tmp_path: Path) -> None:
    """Rows without label are dropped; nulls, kinds and duplicates are those of the train rows."""
    columns = {"label": "target", "id": "customer"}
    run = Run(tmp_path, columns=columns).with_rows(SMALL)
    payload = run.check()
    assert (payload.unlabeled, payload.untimed, payload.duplicates) == (8, 0, 0)
    assert payload.features == ("age", "city")
    assert payload.train_rows + payload.holdout_rows == 32
    assert {(column.name, column.dtype) for column in payload.columns} == {
        ("age", "number"),
        ("city", "text"),
    }
    train = run.store / "runs/run-1/in/train/part-0.parquet"
    rows = tables.read(train.read_bytes(), "Parquet")
    for column in payload.columns:
        assert (column.rows, column.nulls) == (
            payload.train_rows,
            rows[column.name].null_count,
        )


def test_copies_are_counted_without_ids(tmp_path: Path) -> None:
    """A row that is there twice is one row too many."""
    twice = pa.concat_tables([CANCER, CANCER])
    payload = Run(tmp_path).with_rows(twice).check()
    assert payload.duplicates == payload.train_rows // 2


def test_the_newest_rows_are_held_out_by_time(tmp_path: Path) -> None:
    """Rows without a time are counted and are on no side."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stamps = [start + timedelta(days=at) for at in range(100)]
    table = pa.table({"at": [*stamps, None], "x": np.arange(101.0), "target": [0, 1] * 50 + [1]})
    columns = {"label": "target", "time": "at"}
    split = {"strategy": "Temporal", "holdout": "14d", "gap": "2d", "groups": "Disjoint"}
    run = Run(tmp_path, columns=columns, split=split).with_rows(table)
    payload = run.check()
    assert (payload.train_rows, payload.holdout_rows, payload.untimed) == (84, 14, 1)


def test_csv_files_of_a_prefix_are_one_source(tmp_path: Path) -> None:
    """In order of their names, whatever wrote them."""
    run = Run(tmp_path).with_rows(CANCER)
    (tmp_path / "source/rows.parquet").unlink()
    for name, part in (("a.csv", CANCER.slice(0, 300)), ("b.csv", CANCER.slice(300))):
        pyarrow.csv.write_csv(part, tmp_path / "source" / name)
    payload = run.check()
    assert payload.train_rows + payload.holdout_rows == 569


def test_the_schema_is_compared_with_the_champions(tmp_path: Path) -> None:
    """Missing, retyped and extra columns; null rates of its training data."""
    signature = {
        "v": 1,
        "inputs": [
            {"name": "age", "datatype": "BYTES", "shape": [-1, 1]},
            {"name": "income", "datatype": "FP64", "shape": [-1, 1]},
        ],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
    }
    files = {
        "signature.json": json.dumps(signature).encode(),
        "run.json": b'{"v":1,"nullRates":{"age":0.1}}',
    }
    run = Run(tmp_path, champion=champion(tmp_path / "champion", files))
    payload = run.with_rows(SMALL.drop_columns("customer")).check()
    assert (payload.missing, payload.retyped, payload.extra) == (("income",), ("age",), ("city",))
    assert payload.champion_nulls == {"age": 0.1}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"run.json": b"[]", "model.onnx": b"x"},
        {
            "signature.json": json.dumps(
                {
                    "v": 1,
                    "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 30]}],
                    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
                }
            ).encode()
        },
    ],
)
def test_a_champion_that_names_no_columns_is_not_compared(tmp_path: Path, files: dict) -> None:
    """A foreign artifact says nothing; that is not a difference."""
    run = Run(tmp_path, champion=champion(tmp_path / "champion", files)).with_rows(CANCER)
    payload = run.check()
    assert (payload.missing, payload.retyped, payload.extra) == ((), (), ())
    assert payload.champion_nulls == {}


def test_a_champions_matrix_names_its_columns(tmp_path: Path) -> None:
    """One matrix with column names is compared like single columns."""
    files = {"signature.json": json.dumps(_iris_document()).encode()}
    run = Run(tmp_path, champion=champion(tmp_path / "champion", files)).with_rows(SMALL)
    assert run.check().missing == testing.IRIS_COLUMNS


def _iris_document() -> dict:
    matrix = {"name": "input", "datatype": "FP32", "shape": [-1, 4]}
    outputs = [{"name": "label", "datatype": "INT64", "shape": [-1]}]
    return {
        "v": 1,
        "inputs": [{**matrix, "columns": list(testing.IRIS_COLUMNS)}],
        "outputs": outputs,
    }


@pytest.mark.parametrize("copies", [1, 5])
def test_wide_tables_fit_into_the_message(tmp_path: Path, copies: int) -> None:
    """64 columns of digits lose counts, 320 lose names; check.json in the store has them all."""
    digits = table_of(load_digits(), rows=200)
    for copy in range(1, copies):
        for name in digits.column_names[:64]:
            digits = digits.append_column(f"{name}_{copy}", digits[name])
    run = Run(tmp_path).with_rows(digits)
    result = run.step(
        "check",
        modelUid="uid",
        source={"uri": f"file://{tmp_path}/source"},
        split={"strategy": "Random"},
    )
    assert len(result.encode().encode()) <= MESSAGE_LIMIT_BYTES
    whole = json.loads((run.store / "runs/run-1/in/check.json").read_bytes())
    assert len(whole["columns"]) == len(whole["features"]) == 64 * copies
    assert (len(result.payload["features"]) == 64) is (copies == 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": {"uri": "file:///nowhere/at/all"}}, Reason.SOURCE_MISSING),
        ({"source": {"uri": "ftp://x/y"}}, Reason.URI_REFUSED),
        ({"source": {"uri": "https://elsewhere.example/rows.csv"}}, Reason.URI_REFUSED),
        ({"columns": {"label": "outcome"}}, Reason.COLUMN_MISSING),
        ({"columns": {"label": "target", "time": "at"}}, Reason.COLUMN_MISSING),
        ({"maxBytes": 10}, Reason.TOO_LARGE),
        ({"split": {"strategy": "Temporal", "holdout": "2 weeks"}}, Reason.SETTINGS_INVALID),
        ({"columns": {}}, Reason.SETTINGS_INVALID),
    ],
)
def test_what_the_user_must_mend_is_named(tmp_path: Path, change: dict, reason: str) -> None:
    """Each cause has its own reason, and none is retried."""
    run = Run(tmp_path).with_rows(SMALL)
    known = {
        "modelUid": "uid",
        "source": {"uri": f"file://{tmp_path}/source"},
        "split": {"strategy": "Random"},
    }
    result = run.step("check", **{**known, **change})
    assert (result.outcome, result.reason) == ("Invalid", reason)


def test_a_pinned_source_that_changed_is_not_read_anew(tmp_path: Path) -> None:
    """The version of an earlier run is another content now."""
    run = Run(tmp_path).with_rows(CANCER)
    pinned = run.check().version
    source = {"uri": f"file://{tmp_path}/source", "version": pinned, "format": "Parquet"}
    assert run.check(source=source).version == pinned
    run.with_rows(CANCER.slice(1))
    result = run.step("check", modelUid="uid", source=source, split={"strategy": "Random"})
    assert result.reason == Reason.SNAPSHOT_EXPIRED


def test_a_source_without_usable_rows_is_counted_not_hidden(tmp_path: Path) -> None:
    """No label at all: both sides are empty, and the gate sees why."""
    table = SMALL.set_column(3, "target", pa.nulls(40, pa.int64()))
    payload = Run(tmp_path).with_rows(table).check()
    assert (payload.train_rows, payload.holdout_rows, payload.unlabeled) == (0, 0, 40)
    assert payload.columns[0] == ColumnCounts("age", "number", 0, 0)
