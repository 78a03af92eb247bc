"""The text of `data` becomes an array, and nothing is guessed."""

import doctest
import math
from typing import Any

import numpy as np
import pytest

from perennial_serving.codec import values
from perennial_serving.codec.tensors import FREE, Array, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

Data = bytes | list[Any]


def read(data: Data, datatype: str = "FP64", shape: tuple[int, ...] = (2, 2)) -> Array:
    """Read data of a small matrix."""
    return values.read(data, datatype, shape=shape, field="data")


def refusal(data: Data, datatype: str = "FP64") -> Invalid:
    """Return how the data is refused."""
    with pytest.raises(Invalid) as caught:
        read(data, datatype)
    return caught.value


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(values).failed == 0


@pytest.mark.parametrize(
    "data", [b"[1,2,3,4]", b" [ [1,2], [3,4] ]", [1, 2, 3, 4], [[1, 2], [3, 4]]]
)
def test_flat_and_nested_data_are_the_same_matrix(data: Data) -> None:
    """Both forms of the protocol, from the fast and the lenient parser."""
    assert read(data).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("BOOL", b"[true,false]", [True, False]),
        ("INT64", b"[1.0,-2]", [1, -2]),
        ("INT64", [1.0, -2], [1, -2]),
        ("UINT8", b"[0,255]", [0, 255]),
        ("FP32", b"[0.1,7]", [0.1, 7.0]),
        ("BYTES", '["ä",""]'.encode(), ["ä", ""]),
    ],
)
def test_each_datatype_takes_its_own_values(datatype: str, data: Data, expected: list[Any]) -> None:
    """Integers may be written as 1.0, floats as 7; JSON has one type of numbers."""
    assert read(data, datatype, (2,)).tolist() == expected


def test_texts_may_be_nested() -> None:
    """BYTES of a matrix come flat or nested."""
    assert read(b'[["a","b"],["c","d"]]', "BYTES").tolist() == [["a", "b"], ["c", "d"]]
    assert read(b"[]", "BYTES", (0, 2)).shape == (0, 2)


def test_integers_may_be_nested_fractions_of_zero() -> None:
    """The second look at integers keeps the nesting."""
    assert read(b"[[1.0,2],[3,4.0]]", "INT32").tolist() == [[1, 2], [3, 4]]


def test_missing_values_become_nan() -> None:
    """Null in a float tensor is a missing value; whether it is allowed comes later."""
    assert math.isnan(read(b"[1,null]", "FP32", (2,))[1])


@pytest.mark.parametrize(
    ("data", "datatype", "reason"),
    [
        (b"7", "FP64", Reason.FIELD_INVALID),
        (b'"abc"', "FP64", Reason.FIELD_INVALID),
        (b"[[[[1]]]]", "FP64", Reason.TOO_DEEP),
        ([[[[1]]]], "FP64", Reason.TOO_DEEP),
        (b"[[[1,2],[3,4]]]", "FP64", Reason.SHAPE_MISMATCH),
        (b"[1,2,3]", "FP64", Reason.SHAPE_MISMATCH),
        (b"[[1,2],[3]]", "FP64", Reason.SHAPE_MISMATCH),
        (b"[[1],[2],[3],[4]]", "FP64", Reason.SHAPE_MISMATCH),
        (b"[[1,2],3]", "FP64", Reason.SHAPE_MISMATCH),
        (b"[1,[2],3,4]", "FP64", Reason.SHAPE_MISMATCH),
        (b'[["a"],["b","c"]]', "BYTES", Reason.SHAPE_MISMATCH),
        (b'["1",2,3,4]', "FP64", Reason.VALUE_INVALID),
        (b"[true,2,3,4]", "FP64", Reason.VALUE_INVALID),
        (b"[1.5,2,3,4]", "INT64", Reason.VALUE_INVALID),
        (b"[[1,2],[3,4.5]]", "INT64", Reason.VALUE_INVALID),
        (b'[1.0,"2",3,4]', "INT64", Reason.VALUE_INVALID),
        (b"[1e300,2,3,4]", "INT64", Reason.VALUE_INVALID),
        (b"[300,2,3,4]", "UINT8", Reason.VALUE_INVALID),
        (b"[-1,2,3,4]", "UINT8", Reason.VALUE_INVALID),
        (b"[null,2,3,4]", "INT64", Reason.VALUE_INVALID),
        (b"[0,1,1,0]", "BOOL", Reason.VALUE_INVALID),
        (b"[null,true,true,true]", "BOOL", Reason.VALUE_INVALID),
        (b'[null,"a","b","c"]', "BYTES", Reason.VALUE_INVALID),
        (b"[" + b"1" * 100_000 + b",2,3,4]", "INT64", Reason.NUMBER_OUT_OF_RANGE),
        (b"[1e400,2,3,4]", "FP64", Reason.NUMBER_OUT_OF_RANGE),
    ],
)
def test_what_does_not_fit_is_refused(data: Data, datatype: str, reason: Reason) -> None:
    """Each kind of mistake has its reason, and the message starts with the field."""
    error = refusal(data, datatype)
    assert (error.reason, error.message.startswith("data")) == (reason, True)


