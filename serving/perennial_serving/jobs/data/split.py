"""Which rows train and which are held out; the same rows fall on the same side in every run.

No row or group that is held out for a model is ever trained on by a run of that model.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import tables

HOLDOUT_PERCENT = 20
HOLDOUT_TENTHS = 2
TEMPORAL = "Temporal"
DISJOINT = "Disjoint"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rule:
    """How rows are split; `model_uid` makes each model's choice its own."""

    model_uid: str
    strategy: str
    holdout_seconds: float = 0.0
    gap_seconds: float = 0.0
    groups: str = DISJOINT


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of both sides; a row may be on neither."""

    train: Mask
    holdout: Mask


class Columns(Protocol):
    """The names of the columns that a split looks at; "" = none."""

    @property
    def time(self) -> str:
        """When the row happened."""

    @property
    def group(self) -> str:
        """Rows that belong together."""


def split(table: pa.Table, rule: Rule, *, ids: Sequence[bytes], columns: Columns) -> Split:
    """Return both sides of the table's rows.

    Temporal: the newest `holdout` before the last event is held out, a gap before it is left out.
    Random: a row is held out iff sha256(model uid, row id) mod 100 < 20. Disjoint groups: a group
    is held out iff sha256(model uid, group) mod 10 < 2, and is then on no other side.
    """
    is_disjoint = bool(columns.group) and rule.groups == DISJOINT
    groups = _held_groups(table, rule, columns.group) if is_disjoint else None
    if rule.strategy == TEMPORAL and columns.time:
        train, holdout = _by_time(seconds(table, columns.time), rule)
    elif groups is not None:
        return Split(~groups, groups)
    else:
        holdout = np.array([bucket(rule.model_uid, row, 100) < HOLDOUT_PERCENT for row in ids])
        holdout = holdout.astype(np.bool_)
        train = ~holdout
    if groups is None:
        return Split(train, holdout)
    return Split(train & ~groups, holdout & groups)


def bucket(model_uid: str, identity: bytes, buckets: int) -> int:
    """Return the bucket of an identity, for one model.

    >>> bucket("uid", b"row", 100), bucket("other", b"row", 100)
    (2, 21)
    """
    return int.from_bytes(hashlib.sha256(model_uid.encode() + b"\0" + identity).digest()) % buckets


def row_ids(table: pa.Table, id_column: str) -> list[bytes]:
    """Return each row's identity: its id, or a hash of all its values in file order.

    Equal rows without ids have one identity, so copies never are on both sides.
    """
    if id_column:
        return [text.encode() for text in tables.texts(table, id_column).tolist()]
    hashes = [hashlib.sha256() for _ in range(table.num_rows)]
    for name in table.column_names:
        for value, digest in zip(_values(table, name), hashes, strict=True):
            digest.update(value)
    return [digest.digest() for digest in hashes]


def duplicates(ids: Sequence[bytes]) -> int:
    """Return how many rows repeat an earlier one.

    >>> duplicates([b"a", b"b", b"a", b"a"])
    2
    """
    return len(ids) - len(set(ids))


def sample(ids: Sequence[bytes], limit: int) -> NDArray[np.int64]:
    """Return the places of at most `limit` rows, chosen by hash, in order: always the same rows.

    >>> sample([b"a", b"b", b"c"], 2).tolist()
    [1, 2]
    """
    if len(ids) <= limit:
        return np.arange(len(ids))
    order = sorted(range(len(ids)), key=lambda at: (hashlib.sha256(ids[at]).digest(), at))
    return np.array(sorted(order[:limit]))


def seconds(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a time column in seconds: timestamps, dates, ISO texts, or numbers as they are."""
    column = table.column(name)
    if _is_numeric(column.type):
        return np.asarray(tables.numbers(table, name))
    stamps = _stamps(column)
    if stamps is None:
        message = f"column {name} is neither a time, an ISO text nor a number of seconds"
        raise Invalid(Reason.COLUMN_UNSUPPORTED, message, field="spec.data.columns.time")
    micros = pc.cast(pc.cast(stamps, pa.int64()), pa.float64())
    return np.asarray(micros.to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6


def _stamps(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return a column as timestamps; texts without a zone are UTC. None if it holds no times."""
    for kind in (pa.timestamp("us"), pa.timestamp("us", tz="UTC")):
        try:
            return pc.cast(column, kind, safe=False)
        except pa.ArrowException:
            continue
    return None


def latest(table: pa.Table, time: str) -> float | None:
    """Return the newest moment of a table in seconds; None without a time or a row."""
    moments = seconds(table, time) if time else np.empty(0)
    moments = moments[np.isfinite(moments)]
    return float(moments.max()) if moments.size else None


def _is_numeric(dtype: pa.DataType) -> bool:
    """Return whether a column holds plain numbers."""
    return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype))


def _by_time(moments: NDArray[np.float64], rule: Rule) -> tuple[Mask, Mask]:
    """Return the sides by time; a row without a time is on neither."""
    if not np.isfinite(moments).any():
        nothing = np.zeros(moments.size, dtype=np.bool_)
        return nothing, nothing
    cut = float(np.nanmax(moments)) - rule.holdout_seconds
    with np.errstate(invalid="ignore"):
        return moments <= cut - rule.gap_seconds, moments > cut


def _held_groups(table: pa.Table, rule: Rule, group: str) -> Mask:
    names = tables.texts(table, group).tolist()
    held = {name: bucket(rule.model_uid, name.encode(), 10) < HOLDOUT_TENTHS for name in set(names)}
    return np.array([held[name] for name in names], dtype=np.bool_)


def _values(table: pa.Table, name: str) -> list[bytes]:
    """Return one column's values as bytes that no two different values share."""
    column = table.column(name)
    if _is_numeric(column.type) or pa.types.is_boolean(column.type):
        values = np.ascontiguousarray(tables.numbers(table, name) + 0.0)
        return [b"n" + values[at : at + 1].tobytes() for at in range(values.size)]
    texts = (None if value is None else str(value).encode() for value in column.to_pylist())
    return [b"-" if text is None else b"t%d:%b" % (len(text), text) for text in texts]
