"""What a model takes and gives: tensor descriptions and the signature; knows no bytes of requests.

A dimension of -1 is free; axis 0 is the row axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from perennial_serving.codec import datatypes
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

Array = NDArray[Any]
Tensors = Mapping[str, Array]

LABEL = "label"
PROBABILITIES = "probabilities"
PREDICTION = "prediction"

TASK_CLASSIFICATION = "classification"
TASK_REGRESSION = "regression"

FREE = -1
_MATRIX_RANK = 2


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    `columns` names the columns of a matrix, so that a request may send them one by one; `missing`
    allows NaN (and null) in a float input; `narrow` lets FP64 become FP32.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    missing: bool = False
    narrow: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the numpy type."""
        return datatypes.DTYPES[self.datatype]

    @property
    def has_rows(self) -> bool:
        """Say whether axis 0 is free."""
        return bool(self.shape) and self.shape[0] == FREE


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model, its task, and the classes in the order of probabilities."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    task: str = ""
    classes: tuple[Any, ...] = ()

    @property
    def has_rows(self) -> bool:
        """Say whether every tensor has free rows, so that requests may share a run."""
        return all(spec.has_rows for spec in (*self.inputs, *self.outputs))


class _TensorDocument(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    datatype: str
    shape: list[int]
    columns: list[str] = []
    missing: bool = False
    narrow: bool = False


class _SignatureDocument(msgspec.Struct, forbid_unknown_fields=True):
    v: Literal[1]
    inputs: list[_TensorDocument]
    outputs: list[_TensorDocument]
    task: str = ""
    classes: list[bool | int | float | str] = []


def parse_signature(text: bytes) -> Signature:
    """Return the signature that `signature.json` holds; Invalid says what is wrong in it."""
    try:
        document = msgspec.json.decode(text, type=_SignatureDocument)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        finding = "it is not of the documented form"
        raise _invalid(finding) from error
    signature = Signature(
        inputs=tuple(_spec(tensor) for tensor in document.inputs),
        outputs=tuple(_spec(tensor) for tensor in document.outputs),
        task=document.task,
        classes=tuple(document.classes),
    )
    if finding := _finding(signature):
        raise _invalid(finding)
    return signature


def signature_document(signature: Signature) -> dict[str, Any]:
    """Return the signature as the JSON document that `parse_signature` reads."""
    document: dict[str, Any] = {
        "v": 1,
        "inputs": [_tensor_document(spec) for spec in signature.inputs],
        "outputs": [_tensor_document(spec) for spec in signature.outputs],
    }
    if signature.task:
        document["task"] = signature.task
    if signature.classes:
        document["classes"] = list(signature.classes)
    return document


def _tensor_document(spec: TensorSpec) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": spec.name,
        "datatype": spec.datatype,
        "shape": list(spec.shape),
    }
    if spec.columns:
        document["columns"] = list(spec.columns)
    if spec.missing:
        document["missing"] = True
    if spec.narrow:
        document["narrow"] = True
    return document


def _spec(tensor: _TensorDocument) -> TensorSpec:
    return TensorSpec(
        name=tensor.name,
        datatype=tensor.datatype,
        shape=tuple(tensor.shape),
        columns=tuple(tensor.columns),
        missing=tensor.missing,
        narrow=tensor.narrow,
    )


def _finding(signature: Signature) -> str:
    for kind, specs in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        if not specs:
            return f"{kind} is empty"
        if len({spec.name for spec in specs}) != len(specs):
            return f"{kind} has a name twice"
        for spec in specs:
            if finding := _spec_finding(spec):
                return f"{kind}: tensor {spec.name!r} {finding}"
    return ""


def _spec_finding(spec: TensorSpec) -> str:
    if not spec.name:
        return "has no name"
    if spec.datatype not in datatypes.DTYPES:
        return "has an unknown datatype"
    if not spec.shape or any(size < FREE for size in spec.shape):
        return "has an impossible shape; -1 marks a free dimension"
    if spec.columns and (len(spec.shape) != _MATRIX_RANK or spec.shape[1] != len(spec.columns)):
        return "has not one column name for each column"
    if len(set(spec.columns)) != len(spec.columns):
        return "has a column name twice"
    return ""


def _invalid(finding: str) -> Invalid:
    return Invalid(Reason.SIGNATURE_INVALID, f"signature.json: {finding}")
