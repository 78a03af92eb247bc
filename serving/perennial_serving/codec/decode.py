"""The body of an inference request -> checked tensors; the decoder is built once per model.

Everything is refused before memory is allocated for it: bytes, elements, rows, the product of the
shape. `data` is decoded second, by datatype and nesting.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from perennial_serving.codec import columns, datatypes, values
from perennial_serving.codec.tensors import FREE, Array, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

ID_LIMIT = 256
_SIZE_LIMIT = 2**63
_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a request may be."""

    json_bytes: int = 8 * 2**20
    json_elements: int = 1_000_000
    rows: int = 100_000


@dataclass(frozen=True, slots=True)
class Request:
    """One decoded request; `timeout_seconds` is what its parameters ask for, if they do."""

    request_id: str
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...]
    rows: int
    timeout_seconds: float | None = None


class _Parameters(msgspec.Struct, gc=False):
    timeout: int | None = None


class _Output(msgspec.Struct, gc=False):
    name: str


class _Tensor(msgspec.Struct, gc=False):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class _Head(msgspec.Struct, gc=False):
    inputs: list[_Tensor]
    id: str = ""
    outputs: list[_Output] | None = None
    parameters: _Parameters | None = None


class _LenientTensor(msgspec.Struct, gc=False):
    name: str
    shape: list[int]
    datatype: str
    data: Any


class _LenientHead(msgspec.Struct, gc=False):
    inputs: list[_LenientTensor]
    id: str = ""
    outputs: list[_Output] | None = None
    parameters: _Parameters | None = None


_AnyHead = _Head | _LenientHead
_AnyTensor = _Tensor | _LenientTensor
_HEAD = msgspec.json.Decoder(_Head)


class Decoder:
    """Decodes the requests of one model."""

    def __init__(self, signature: Signature, limits: Limits) -> None:
        """Prepare what every request needs."""
        self._signature = signature
        self._limits = limits
        self._inputs = {spec.name: spec for spec in signature.inputs}
        self._outputs = tuple(spec.name for spec in signature.outputs)
        self._matrix = columns.matrix_of(signature)

    def decode(self, body: bytes) -> Request:
        """Return the request; Invalid names the field that is wrong."""
        limits = self._limits
        if len(body) > limits.json_bytes:
            message = f"the body has more than {limits.json_bytes} bytes; send fewer rows"
            raise Invalid(Reason.BODY_TOO_LARGE, message)
        head = _head(body)
        _check_id(head.id)
        inputs = self._tensors(head.inputs, body_bytes=len(body))
        return Request(
            request_id=head.id,
            inputs=inputs,
            outputs=self._requested(head.outputs),
            rows=self._rows(inputs),
            timeout_seconds=_timeout(head.parameters),
        )

    def _tensors(self, tensors: Sequence[_AnyTensor], *, body_bytes: int) -> dict[str, Array]:
        names = {tensor.name for tensor in tensors}
        if len(names) != len(tensors):
            raise Invalid(Reason.INPUTS_MISMATCH, "a name appears twice", field="inputs")
        matrix = self._matrix
        if matrix is None or matrix.name in names:
            columns.check_names(names, set(self._inputs))
            return {
                tensor.name: self._tensor(tensor, self._inputs[tensor.name], at=(i, body_bytes))
                for i, tensor in enumerate(tensors)
            }
        columns.check_names(names, set(matrix.columns))
        parts = {
            tensor.name: self._column(
                tensor, columns.column_of(matrix, tensor.name), (i, body_bytes)
            )
            for i, tensor in enumerate(tensors)
        }
        return {matrix.name: columns.joined(matrix, parts)}

    def _column(self, tensor: _AnyTensor, spec: TensorSpec, at: tuple[int, int]) -> Array:
        """Decode one column, sent as [n] or [n, 1]."""
        if len(tensor.shape) == 1:
            tensor.shape = [*tensor.shape, 1]
        return self._tensor(tensor, spec, at=at)

    def _tensor(self, tensor: _AnyTensor, spec: TensorSpec, *, at: tuple[int, int]) -> Array:
        index, body_bytes = at
        field = f"inputs[{index}]"
        shape = _shape(tensor.shape, spec, body_bytes=body_bytes, field=f"{field}.shape")
        if spec.has_rows and shape[0] > self._limits.rows:
            message = f"more than {self._limits.rows} rows; send fewer rows"
            raise Invalid(Reason.TOO_MANY_ROWS, message, field=f"{field}.shape")
        _check_datatype(tensor.datatype, field=f"{field}.datatype")
        data = self._data(tensor, field=f"{field}.data")
        given = values.read(data, tensor.datatype, shape=shape, field=f"{field}.data")
        array = values.converted(given, tensor.datatype, spec=spec, field=f"{field}.data")
        values.finite(array, given, spec=spec, field=f"{field}.data")
        return array

    def _data(self, tensor: _AnyTensor, *, field: str) -> bytes | list[Any]:
        """Return the tensor's data, bounded before any list is made of it."""
        if isinstance(tensor.data, msgspec.Raw):
            data = bytes(tensor.data)
            if data.count(b",") < self._limits.json_elements:
                return data
            message = f"more than {self._limits.json_elements} elements; send fewer rows"
            raise Invalid(Reason.BODY_TOO_LARGE, message, field=field)
        if isinstance(tensor.data, list):
            return tensor.data
        raise Invalid(Reason.FIELD_INVALID, "must be an array", field=field)

    def _requested(self, outputs: Sequence[_Output] | None) -> tuple[str, ...]:
        if outputs is None:
            return self._outputs
        names = tuple(output.name for output in outputs)
        if len(set(names)) != len(names) or not set(names) <= set(self._outputs):
            message = f"unknown or repeated; the model gives {list(self._outputs)}"
            raise Invalid(Reason.OUTPUT_UNKNOWN, message, field="outputs")
        return names or self._outputs

    def _rows(self, inputs: Mapping[str, Array]) -> int:
        counts = {len(array) for array in inputs.values()}
        if len(counts) > 1:
            raise Invalid(Reason.INPUTS_MISMATCH, "inputs differ in rows", field="inputs")
        return counts.pop()


