"""The second stage of decoding: the text of one tensor's `data` -> an array of its datatype.

numpy never validates: it would parse "1.5", cut 1.5 to 1 and take True as 1.0. The typed decoders
refuse all that; numpy only lays out what they accepted.
"""

import math
import re
from functools import cache
from typing import Any

import msgspec
import numpy as np

from perennial_serving.codec import datatypes
from perennial_serving.codec.datatypes import Conversion
from perennial_serving.codec.tensors import Array, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

_EXACT_FLOAT = 2**53
_OPENING = re.compile(rb"[\[\s]*")
_INDEX = re.compile(r"\[(\d+)\]")
_ELEMENTS: dict[str, Any] = {"BOOL": bool, "BYTES": str}

Shape = tuple[int, ...]


def read(data: bytes | list[Any], datatype: str, *, shape: Shape, field: str) -> Array:
    """Return the array that `data` (JSON text, or lists of the fallback parser) describes.

    Missing values come back as NaN; whether they are allowed is for `finite` to say.
    """
    depth = _depth(data)
    if depth == 0:
        raise Invalid(Reason.FIELD_INVALID, "must be an array", field=field)
    if depth > len(shape) + 1:
        raise Invalid(Reason.TOO_DEEP, f"nested deeper than {len(shape)} levels", field=field)
    if depth not in {1, len(shape)}:
        raise Invalid(Reason.SHAPE_MISMATCH, f"nesting is unlike shape {list(shape)}", field=field)
    values = _values(data, datatype, depth=depth, field=field)
    array = _laid_out(values, datatype, depth=depth, field=field)
    is_expected = array.shape == shape if depth == len(shape) else array.size == math.prod(shape)
    if not is_expected:
        message = f"holds {array.size} elements, shape {list(shape)} does not match"
        raise Invalid(Reason.SHAPE_MISMATCH, message, field=field)
    return array.reshape(shape)


def converted(array: Array, sent: str, *, spec: TensorSpec, field: str) -> Array:
    """Return the array in the model's datatype, or refuse what would change a value."""
    way = datatypes.conversion(sent, spec.datatype, narrow=spec.narrow)
    if way is None:
        message = f"expected {spec.datatype}, got {sent}"
        raise Invalid(Reason.DATATYPE_MISMATCH, message, field=field)
    if way is Conversion.CHECKED:
        _check_exact(array, datatypes.EXACT_INTEGERS[spec.datatype], spec=spec, field=field)
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which `finite` refuses
        # Through the datatype sent: 0.1 as FP32 is the same number in JSON and in binary.
        return array.astype(datatypes.DTYPES[sent], copy=False).astype(spec.dtype, copy=False)


def finite(array: Array, given: Array, *, spec: TensorSpec, field: str) -> None:
    """Refuse NaN unless the signature allows missing values, and infinity always.

    `given` is the array as sent: infinity in `array` only is an overflow of the conversion.
    """
    if not datatypes.is_float(spec.datatype) or bool(np.isfinite(array).all()):
        return
    infinite = np.isinf(array)
    if infinite.any():
        where = place(int(infinite.argmax()), spec, shape=array.shape)
        if np.isinf(given).ravel()[int(infinite.argmax())]:
            raise Invalid(Reason.NON_FINITE, f"infinity in {where}", field=field)
        message = f"number too large for {spec.datatype} in {where}"
        raise Invalid(Reason.NUMBER_OUT_OF_RANGE, message, field=field)
    if not spec.missing:
        where = place(int(np.isnan(array).argmax()), spec, shape=array.shape)
        message = f"missing value in {where}; this model takes none"
        raise Invalid(Reason.MISSING_VALUE, message, field=field)


def place(flat_index: int, spec: TensorSpec, *, shape: Shape) -> str:
    """Name the row, and the column if there is one, of an element.

    >>> place(5, TensorSpec("x", "FP32", (-1, 4), columns=("a", "b", "c", "d")), shape=(2, 4))
    'row 1, column b'
    """
    width = math.prod(shape[1:])
    row, column = divmod(flat_index, width) if width else (0, 0)
    if len(shape) == 1:
        return f"row {row}"
    return f"row {row}, column {spec.columns[column] if spec.columns else column}"


def _depth(data: bytes | list[Any]) -> int:
    """Count the arrays that open before the first element."""
    if isinstance(data, bytes):
        return _OPENING.match(data)[0].count(b"[")  # type: ignore[index]  # it matches nothing, too
    depth = 0
    first: Any = data
    while isinstance(first, list):
        depth += 1
        first = first[0] if first else None
    return depth


