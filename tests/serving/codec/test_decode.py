"""Bodies of inference requests: every bad one is refused with its reason, in bounded time."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_serving.codec.decode import Decoder, Limits, Request
from perennial_serving.codec.tensors import FREE, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.testing import IRIS_COLUMNS, infer_request, iris_signature

LIMITS = Limits(json_bytes=2_000_000, json_elements=1000, rows=100)
DECODER = Decoder(iris_signature(), LIMITS)
TEXTS = Decoder(
    Signature(
        (TensorSpec("a", "BYTES", (FREE, 1)), TensorSpec("b", "INT64", (FREE,))),
        (TensorSpec("y", "FP32", (FREE,)),),
    ),
    LIMITS,
)
MISSING = Decoder(
    Signature(
        (TensorSpec("input", "FP64", (FREE, 2), missing=True),),
        (TensorSpec("y", "FP64", (FREE,)),),
    ),
    LIMITS,
)


def body(**changes: object) -> bytes:
    """Return a good request with fields of its tensor replaced."""
    tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]} | changes
    return json.dumps({"inputs": [tensor]}).encode()


def decode(text: bytes, decoder: Decoder = DECODER) -> Request:
    """Decode with the iris model's decoder, unless another is given."""
    return decoder.decode(text)


def test_a_full_request_is_understood() -> None:
    """Id, outputs, time-out and rows come back; unknown parameters are ignored."""
    document = infer_request([(1, 2, 3, 4), (5, 6, 7, 8)]) | {
        "id": "abc",
        "parameters": {"timeout": 2_500_000, "content_type": "np", "headers": {"a": {"b": 1}}},
        "outputs": [{"name": "label", "parameters": {"binary_data": False}}],
    }
    request = decode(json.dumps(document).encode())
    assert (request.request_id, request.outputs, request.rows) == ("abc", ("label",), 2)
    assert request.timeout_seconds == 2.5
    assert request.inputs["input"].dtype == np.float32
    assert request.inputs["input"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_without_wishes_all_outputs_are_answered() -> None:
    """No outputs, or an empty list of them, means all."""
    assert decode(body()).outputs == ("label", "probabilities")
    document = infer_request([(1, 2, 3, 4)]) | {"outputs": [], "parameters": {"timeout": 0}}
    request = decode(json.dumps(document).encode())
    assert (request.outputs, request.timeout_seconds) == (("label", "probabilities"), None)


def test_columns_may_come_one_by_one() -> None:
    """As vectors or as matrices of one column, in any order, each by its datatype."""
    tensors = [
        {"name": name, "shape": [2] if i % 2 else [2, 1], "datatype": "INT8", "data": [i, i + 10]}
        for i, name in enumerate(IRIS_COLUMNS)
    ]
    request = decode(json.dumps({"inputs": tensors[::-1]}).encode())
    assert request.inputs["input"].tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]
    assert request.inputs["input"].dtype == np.float32


def test_no_rows_are_a_good_request() -> None:
    """Zero rows decode to an empty matrix."""
    assert decode(body(shape=[0, 4], data=[])).rows == 0


def test_bare_nan_is_understood_where_values_may_be_missing() -> None:
    """Clients of Triton write NaN; others write null."""
    text = b'{"inputs":[{"name":"input","shape":[2,2],"datatype":"FP64","data":[1,NaN,null,2]}]}'
    made = decode(text, MISSING).inputs["input"]
    assert np.isnan(made).tolist() == [[False, True], [True, False]]


def test_integers_may_be_written_with_a_point() -> None:
    """JSON has one type of numbers."""
    tensors = [
        {"name": "a", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]},
        {"name": "b", "shape": [1], "datatype": "INT64", "data": [7.0]},
    ]
    made = decode(json.dumps({"inputs": tensors}).encode(), TEXTS)
    assert (made.inputs["a"].tolist(), made.inputs["b"].tolist()) == ([["x"]], [7])


GOOD = body().decode()
MALFORMED = [
    b"",
    b"not json",
    b"[]",
    b"null",
    b"7",
    GOOD[:-1].encode(),
    GOOD.encode() + b" x",
    GOOD.replace("}]}", "},]}").encode(),
    b"\xef\xbb\xbf" + GOOD.encode(),
    GOOD.encode("utf-16"),
    GOOD.replace("input", "\\ud800", 1).encode(),
    GOOD.encode().replace(b'"input"', b'"\xff"'),
    b"NaN",
    b'{"inputs": NaN',
    b'{"inputs": "\xff NaN',
]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_json_object_is_malformed(text: bytes) -> None:
    """One reason for all of it."""
    with pytest.raises(Invalid) as caught:
        decode(text)
    assert caught.value.reason == Reason.MALFORMED_JSON


