"""Step `harvest`: verifies what an attempt handed back, packs it, publishes it by its digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from perennial_serving.codec.tensors import Signature, parse_signature
from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, AttemptManifest
from perennial_serving.contract.results import HarvestPayload, Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.place import Store
from perennial_serving.fetch.retry import persistently
from perennial_serving.jobs import check_data, step
from perennial_serving.jobs.data import counts, split, tables
from perennial_serving.jobs.packing import artifact, publication
from perennial_serving.jobs.packing.artifact import Native, Packed, Wish
from perennial_serving.jobs.packing.equivalence import MAX_REAL_ROWS, Limits
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.jobs.step import Roles, Workplace
from perennial_serving.jobs.upload import RESULT, attempt_place
from perennial_serving.runtime import sklearn
from perennial_serving.runtime.artifact import (
    FORMAT_JOBLIB,
    FORMAT_ONNX,
    FORMAT_SKOPS,
    SIGNATURE,
)


class Equivalence(msgspec.Struct, frozen=True, rename="camel"):
    """How much a converted model may differ."""

    max_abs_diff: float = 1e-4
    max_label_disagreement: float = 1e-3


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The step's input."""

    run_id: str
    attempt: int
    output: str
    columns: Roles
    format: str = artifact.AUTO
    allow_pickle: bool = False
    features: tuple[str, ...] = ()
    equivalence: Equivalence = Equivalence()
    run: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class _Returned:
    """The verified files of an attempt, in memory, and the trainer's result."""

    files: Mapping[str, bytes]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Data:
    """What the run's rows say: a sample of the held-out ones, facts of the train rows."""

    sample: Sample
    null_rates: Mapping[str, float]
    train_end: float | None


def run(document: Document, workplace: Workplace) -> HarvestPayload:
    """Return the candidate that was published."""
    place = attempt_place(document.output, document.run_id, document.attempt)
    returned = _verified(workplace.store(place), document)
    packed = _packed(document, returned, _data(document, workplace))
    found = publication.published(packed, document.output, workplace.access("output"))
    return HarvestPayload(found.digest, found.uri, found.format, found.size_bytes, found.note)


def _verified(store: Store, document: Document) -> _Returned:
    """Return the attempt's files if they are exactly those of its manifest."""
    text = step.find(store, MANIFEST_NAME, limit_bytes=MAX_MANIFEST_BYTES)
    if text is None:
        message = "the trainer ended without result.json; write it last"
        raise Invalid(Reason.RESULT_MISSING, message)
    listed = _listed(text, document)
    found = {entry.path for entry in persistently(store.entries)} - {MANIFEST_NAME}
    if found != {file.path for file in listed.files}:
        raise Invalid(
            Reason.RESULT_CORRUPT, "the attempt holds other files than its manifest lists"
        )
    files = {}
    for file in listed.files:
        data = step.read(store, file.path, limit_bytes=file.size + 1)
        if len(data) != file.size or manifest.digest(data) != f"sha256:{file.sha256}":
            raise Invalid(Reason.RESULT_CORRUPT, f"{file.path} is not the file of the manifest")
        files[file.path] = data
    return _Returned(files, listed.result)


def _listed(text: bytes, document: Document) -> AttemptManifest:
    try:
        listed = manifest.parse_attempt(text)
    except ValueError as error:
        raise Invalid(Reason.RESULT_CORRUPT, f"the attempt's manifest: {error}") from error
    if (listed.run_id, listed.attempt) != (document.run_id, document.attempt):
        raise Invalid(Reason.RESULT_CORRUPT, "the manifest is that of another attempt")
    return listed


def _data(document: Document, workplace: Workplace) -> _Data:
    store = workplace.store(f"{step.run_place(document.output, document.run_id)}/in")
    train = tables.read(step.read(store, check_data.TRAIN), tables.PARQUET)
    holdout = tables.read(step.read(store, check_data.HOLDOUT), tables.PARQUET)
    features = document.features or document.columns.features(train.column_names)
    rows = holdout if holdout.num_rows else train
    places = split.sample(split.row_ids(rows, document.columns.id), MAX_REAL_ROWS)
    chosen = rows.take(pa.array(places))
    return _Data(
        sample=Sample(tables.feature_columns(chosen, features)),
        null_rates=counts.null_rates(counts.of_columns(train, features)),
        train_end=split.latest(train, document.columns.time),
    )


def _packed(document: Document, returned: _Returned, data: _Data) -> Packed:
    model, format_name = _model(document, returned)
    given = _given(returned)
    wish = Wish(
        format=document.format,
        limits=Limits(
            document.equivalence.max_abs_diff, document.equivalence.max_label_disagreement
        ),
        run={
            **document.run,
            "runId": document.run_id,
            "nullRates": dict(data.null_rates),
            "trainEnd": data.train_end,
            "result": dict(returned.result),
        },
    )
    if format_name == FORMAT_ONNX:
        return artifact.pack_onnx(model, data.sample, wish, given=given)
    estimator = (
        sklearn.load_skops(model, size_limit_bytes=step.MAX_FILE_BYTES)
        if format_name == FORMAT_SKOPS
        else sklearn.load_joblib(model)
    )
    return artifact.pack(Native(estimator, model, format_name), data.sample, wish, given=given)


def _model(document: Document, returned: _Returned) -> tuple[bytes, str]:
    """Return the bytes and format of the trainer's model, if both are allowed."""
    path, format_name = returned.result.get("model"), returned.result.get("format")
    if not isinstance(path, str) or path not in returned.files or path == RESULT:
        raise Invalid(
            Reason.RESULT_CORRUPT, "result.json names no file of the attempt as its model"
        )
    allowed = (FORMAT_ONNX, FORMAT_SKOPS, *((FORMAT_JOBLIB,) if document.allow_pickle else ()))
    if not isinstance(format_name, str) or format_name not in allowed:
        message = f"result.json must name one of the formats {', '.join(allowed)}"
        raise Invalid(Reason.FORMAT_REFUSED, message)
    if document.format == FORMAT_SKOPS and format_name != FORMAT_SKOPS:
        message = "the trainer wrote another format than the skops that was asked for"
        raise Invalid(Reason.FORMAT_REFUSED, message)
    return returned.files[path], format_name


def _given(returned: _Returned) -> Signature | None:
    text = returned.files.get(SIGNATURE)
    return parse_signature(text) if text else None
