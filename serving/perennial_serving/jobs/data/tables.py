"""Files -> one table, and a table -> the columns that models get. Knows no storage.

Numbers become float64 with NaN for missing, booleans 0 and 1, a missing text is "" (what a live
request would send): training, validation and serving see the same values.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from perennial_serving.codec.tensors import Array
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

AUTO = "Auto"
PARQUET = "Parquet"
CSV = "Csv"
JSON_LINES = "JsonLines"

NUMBER = "number"
TEXT = "text"
BOOLEAN = "boolean"

_ENDINGS: Mapping[str, str] = {
    ".parquet": PARQUET,
    ".csv": CSV,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
}


def format_of(path: str, declared: str) -> str:
    """Return the format of a file: as declared, or by its ending.

    >>> format_of("day=1/part-0.parquet", "Auto"), format_of("rows.txt", "Csv")
    ('Parquet', 'Csv')
    """
    if declared not in {AUTO, ""}:
        return declared
    for ending, name in _ENDINGS.items():
        if path.lower().endswith(ending):
            return name
    message = f"files end in {', '.join(_ENDINGS)}; or set spec.data.source.format"
    raise Invalid(Reason.READER_MISSING, message)


def read(data: bytes, format_name: str) -> pa.Table:
    """Return the table that the bytes of one file hold."""
    try:
        if format_name == PARQUET:
            return pq.read_table(pa.BufferReader(data))
        if format_name == CSV:
            return pyarrow.csv.read_csv(io.BytesIO(data))
        return pyarrow.json.read_json(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        message = f"a file of the source is not readable as {format_name}"
        raise Invalid(Reason.READER_MISSING, message) from error


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all files; a column that one of them lacks is missing there."""
    try:
        return pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        message = "the files of the source have columns of one name and different types"
        raise Invalid(Reason.COLUMN_UNSUPPORTED, message) from error


def written(table: pa.Table) -> bytes:
    """Return the table as Parquet; equal tables give equal bytes."""
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return sink.getvalue()


def kind_of(table: pa.Table, name: str) -> str:
    """Return `number`, `text` or `boolean`; Invalid for what no model takes."""
    dtype = table.schema.field(name).type
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if pa.types.is_boolean(dtype):
        return BOOLEAN
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
        return NUMBER
    if pa.types.is_null(dtype):
        return NUMBER
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return TEXT
    message = f"column {name} is of type {dtype}; drop it, turn it into a number, or name its role"
    raise Invalid(Reason.COLUMN_UNSUPPORTED, message)


def check_present(table: pa.Table, names: Sequence[str]) -> None:
    """Refuse a table without these columns, or with two columns of one name."""
    if len(set(table.column_names)) != len(table.column_names):
        raise Invalid(Reason.COLUMN_UNSUPPORTED, "the source has two columns of one name")
    missing = [name for name in names if name and name not in table.column_names]
    if missing:
        message = f"the source has no column {', '.join(missing[:20])}"
        raise Invalid(Reason.COLUMN_MISSING, message, field="spec.data.columns")


def numbers(table: pa.Table, name: str) -> Array:
    """Return a number or boolean column as float64, missing as NaN."""
    column = pc.cast(table.column(name), pa.float64(), safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def texts(table: pa.Table, name: str) -> Array:
    """Return a column as texts, missing as ""."""
    column = pc.fill_null(pc.cast(table.column(name), pa.large_string()), "")
    result = np.empty(len(column), dtype=np.object_)
    result[:] = column.to_pylist()
    return result


def feature_columns(table: pa.Table, features: Sequence[str]) -> dict[str, Array]:
    """Return each feature as models get it."""
    return {
        name: texts(table, name) if kind_of(table, name) == TEXT else numbers(table, name)
        for name in features
    }


def labels(table: pa.Table, name: str) -> Array:
    """Return class labels: whole numbers and booleans as int64, all else as texts."""
    if kind_of(table, name) == TEXT:
        return np.asarray(texts(table, name), dtype=np.str_)
    values = numbers(table, name)
    if np.isfinite(values).all() and (values == np.rint(values)).all():
        return values.astype(np.int64)
    return np.asarray(table.column(name).to_pylist(), dtype=np.str_)


def missing_count(table: pa.Table, name: str) -> int:
    """Return how many values are missing: null, or NaN."""
    column = table.column(name)
    count = int(column.null_count)
    if pa.types.is_floating(column.type):
        count += int(pc.sum(pc.is_nan(column)).as_py() or 0)
    return count


def has_value(table: pa.Table, name: str) -> pa.Array:
    """Return which rows have a value in this column: neither null nor NaN."""
    column = table.column(name)
    present = pc.is_valid(column)
    if pa.types.is_floating(column.type):
        present = pc.and_(present, pc.fill_null(pc.invert(pc.is_nan(column)), fill_value=False))
    return present
