"""Signatures: read, written, and refused with the reason."""

import json
from typing import Any

import numpy as np
import pytest

from perennial_serving.codec.tensors import (
    FREE,
    Signature,
    TensorSpec,
    parse_signature,
    signature_document,
)
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.testing import iris_signature


def document(**changes: object) -> dict[str, Any]:
    """Return a good document with some fields replaced."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
    return {"v": 1, "inputs": [tensor], "outputs": [tensor]} | changes


def test_a_signature_survives_the_trip_through_its_file() -> None:
    """What jobs write is what servers read."""
    signature = Signature(
        inputs=(TensorSpec("x", "FP64", (FREE, 2), columns=("a", "b"), missing=True, narrow=True),),
        outputs=(TensorSpec("label", "BYTES", (FREE,)),),
        task="classification",
        classes=("no", "yes"),
    )
    assert parse_signature(json.dumps(signature_document(signature)).encode()) == signature


def test_a_plain_signature_has_no_empty_fields() -> None:
    """The document holds only what says something."""
    signature = Signature((TensorSpec("x", "FP32", (FREE,)),), (TensorSpec("y", "FP32", (FREE,)),))
    assert signature_document(signature) == {
        "v": 1,
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
    }


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (b"{", "form"),
        (b"\xff", "form"),
        (b"[" * 100_000, "form"),
        (json.dumps(document(v=2)).encode(), "form"),
        (json.dumps(document(extra=1)).encode(), "form"),
        (json.dumps(document(inputs=[])).encode(), "inputs is empty"),
        (json.dumps(document(outputs=[])).encode(), "outputs is empty"),
    ],
)
def test_a_file_of_another_form_is_refused(text: bytes, finding: str) -> None:
    """The refusal names the file and what is wrong in it."""
    with pytest.raises(Invalid) as caught:
        parse_signature(text)
    assert caught.value.reason == Reason.SIGNATURE_INVALID
    assert finding in caught.value.message


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"name": ""}, "no name"),
        ({"datatype": "BF16"}, "unknown datatype"),
        ({"shape": []}, "impossible shape"),
        ({"shape": [-2, 2]}, "impossible shape"),
        ({"columns": ["a"]}, "one column name"),
        ({"shape": [-1], "columns": ["a"]}, "one column name"),
        ({"columns": ["a", "a"]}, "column name twice"),
    ],
)
def test_an_impossible_tensor_is_refused(changes: dict[str, Any], finding: str) -> None:
    """Each field of a tensor is checked."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [-1, 2]} | changes
    with pytest.raises(Invalid, match=finding):
        parse_signature(json.dumps(document(inputs=[tensor])).encode())


def test_equal_names_are_refused() -> None:
    """A request could not say which one it means."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
    with pytest.raises(Invalid, match="name twice"):
        parse_signature(json.dumps(document(inputs=[tensor, tensor])).encode())


def test_rows_are_free_only_if_every_tensor_has_them() -> None:
    """Requests may share a run only then."""
    fixed = TensorSpec("y", "FP32", (1, 3))
    assert iris_signature().has_rows
    assert not Signature(iris_signature().inputs, (fixed,)).has_rows
    assert fixed.dtype == np.dtype(np.float32)