def test_a_refusal_names_the_element() -> None:
    """The path of the bad value is in the message."""
    assert "data[1]" in refusal(b'[1,"2",3,4]').message


def test_deep_nesting_behind_a_flat_start_is_refused() -> None:
    """The depth of the first element does not hide that of another."""
    assert refusal(b"[1," + b"[" * 100_000).reason in {Reason.TOO_DEEP, Reason.SHAPE_MISMATCH}


SPEC = TensorSpec("x", "FP32", (FREE, 2), columns=("a", "b"))


def test_a_single_keeps_its_value_on_the_way_to_a_double() -> None:
    """0.1 as FP32 is the same number in JSON and in binary."""
    wide = TensorSpec("x", "FP64", (FREE, 2))
    given = np.array([[0.1, 1.0]])
    assert values.converted(given, "FP32", spec=wide, field="data")[0, 0] == np.float32(0.1)


def test_integers_become_floats_if_they_are_exact() -> None:
    """2^24 is a single, its successor is not."""
    good = np.array([[2**24, 1]])
    assert values.converted(good, "INT64", spec=SPEC, field="data").dtype == np.float32
    for bad in (np.array([[1, 2**24 + 1]]), np.array([[1, 2**24 + 1]], dtype=np.uint32)):
        with pytest.raises(Invalid, match="row 0, column b is not exact"):
            values.converted(
                bad, "INT64" if bad.dtype.kind == "i" else "UINT32", spec=SPEC, field="d"
            )


def test_another_datatype_is_refused_with_both_names() -> None:
    """The message says what was expected."""
    with pytest.raises(Invalid, match="expected FP32, got BYTES"):
        values.converted(np.array([["a", "b"]], dtype=object), "BYTES", spec=SPEC, field="data")


def finite(given: list[list[float]], *, missing: bool = False) -> str:
    """Return the reason for which numbers are refused, or nothing."""
    spec = TensorSpec("x", "FP32", (FREE, 2), columns=("a", "b"), missing=missing)
    array = np.array(given)
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    try:
        values.finite(single, array, spec=spec, field="data")
    except Invalid as error:
        return f"{error.reason}: {error.message}"
    return ""


def test_nan_passes_only_where_values_may_be_missing() -> None:
    """Row and column of the first missing value are named."""
    assert finite([[1, 2], [3, math.nan]], missing=True) == ""
    assert finite([[1, 2], [3, math.nan]]).startswith(
        "MissingValue: data: missing value in row 1, column b"
    )


def test_an_overflow_is_told_from_an_infinity() -> None:
    """1e39 is no single; a sent infinity is no number."""
    assert finite([[1e39, 1]]).startswith("NumberOutOfRange")
    assert finite([[math.inf, 1]], missing=True).startswith("NonFinite: data: infinity in row 0")


def test_integers_are_always_finite() -> None:
    """Only floats are looked at."""
    spec = TensorSpec("x", "INT64", (FREE,))
    values.finite(np.array([1]), np.array([1]), spec=spec, field="data")


def test_a_vector_has_rows_only() -> None:
    """Without a second dimension there is no column to name."""
    assert values.place(3, TensorSpec("x", "FP32", (FREE,)), shape=(5,)) == "row 3"
    assert values.place(3, TensorSpec("x", "FP32", (FREE, 2)), shape=(2, 2)) == "row 1, column 1"
    assert values.place(0, TensorSpec("x", "FP32", (FREE, 0)), shape=(2, 0)) == "row 0, column 0"
