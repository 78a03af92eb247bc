"""What the data gate judges, counted, and made to fit into one termination message."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from perennial_serving.contract import manifest
from perennial_serving.contract.results import CheckPayload, ColumnCounts
from perennial_serving.jobs.data import tables

LISTED_NAMES = 20


def of_columns(table: pa.Table, features: Sequence[str]) -> tuple[ColumnCounts, ...]:
    """Return rows and missing values of each feature."""
    return tuple(
        ColumnCounts(
            name, tables.kind_of(table, name), table.num_rows, tables.missing_count(table, name)
        )
        for name in features
    )


def schema_hash(columns: Sequence[ColumnCounts]) -> str:
    """Return the digest of names and types, in order."""
    rows = [[column.name, column.dtype] for column in columns]
    return manifest.digest(manifest.canonical_json({"columns": rows}))


def null_rates(columns: Sequence[ColumnCounts]) -> dict[str, float]:
    """Return the share of missing values of each column.

    >>> null_rates([ColumnCounts("age", "number", 4, 1), ColumnCounts("sex", "text", 0, 0)])
    {'age': 0.25, 'sex': 0.0}
    """
    return {column.name: column.nulls / column.rows if column.rows else 0.0 for column in columns}


def compared(
    columns: Sequence[ColumnCounts], kinds: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return missing, retyped and extra columns against the champion's.

    A boolean stands for a number: models get it as 0 and 1.
    """
    have = {column.name: _sort(column.dtype) for column in columns}
    missing = tuple(name for name in kinds if name not in have)
    retyped = tuple(name for name, kind in kinds.items() if have.get(name, kind) != _sort(kind))
    return missing, retyped, tuple(name for name in have if name not in kinds)


def _sort(kind: str) -> str:
    return tables.NUMBER if kind == tables.BOOLEAN else kind


def fitted(payload: CheckPayload, fits: Callable[[CheckPayload], bool]) -> CheckPayload:
    """Return the payload, its lists shortened step by step until it fits the message.

    First columns go, those with the largest rise of missing values against the champion last,
    then features, then all but a few names of columns that differ.
    """
    return next((tried for tried in _shorter(payload) if fits(tried)), _shortest(payload))


def _shorter(payload: CheckPayload) -> Iterator[CheckPayload]:
    yield payload
    known, rates = payload.champion_nulls, null_rates(payload.columns)
    ordered = sorted(
        payload.columns, key=lambda column: known.get(column.name, 0.0) - rates[column.name]
    )
    short = _cut(payload, LISTED_NAMES)
    for features in (payload.features, ()):
        count = len(ordered)
        while count:
            kept = tuple(ordered[:count])
            nulls = {column.name: known[column.name] for column in kept if column.name in known}
            yield replace(short, features=features, columns=kept, champion_nulls=nulls)
            count //= 2


def _shortest(payload: CheckPayload) -> CheckPayload:
    """Return the payload with one name a list and no columns: names have an end, this fits."""
    return replace(_cut(payload, 1), features=(), columns=(), champion_nulls={})


def _cut(payload: CheckPayload, length: int) -> CheckPayload:
    return replace(
        payload,
        missing=payload.missing[:length],
        retyped=payload.retyped[:length],
        extra=payload.extra[:length],
    )
