"""A matrix may come as one tensor or column by column."""

import numpy as np
import pytest

from perennial_serving.codec import columns
from perennial_serving.codec.tensors import FREE, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.testing import IRIS_COLUMNS, iris_signature

OUTPUT = (TensorSpec("label", "BYTES", (FREE,)),)
MIXED = Signature(
    (TensorSpec("age", "FP32", (FREE, 1)), TensorSpec("city", "BYTES", (FREE, 1))), OUTPUT
)


def test_only_one_matrix_with_named_columns_may_be_split() -> None:
    """Several inputs are their own columns; unnamed columns cannot be named."""
    assert columns.matrix_of(iris_signature()) == iris_signature().inputs[0]
    assert columns.matrix_of(MIXED) is None
    assert columns.matrix_of(Signature((TensorSpec("x", "FP32", (FREE, 2)),), OUTPUT)) is None


def test_a_table_becomes_the_matrix_in_the_models_order() -> None:
    """Jobs hand over columns in any order, and others that the model does not take."""
    table = {name: np.array([i, i + 0.5]) for i, name in enumerate(reversed(IRIS_COLUMNS))}
    made = columns.from_columns(iris_signature(), {**table, "other": np.array(["a", "b"])})
    assert made["input"].dtype == np.float32
    assert made["input"].tolist() == [[3.0, 2.0, 1.0, 0.0], [3.5, 2.5, 1.5, 0.5]]


def test_a_table_feeds_a_model_with_an_input_per_column() -> None:
    """Numbers and texts side by side."""
    made = columns.from_columns(MIXED, {"age": np.array([1, 2]), "city": np.array(["a", "b"])})
    assert made["age"].tolist() == [[1.0], [2.0]]
    assert made["city"].tolist() == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"age": np.array([1])}, Reason.INPUTS_MISMATCH),
        ({"age": np.array(["x"]), "city": np.array(["a"])}, Reason.DATATYPE_MISMATCH),
        ({"age": np.array([np.nan]), "city": np.array(["a"])}, Reason.DATATYPE_MISMATCH),
        (
            {"age": np.array([1], dtype="M8[s]"), "city": np.array(["a"])},
            Reason.DATATYPE_UNSUPPORTED,
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: dict[str, np.ndarray], reason: Reason) -> None:
    """By the same rules as a request."""
    with pytest.raises(Invalid) as caught:
        columns.from_columns(MIXED, table)
    assert caught.value.reason == reason


def test_columns_of_different_length_are_refused() -> None:
    """Rows would be made of strangers."""
    matrix = TensorSpec("x", "FP32", (FREE, 2), columns=("a", "b"))
    with pytest.raises(Invalid, match="differ in length"):
        columns.joined(matrix, {"a": np.zeros((1, 1)), "b": np.zeros((2, 1))})


def test_names_must_be_complete_and_known() -> None:
    """Both mistakes name what is expected."""
    with pytest.raises(Invalid, match=r"missing \['b'\]"):
        columns.check_names({"a"}, {"a", "b"})
    with pytest.raises(Invalid, match=r"expected \['a'\]"):
        columns.check_names({"a", "b"}, {"a"})