REFUSED = [
    (b'{"inputs":[],"z":' + b"[" * 1_000_000, Reason.TOO_DEEP),
    (b'{"inputs":[{"data":' + b"[" * 1_000_000, Reason.TOO_DEEP),
    (b'{"z": NaN, "inputs":' + b"[" * 1_000_000, Reason.TOO_DEEP),
    (body(data=[[[[1]]]]), Reason.TOO_DEEP),
    (b"{}", Reason.FIELD_INVALID),
    (b'{"inputs":{}}', Reason.FIELD_INVALID),
    (b'{"inputs":[{}]}', Reason.FIELD_INVALID),
    (b'{"inputs":[NaN]}', Reason.FIELD_INVALID),
    (body(name=7), Reason.FIELD_INVALID),
    (body(shape=None), Reason.FIELD_INVALID),
    (body(shape="[1,4]"), Reason.FIELD_INVALID),
    (body(datatype=None), Reason.FIELD_INVALID),
    (body(data="1,2,3,4"), Reason.FIELD_INVALID),
    (b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32"}]}', Reason.FIELD_INVALID),
    (
        b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":7,"x":NaN}]}',
        Reason.FIELD_INVALID,
    ),
    (json.dumps({"inputs": [], "id": "a" * 257}).encode(), Reason.FIELD_INVALID),
    (json.dumps({"inputs": [], "id": "a\nb"}).encode(), Reason.FIELD_INVALID),
    (json.dumps({"inputs": [], "parameters": {"timeout": "1"}}).encode(), Reason.FIELD_INVALID),
    (b'{"inputs":[]}', Reason.INPUTS_MISMATCH),
    (body(name="other"), Reason.INPUTS_MISMATCH),
    (json.dumps({"inputs": json.loads(body())["inputs"] * 2}).encode(), Reason.INPUTS_MISMATCH),
    (
        json.dumps(
            {
                "inputs": [
                    *json.loads(body())["inputs"],
                    {"name": "sepal_width", "shape": [1], "datatype": "FP32", "data": [1]},
                ]
            }
        ).encode(),
        Reason.INPUTS_MISMATCH,
    ),
    (body(datatype="BF16"), Reason.DATATYPE_UNSUPPORTED),
    (body(datatype="FP16"), Reason.DATATYPE_UNSUPPORTED),
    (body(datatype="BYTES", data=["a"] * 4), Reason.DATATYPE_MISMATCH),
    (body(datatype="BOOL", data=[True] * 4), Reason.DATATYPE_MISMATCH),
    (body(shape=[-1, 4]), Reason.SHAPE_INVALID),
    (body(shape=[1.5, 4]), Reason.SHAPE_INVALID),
    (body(shape=[4]), Reason.SHAPE_INVALID),
    (body(shape=[1, 5]), Reason.SHAPE_INVALID),
    (body(shape=[2**62, 4]), Reason.SHAPE_INVALID),
    (body(shape=[90, 4]), Reason.SHAPE_INVALID),
    (body(shape=[1] * 100_000), Reason.SHAPE_INVALID),
    (body(shape=[10**30, 4]), Reason.SHAPE_INVALID),
    (b'{"inputs":[],"parameters":{"timeout":1e999}}', Reason.NUMBER_OUT_OF_RANGE),
    (body(shape=[2, 4]), Reason.SHAPE_MISMATCH),
    (body(data=[[1, 2], [3, 4]]), Reason.SHAPE_MISMATCH),
    (body(data=["1", "2", "3", "4"]), Reason.VALUE_INVALID),
    (body(data=[True, 2, 3, 4]), Reason.VALUE_INVALID),
    (body(datatype="INT64", data=[1.5, 2, 3, 4]), Reason.VALUE_INVALID),
    (body(datatype="INT64", data=[2**24 + 1, 2, 3, 4]), Reason.VALUE_INVALID),
    (body(data=[None, 2, 3, 4]), Reason.MISSING_VALUE),
    (body(data=[float("nan"), 2, 3, 4]), Reason.MISSING_VALUE),
    (body(data=[float("inf"), 2, 3, 4]), Reason.NON_FINITE),
    (body(data=[1e39, 2, 3, 4]), Reason.NUMBER_OUT_OF_RANGE),
    (body(data=[10**400, 2, 3, 4]), Reason.NUMBER_OUT_OF_RANGE),
    (body(shape=[101, 4], data=[1] * 404), Reason.TOO_MANY_ROWS),
    (body(shape=[100, 4], data=[1] * 1001), Reason.BODY_TOO_LARGE),
    (b" " * 2_000_001, Reason.BODY_TOO_LARGE),
    (
        json.dumps(infer_request([(1, 2, 3, 4)]) | {"outputs": [{"name": "x"}]}).encode(),
        Reason.OUTPUT_UNKNOWN,
    ),
    (
        json.dumps(infer_request([(1, 2, 3, 4)]) | {"outputs": [{"name": "label"}] * 2}).encode(),
        Reason.OUTPUT_UNKNOWN,
    ),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_a_bad_request_is_refused_with_its_reason(text: bytes, reason: Reason) -> None:
    """The rows of the table of bad inputs that concern JSON bodies."""
    with pytest.raises(Invalid) as caught:
        decode(text)
    assert caught.value.reason == reason


def test_inputs_must_agree_in_rows() -> None:
    """Rows of one request belong together."""
    tensors = [
        {"name": "a", "shape": [2, 1], "datatype": "BYTES", "data": ["x", "y"]},
        {"name": "b", "shape": [1], "datatype": "INT64", "data": [7]},
    ]
    with pytest.raises(Invalid, match="differ in rows"):
        decode(json.dumps({"inputs": tensors}).encode(), TEXTS)


def test_a_refusal_names_the_field() -> None:
    """The path leads to the place in the body."""
    with pytest.raises(Invalid) as caught:
        decode(body(data=[1, "2", 3, 4]))
    assert caught.value.message == "inputs[0].data[1]: not a value of FP32"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "shape", "datatype", "data", "inputs"]), children
        )
    ),
    max_leaves=10,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps({"inputs": value}).encode()))
def test_any_body_is_decoded_or_refused(text: bytes) -> None:
    """No body raises anything but a refusal."""
    with contextlib.suppress(Invalid):
        assert decode(text).rows >= 0


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_numbers_arrive_as_they_were_sent(row: list[float]) -> None:
    """Every finite single survives the trip through JSON."""
    made = decode(json.dumps(infer_request([row])).encode())
    assert made.inputs["input"].tolist() == [row]
