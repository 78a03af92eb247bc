"""Step `check`: pins the source, splits its rows, counts what the data gate judges.

Writes `runs/<runId>/in/{train,holdout}/part-0.parquet` and `in/check.json`. It judges nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import pyarrow as pa

from perennial_serving.codec.tensors import Signature, parse_signature
from perennial_serving.contract import manifest
from perennial_serving.contract.results import CheckPayload, Reason, as_payload
from perennial_serving.errors import Invalid
from perennial_serving.fetch.retry import persistently
from perennial_serving.jobs import step
from perennial_serving.jobs.data import counts, durations, predictions, sources, split, tables
from perennial_serving.jobs.packing.artifact import RUN
from perennial_serving.jobs.step import Roles, Workplace
from perennial_serving.runtime.artifact import SIGNATURE

NAME = "check"
TRAIN = "train/part-0.parquet"
HOLDOUT = "holdout/part-0.parquet"
CHECK = "check.json"
DOCUMENT_LIMIT_BYTES = 2**20


class Source(msgspec.Struct, frozen=True):
    """Where the rows are."""

    uri: str
    version: str = ""
    format: str = tables.AUTO


class SplitRule(msgspec.Struct, frozen=True):
    """How rows are held out."""

    strategy: str
    holdout: str = ""
    gap: str = ""
    groups: str = split.DISJOINT


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The step's input."""

    run_id: str
    model_uid: str
    source: Source
    columns: Roles
    split: SplitRule
    output: str
    champion_uri: str = ""
    champion_digest: str = ""
    max_bytes: int = step.MAX_FILE_BYTES


@dataclass(frozen=True, slots=True)
class _Rows:
    """Both sides of the usable rows, and what was dropped or repeated."""

    train: pa.Table
    holdout: pa.Table
    duplicates: int
    unlabeled: int
    untimed: int


def run(document: Document, workplace: Workplace) -> CheckPayload:
    """Write both sides of the split and return the counts."""
    pinned = _pinned(document, workplace)
    rows = _divided(document, pinned.table)
    place = workplace.store(f"{step.run_place(document.output, document.run_id)}/in")
    train, holdout = tables.written(rows.train), tables.written(rows.holdout)
    step.write(place, TRAIN, train)
    step.write(place, HOLDOUT, holdout)
    payload = replace(
        _counted(document, rows, _champion(document, workplace)),
        digest=pinned.digest,
        version=document.source.version or pinned.digest,
        train_digest=manifest.digest(train),
        holdout_digest=manifest.digest(holdout),
    )
    step.write(place, CHECK, manifest.canonical_json({"v": 1, **as_payload(payload)}))
    return counts.fitted(payload, partial(step.fits, NAME))


def _pinned(document: Document, workplace: Workplace) -> sources.Pinned:
    source = document.source
    try:
        store = workplace.store(source.uri, "data")
        entries = persistently(store.entries)
    except Invalid as error:
        if error.reason != Reason.NOT_FOUND:
            raise
        message = "there is nothing at spec.data.source.uri"
        raise Invalid(Reason.SOURCE_MISSING, message) from error
    load = partial(step.read, store, limit_bytes=document.max_bytes)
    pinned = sources.read(entries, load, format_name=source.format, limit_bytes=document.max_bytes)
    sources.check_version(pinned, source.version)
    tables.check_present(pinned.table, document.columns.names())
    return pinned


def _divided(document: Document, table: pa.Table) -> _Rows:
    """Drop rows without label or time, and split the others."""
    roles, rule = document.columns, document.split
    labeled = table.filter(tables.has_value(table, roles.label))
    is_temporal = rule.strategy == split.TEMPORAL and bool(roles.time)
    timed = labeled.filter(tables.has_value(labeled, roles.time)) if is_temporal else labeled
    ids = split.row_ids(timed, roles.id)
    sides = split.split(
        timed,
        split.Rule(
            model_uid=document.model_uid,
            strategy=rule.strategy,
            holdout_seconds=durations.in_seconds(rule.holdout),
            gap_seconds=durations.in_seconds(rule.gap),
            groups=rule.groups,
        ),
        ids=ids,
        columns=roles,
    )
    train_ids = [row for row, is_train in zip(ids, sides.train, strict=True) if is_train]
    return _Rows(
        train=timed.filter(pa.array(sides.train)),
        holdout=timed.filter(pa.array(sides.holdout)),
        duplicates=split.duplicates(train_ids),
        unlabeled=table.num_rows - labeled.num_rows,
        untimed=labeled.num_rows - timed.num_rows,
    )


@dataclass(frozen=True, slots=True)
class _Champion:
    """What the champion takes, and how often its training data lacked each feature."""

    kinds: Mapping[str, str] | None = None
    nulls: Mapping[str, float] | None = None


def _champion(document: Document, workplace: Workplace) -> _Champion:
    """Return what the champion's artifact says of its columns; nothing without one of ours."""
    if not document.champion_uri:
        return _Champion()
    store = workplace.store(document.champion_uri, "model")
    text = step.find(store, SIGNATURE, limit_bytes=DOCUMENT_LIMIT_BYTES)
    run_document = step.parsed(step.find(store, RUN, limit_bytes=DOCUMENT_LIMIT_BYTES))
    nulls = run_document.get("nullRates")
    return _Champion(
        kinds=_kinds(parse_signature(text)) if text else None,
        nulls=nulls if isinstance(nulls, dict) else None,
    )


def _kinds(signature: Signature) -> dict[str, str] | None:
    """Return the kinds of the columns that a model takes; None if it does not name them."""
    matrix = signature.inputs[0]
    if len(signature.inputs) == 1 and not matrix.columns and matrix.shape[1:] != (1,):
        return None
    names = predictions.column_names(signature)
    datatypes = [spec.datatype for spec in signature.inputs]
    if len(datatypes) == 1:
        datatypes *= len(names)
    return {
        name: tables.TEXT if datatype == "BYTES" else tables.NUMBER
        for name, datatype in zip(names, datatypes, strict=True)
    }


def _counted(document: Document, rows: _Rows, champion: _Champion) -> CheckPayload:
    features = document.columns.features(rows.train.column_names)
    columns = counts.of_columns(rows.train, features)
    kinds = champion.kinds
    missing, retyped, extra = ((), (), ()) if kinds is None else counts.compared(columns, kinds)
    return CheckPayload(
        uri=document.source.uri,
        version="",
        digest="",
        digest_kind=sources.KIND,
        train_rows=rows.train.num_rows,
        holdout_rows=rows.holdout.num_rows,
        holdout_digest="",
        schema_hash=counts.schema_hash(columns),
        features=features,
        missing=missing,
        retyped=retyped,
        extra=extra,
        duplicates=rows.duplicates,
        unlabeled=rows.unlabeled,
        columns=columns,
        champion_nulls=dict(champion.nulls or {}),
        untimed=rows.untimed,
    )
