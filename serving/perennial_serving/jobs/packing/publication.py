"""Models by hand -> artifacts: files and estimators are read, packed and uploaded."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import skops.io

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch import publish as upload
from perennial_serving.fetch.access import Access
from perennial_serving.jobs import step
from perennial_serving.jobs.data import counts, tables
from perennial_serving.jobs.packing import artifact
from perennial_serving.jobs.packing.artifact import Native, Packed, Wish
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.jobs.publish import Options, Published
from perennial_serving.runtime import sklearn
from perennial_serving.runtime.artifact import FORMAT_JOBLIB, FORMAT_ONNX, FORMAT_SKOPS

SUFFIXES: Mapping[str, str] = {
    ".onnx": FORMAT_ONNX,
    ".skops": FORMAT_SKOPS,
    ".joblib": FORMAT_JOBLIB,
    ".pkl": FORMAT_JOBLIB,
}


def packed_estimator(estimator: Any, rows: pa.Table | None, options: Options) -> Packed:  # noqa: ANN401  # scikit-learn has no types
    """Pack a fitted estimator, kept as skops; as joblib only where skops cannot and that may be."""
    data = skops.io.dumps(estimator)
    try:
        sklearn.load_skops(data, size_limit_bytes=step.MAX_FILE_BYTES)
    except Invalid:
        if not options.allow_unsafe_formats:
            raise
        stream = io.BytesIO()
        joblib.dump(estimator, stream)
        return _packed(Native(estimator, stream.getvalue(), FORMAT_JOBLIB), rows, options)
    return _packed(Native(estimator, data, FORMAT_SKOPS), rows, options)


def packed_file(path: Path, sample: Path | None, options: Options) -> Packed:
    """Pack a model file; its ending says what it is."""
    format_name = SUFFIXES.get(path.suffix)
    if format_name is None:
        message = f"a model file ends in {', '.join(SUFFIXES)}"
        raise Invalid(Reason.FORMAT_MISMATCH, message)
    data = path.read_bytes()
    rows = None if sample is None else _table(sample)
    if format_name == FORMAT_ONNX:
        return _packed_onnx(data, rows, options)
    if format_name == FORMAT_SKOPS:
        estimator = sklearn.load_skops(data, size_limit_bytes=step.MAX_FILE_BYTES)
        return _packed(Native(estimator, data, format_name), rows, options)
    if not options.allow_unsafe_formats:
        message = "joblib and pickle files can run any code of their author when they are loaded; "
        message += "save the model with skops, or allow unsafe formats"
        raise Invalid(Reason.UNSAFE_FORMAT, message)
    return _packed(Native(sklearn.load_joblib(data), data, format_name), rows, options)


def published(packed: Packed, to: str, access: Access) -> Published:
    """Upload an artifact below a prefix, its manifest last; nothing happens if it is there."""
    text = packed.manifest()
    digest = manifest.digest(text)
    uri = step.model_place(to, digest)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in packed.files.items():
            (folder / path).write_bytes(data)
        (folder / MANIFEST_NAME).write_bytes(text)
        upload.publish(folder, uri, access)
    return Published(uri, digest, packed.format, packed.size_bytes(), packed.note)


def sample_of(rows: Any) -> pa.Table | None:  # noqa: ANN401  # a data frame, a matrix, columns by name
    """Return rows as a table; the columns of a matrix are called by their numbers."""
    if rows is None or isinstance(rows, pa.Table):
        return rows
    if isinstance(rows, pd.DataFrame):
        return pa.Table.from_pandas(rows, preserve_index=False)
    if isinstance(rows, Mapping):
        return pa.table({str(name): np.asarray(column) for name, column in rows.items()})
    matrix = np.asarray(rows)
    return pa.table({f"x{place}": column for place, column in enumerate(matrix.T)})


def _table(path: Path) -> pa.Table:
    return tables.read(path.read_bytes(), tables.format_of(path.name, tables.AUTO))


def _packed(native: Native, rows: pa.Table | None, options: Options) -> Packed:
    if rows is None:
        return artifact.pack_unproved(native, _wish(None, (), options))
    fitted = getattr(native.estimator, "feature_names_in_", rows.column_names)
    names = [name for name in rows.column_names if name in set(fitted)]
    sample = Sample(tables.feature_columns(rows, names))
    return artifact.pack(native, sample, _wish(rows, names, options))


def _packed_onnx(data: bytes, rows: pa.Table | None, options: Options) -> Packed:
    if options.format not in {artifact.AUTO, FORMAT_ONNX}:
        message = "an ONNX model can only be published as ONNX"
        raise Invalid(Reason.FORMAT_MISMATCH, message)
    names = rows.column_names if rows is not None else ()
    sample = None if rows is None else Sample(tables.feature_columns(rows, names))
    return artifact.pack_onnx(data, sample, _wish(rows, names, options), given=None)


def _wish(rows: pa.Table | None, names: Any, options: Options) -> Wish:  # noqa: ANN401  # column names
    run: dict[str, Any] = {"model": options.name} if options.name else {}
    if rows is not None:
        run["nullRates"] = counts.null_rates(counts.of_columns(rows, names))
    return Wish(format=options.format, run=run)