def _head(body: bytes) -> _AnyHead:
    try:
        return _HEAD.decode(body)
    except RecursionError as error:
        raise Invalid(Reason.TOO_DEEP, "the body is nested too deep") from error
    except UnicodeDecodeError as error:
        raise Invalid(Reason.MALFORMED_JSON, "the body is not UTF-8") from error
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from error
    except msgspec.DecodeError as error:
        if b"NaN" in body or b"Infinity" in body:
            return _lenient_head(body)
        raise _malformed() from error


def _lenient_head(body: bytes) -> _LenientHead:
    """Decode once more for clients that write bare NaN and Infinity, as Triton's do."""
    try:
        document = json.loads(body.decode("utf-8"))
        return msgspec.convert(document, _LenientHead)
    except RecursionError as error:
        raise Invalid(Reason.TOO_DEEP, "the body is nested too deep") from error
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from error
    except ValueError as error:
        raise _malformed() from error


def _malformed() -> Invalid:
    return Invalid(Reason.MALFORMED_JSON, "the body is not a JSON object")


def _refused(text: str) -> Invalid:
    """Translate the decoder's message; its own words never leave."""
    found = _PATH.search(text)
    field = found.group(1) if found else ""
    if "out of range" in text:
        return Invalid(Reason.NUMBER_OUT_OF_RANGE, "number out of range", field=field)
    if "missing required field" in text:
        name = text.split("`")[1]
        return Invalid(Reason.FIELD_INVALID, f"field {name!r} is missing", field=field)
    if not field:
        return _malformed()
    if ".shape[" in field:
        return Invalid(Reason.SHAPE_INVALID, "must be a whole number", field=field)
    return Invalid(Reason.FIELD_INVALID, "is of the wrong type", field=field)


def _check_id(request_id: str) -> None:
    if len(request_id) > ID_LIMIT or not request_id.isprintable():
        message = f"at most {ID_LIMIT} characters, none of them a control character"
        raise Invalid(Reason.FIELD_INVALID, message, field="id")


def _check_datatype(datatype: str, *, field: str) -> None:
    if datatype not in datatypes.DTYPES:
        known = ", ".join(name for name in datatypes.DTYPES if name != "FP16")
        raise Invalid(Reason.DATATYPE_UNSUPPORTED, f"unknown; use one of {known}", field=field)
    if datatype == "FP16":
        raise Invalid(Reason.DATATYPE_UNSUPPORTED, "FP16 has no JSON form; use FP32", field=field)


def _shape(
    sizes: Sequence[int], spec: TensorSpec, *, body_bytes: int, field: str
) -> tuple[int, ...]:
    """Check the shape against the signature and the body, before anything is allocated."""
    fits = len(sizes) == len(spec.shape) and all(
        wanted in (FREE, size) for size, wanted in zip(sizes, spec.shape, strict=True)
    )
    if not fits:
        message = f"expected {list(spec.shape)} (-1: any size)"
        raise Invalid(Reason.SHAPE_INVALID, message, field=field)
    product = math.prod(sizes)
    if any(size < 0 for size in sizes) or product >= _SIZE_LIMIT or product > body_bytes:
        raise Invalid(Reason.SHAPE_INVALID, "sizes do not fit the body", field=field)
    return tuple(sizes)


def _timeout(parameters: _Parameters | None) -> float | None:
    if parameters is None or parameters.timeout is None or parameters.timeout <= 0:
        return None
    return parameters.timeout / _MICROSECONDS
