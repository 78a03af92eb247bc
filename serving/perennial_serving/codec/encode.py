"""Tensors -> the body of an answer. NaN and infinity are null in JSON, and counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from perennial_serving.codec.tensors import Array, Signature


@dataclass(frozen=True, slots=True)
class Answer:
    """An encoded body and how many of its numbers JSON could not hold."""

    body: bytes
    nonfinite: int


class Encoder:
    """Encodes the answers of one model; the part that never changes is made once."""

    def __init__(self, model: str, revision: str, signature: Signature) -> None:
        """Serialize the prefix."""
        self._prefix = orjson.dumps({"model_name": model, "model_version": revision})[:-1] + b","
        self._datatypes = {spec.name: spec.datatype for spec in signature.outputs}

    def encode(self, request_id: str, names: Sequence[str], arrays: Sequence[Array]) -> Answer:
        """Return the body with the outputs in the order of `names`."""
        outputs = [
            {
                "name": name,
                "datatype": self._datatypes[name],
                "shape": array.shape,
                "data": _data(array),
            }
            for name, array in zip(names, arrays, strict=True)
        ]
        text = orjson.dumps(
            {"id": request_id, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY
        )
        return Answer(self._prefix + text[1:], sum(_nonfinite(array) for array in arrays))


def empty_outputs(signature: Signature, names: Sequence[str]) -> list[Array]:
    """Return outputs of no rows: what a request without rows gets; the model is not asked.

    A free dimension other than the rows becomes 0 as well.
    """
    shapes = {spec.name: (spec.shape, spec.dtype) for spec in signature.outputs}
    return [
        np.empty((0, *(max(size, 0) for size in shapes[name][0][1:])), dtype=shapes[name][1])
        for name in names
    ]


def _data(array: Array) -> Array | list[str]:
    if array.dtype.kind in "OUS":
        return [_text(value) for value in array.ravel().tolist()]
    return np.ascontiguousarray(array.ravel())


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _nonfinite(array: Array) -> int:
    if array.dtype.kind != "f":
        return 0
    return int(array.size - np.isfinite(array).sum())