def _element(datatype: str) -> Any:  # noqa: ANN401  # a type or a union of types
    if datatypes.is_float(datatype):
        return float | None
    return _ELEMENTS.get(datatype, int)


@cache
def _decoder(element: Any, depth: int) -> msgspec.json.Decoder[Any]:  # noqa: ANN401  # see _element
    return msgspec.json.Decoder(_nested(element, depth))


def _nested(element: Any, depth: int) -> Any:  # noqa: ANN401  # see _element
    for _ in range(depth):
        element = list[element]
    return element


def _values(data: bytes | list[Any], datatype: str, *, depth: int, field: str) -> list[Any]:
    element = _element(datatype)
    try:
        return _typed(data, element, depth)
    except msgspec.ValidationError as error:
        if element is int and "got `float`" in str(error):
            return _integral(data, depth=depth, field=field)
        raise _refused(str(error), datatype, field=field) from error


def _typed(data: bytes | list[Any], element: Any, depth: int) -> list[Any]:  # noqa: ANN401  # see _element
    if isinstance(data, bytes):
        values: list[Any] = _decoder(element, depth).decode(data)
        return values
    converted_values: list[Any] = msgspec.convert(data, _nested(element, depth))
    return converted_values


def _integral(data: bytes | list[Any], *, depth: int, field: str) -> list[Any]:
    """Accept 1.0 where an integer is wanted: JSON has one number type. 1.5 is refused."""
    try:
        values = _typed(data, int | float, depth)
    except msgspec.ValidationError as error:
        raise _refused(str(error), "INT64", field=field) from error
    return _as_integers(values, field)


def _as_integers(values: list[Any], field: str) -> list[Any]:
    result: list[Any] = []
    for value in values:
        if isinstance(value, list):
            result.append(_as_integers(value, field))
        elif isinstance(value, int):
            result.append(value)
        elif value.is_integer() and abs(value) <= _EXACT_FLOAT:
            result.append(int(value))
        else:
            raise Invalid(Reason.VALUE_INVALID, "a fraction where an integer is due", field=field)
    return result


def _refused(text: str, datatype: str, *, field: str) -> Invalid:
    """Translate the decoder's message; its own words never leave."""
    where = field + "".join(f"[{index}]" for index in _INDEX.findall(text))
    if "out of range" in text:
        return Invalid(Reason.NUMBER_OUT_OF_RANGE, "number out of range", field=where)
    if "got `array`" in text or "Expected `array`" in text:
        return Invalid(Reason.SHAPE_MISMATCH, "ragged or nested unlike shape", field=where)
    return Invalid(Reason.VALUE_INVALID, f"not a value of {datatype}", field=where)


def _laid_out(values: list[Any], datatype: str, *, depth: int, field: str) -> Array:
    if datatype == "BYTES":
        return _texts(values, depth=depth, field=field)
    dtype = datatypes.DTYPES[datatype]
    # Floats first become doubles: only so an overflow to FP32 can be told from a sent infinity.
    wide = np.dtype(np.float64) if dtype.kind == "f" else dtype
    try:
        return np.array(values, dtype=wide)
    except OverflowError as error:
        message = f"integer outside {datatype}"
        raise Invalid(Reason.VALUE_INVALID, message, field=field) from error
    except ValueError as error:
        raise Invalid(Reason.SHAPE_MISMATCH, "rows of different length", field=field) from error


def _texts(values: list[Any], *, depth: int, field: str) -> Array:
    shape = []
    level = values
    for _ in range(depth - 1):
        shape.append(len(level))
        if len({len(row) for row in level}) > 1:
            raise Invalid(Reason.SHAPE_MISMATCH, "rows of different length", field=field)
        level = [item for row in level for item in row]
    array = np.empty(len(level), dtype=np.object_)
    array[:] = level
    width = len(level) // math.prod(tuple(shape)) if math.prod(tuple(shape)) else 0
    return array.reshape((*shape, width))


def _check_exact(array: Array, limit: int, *, spec: TensorSpec, field: str) -> None:
    inexact = (array > limit) | (array < -limit) if array.dtype.kind == "i" else array > limit
    if inexact.any():
        where = place(int(inexact.argmax()), spec, shape=array.shape)
        message = f"integer in {where} is not exact in {spec.datatype}"
        raise Invalid(Reason.VALUE_INVALID, message, field=field)
