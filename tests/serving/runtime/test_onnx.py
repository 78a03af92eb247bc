"""ONNX models: loaded from bytes, described by their graph or by a signature that fits it."""

from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from perennial_serving.codec.tensors import FREE, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime.onnx import Onnx
from perennial_serving.testing import IRIS_ROW, iris_onnx, iris_signature


def test_the_graph_describes_itself() -> None:
    """Without a signature, names, datatypes and free rows come from the graph."""
    assert Onnx(iris_onnx()).signature == Signature(
        inputs=(TensorSpec("input", "FP32", (FREE, 4)),),
        outputs=iris_signature().outputs,
        task="classification",
    )


def test_the_short_way_answers_as_the_public_call() -> None:
    """We call what `InferenceSession.run` wraps; both must stay the same."""
    rows = np.array([IRIS_ROW] * 3, dtype=np.float32)
    ours = Onnx(iris_onnx()).run({"input": rows}, ("label", "probabilities"))
    session = ort.InferenceSession(iris_onnx(), providers=["CPUExecutionProvider"])
    theirs = session.run(["label", "probabilities"], {"input": rows})
    assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


INPUT = iris_signature().inputs[0]
LABEL, PROBABILITIES = iris_signature().outputs


@pytest.mark.parametrize(
    "signature",
    [
        replace(iris_signature(), inputs=(replace(INPUT, name="x"),)),
        replace(iris_signature(), inputs=(INPUT, replace(INPUT, name="x"))),
        replace(iris_signature(), inputs=(replace(INPUT, datatype="FP64"),)),
        replace(iris_signature(), inputs=(replace(INPUT, shape=(FREE, 5), columns=()),)),
        replace(iris_signature(), inputs=(replace(INPUT, shape=(FREE,), columns=()),)),
        replace(iris_signature(), outputs=(LABEL, replace(PROBABILITIES, name="scores"))),
    ],
)
def test_a_signature_of_another_graph_is_refused(signature: Signature) -> None:
    """Names, datatypes, ranks and sizes are compared."""
    with pytest.raises(Invalid) as caught:
        Onnx(iris_onnx(), signature)
    assert caught.value.reason == Reason.SIGNATURE_INVALID


def test_a_signature_may_hide_outputs() -> None:
    """What it does not name is not offered."""
    signature = replace(iris_signature(), outputs=(LABEL,))
    assert Onnx(iris_onnx(), signature).signature == signature


def model_of(
    operator: str, output: int = TensorProto.FLOAT, shape: tuple[int, ...] = (1,)
) -> bytes:
    """Return a model with one operator."""
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", output, shape)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = made.SerializeToString()
    return data


def test_a_model_that_cannot_run_is_refused() -> None:
    """ONNX Runtime's own text stays in the log."""
    with pytest.raises(Invalid) as caught:
        Onnx(model_of("NoSuchOperator"))
    assert caught.value.reason == Reason.FORMAT_MISMATCH
    assert "NoSuchOperator" not in caught.value.message


def test_a_graph_without_rows_is_refused() -> None:
    """A scalar has no rows."""
    with pytest.raises(Invalid) as caught:
        Onnx(model_of("Identity", shape=()))
    assert caught.value.reason == Reason.SIGNATURE_INVALID


def test_fixed_rows_stay_fixed() -> None:
    """Such a model takes one request at a time."""
    assert not Onnx(model_of("Abs")).signature.has_rows
