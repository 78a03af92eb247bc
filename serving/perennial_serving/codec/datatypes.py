"""OIP datatypes, their numpy types, and which may stand in for which.

A value is never changed silently: widening by type is exact, widening by value is checked, and
FP64 -> FP32 happens only where the signature says `narrow`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np

DTYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_NAMES: Mapping[np.dtype[Any], str] = {dtype: name for name, dtype in DTYPES.items()}
_FLOATS = ("FP16", "FP32", "FP64")
# Integers up to these magnitudes are exact in the float type (2^(mantissa bits + 1)).
EXACT_INTEGERS: Mapping[str, int] = {"FP32": 2**24, "FP64": 2**53}


class Conversion(StrEnum):
    """How a tensor of one datatype becomes one of another."""

    SAME = "same"
    WIDEN = "widen"
    CHECKED = "checked"
    NARROW = "narrow"


def name_of(dtype: np.dtype[Any]) -> str | None:
    """Return the OIP name of a numpy type; None if OIP has none.

    >>> name_of(np.dtype("float32"))
    'FP32'
    """
    if dtype.kind in "US":
        return "BYTES"
    return _NAMES.get(dtype)


def is_float(datatype: str) -> bool:
    """Say whether the datatype can hold NaN and infinity."""
    return datatype in _FLOATS


def conversion(sent: str, wanted: str, *, narrow: bool) -> Conversion | None:
    """Return how `sent` becomes `wanted`; None if no exact way exists.

    >>> conversion("INT32", "FP64", narrow=False), conversion("INT64", "FP64", narrow=False)
    (<Conversion.WIDEN: 'widen'>, <Conversion.CHECKED: 'checked'>)
    """
    if sent == wanted:
        return Conversion.SAME
    if "BYTES" in {sent, wanted} or "BOOL" in {sent, wanted}:
        return None
    if is_float(wanted):
        return _to_float(sent, wanted, narrow=narrow)
    if is_float(sent):
        return None
    return Conversion.WIDEN if np.can_cast(DTYPES[sent], DTYPES[wanted], "safe") else None


def _to_float(sent: str, wanted: str, *, narrow: bool) -> Conversion | None:
    if sent == "FP64" and wanted == "FP32":
        return Conversion.NARROW if narrow else None
    wide_integer = sent in {"INT64", "UINT64"}  # numpy calls INT64 -> FP64 safe; it is not exact
    if not wide_integer and np.can_cast(DTYPES[sent], DTYPES[wanted], "safe"):
        return Conversion.WIDEN
    if not is_float(sent) and wanted in EXACT_INTEGERS:
        return Conversion.CHECKED
    return None
