"""Answers: exact numbers, flat data, null for what JSON cannot hold."""

import json

import numpy as np

from perennial_serving.codec.encode import Encoder, empty_outputs
from perennial_serving.codec.tensors import FREE, Signature, TensorSpec

SIGNATURE = Signature(
    inputs=(TensorSpec("x", "FP32", (FREE, 2)),),
    outputs=(
        TensorSpec("label", "BYTES", (FREE,)),
        TensorSpec("score", "FP32", (FREE, 2)),
        TensorSpec("flag", "BOOL", (FREE,)),
        TensorSpec("free", "FP64", (FREE, FREE)),
    ),
)


def test_an_answer_has_the_form_of_the_protocol() -> None:
    """Names, version, id, then the outputs in the order asked for."""
    encoder = Encoder('a"b', "r-1", SIGNATURE)
    score = np.array([[0.1, 2.0]], dtype=np.float32)
    answer = encoder.encode(
        "id-1", ("score", "label", "flag"), [score, np.array(["ä"]), np.array([True])]
    )
    assert json.loads(answer.body) == {
        "model_name": 'a"b',
        "model_version": "r-1",
        "id": "id-1",
        "outputs": [
            {"name": "score", "datatype": "FP32", "shape": [1, 2], "data": [0.1, 2.0]},
            {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["ä"]},
            {"name": "flag", "datatype": "BOOL", "shape": [1], "data": [True]},
        ],
    }
    assert answer.nonfinite == 0
    assert b"0.1," in answer.body  # singles are printed shortest


def test_what_json_cannot_hold_is_null_and_counted() -> None:
    """NaN and both infinities."""
    score = np.array([[np.nan, np.inf], [-np.inf, 1.0]], dtype=np.float32)
    answer = Encoder("m", "r", SIGNATURE).encode("i", ("score",), [score])
    assert json.loads(answer.body)["outputs"][0]["data"] == [None, None, None, 1.0]
    assert answer.nonfinite == 3


def test_memory_order_does_not_change_the_answer() -> None:
    """Rows come first even if the array is stored by columns."""
    score = np.asfortranarray(np.array([[1, 2], [3, 4]], dtype=np.float32))
    answer = Encoder("m", "r", SIGNATURE).encode("i", ("score",), [score])
    assert json.loads(answer.body)["outputs"][0]["data"] == [1, 2, 3, 4]


def test_bytes_that_are_no_text_do_not_break_the_answer() -> None:
    """They are printed with replacement characters."""
    label = np.array([b"a", b"\xff"], dtype=object)
    answer = Encoder("m", "r", SIGNATURE).encode("i", ("label",), [label])
    assert json.loads(answer.body)["outputs"][0]["data"] == ["a", "\ufffd"]


def test_no_rows_give_empty_outputs_of_the_right_width() -> None:
    """The model is not asked; free inner dimensions are empty too."""
    empty = empty_outputs(SIGNATURE, ("score", "label", "free"))
    assert [(array.shape, array.dtype.kind) for array in empty] == [
        ((0, 2), "f"),
        ((0,), "O"),
        ((0, 0), "f"),
    ]
