"""The walker finds external tensors and foreign operators in every position of a model."""

from collections.abc import Callable

import onnx
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime import walk
from perennial_serving.testing import iris_onnx

LOCATIONS = [
    *("weights.bin", "../../etc/passwd", "/etc/passwd", "a/../../b", "\\\\host\\share", ""),
    *("*/_ORT_MEM_ADDR_/*", "file:///etc/passwd", "link", "a\x00b"),
]


def external(location: str) -> TensorProto:
    """Return a tensor whose data lie elsewhere."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


def sparse(tensor: TensorProto, *, is_index: bool) -> onnx.SparseTensorProto:
    """Return a sparse tensor with the tensor as its indices or values."""
    plain = TensorProto(data_type=TensorProto.INT64, dims=[0])
    return onnx.SparseTensorProto(
        values=plain if is_index else tensor, indices=tensor if is_index else plain, dims=[1]
    )


def node(**attributes: object) -> NodeProto:
    """Return a node with attributes."""
    made = NodeProto(op_type="If", name="n")
    for name, value in attributes.items():
        attribute = made.attribute.add()
        attribute.name = name
        field = getattr(attribute, name)
        field.extend(value) if isinstance(value, list) else field.CopyFrom(value)
    return made


def graph(tensor: TensorProto) -> GraphProto:
    """Return a subgraph that holds the tensor."""
    return GraphProto(name="g", initializer=[tensor])


def in_training(model: ModelProto, made: GraphProto, kind: str) -> None:
    """Put a graph into the training part of a model."""
    getattr(model.training_info.add(), kind).CopyFrom(made)


POSITIONS: dict[str, Callable[[ModelProto, TensorProto], object]] = {
    "initializer": lambda m, t: m.graph.initializer.append(t),
    "sparse values": lambda m, t: m.graph.sparse_initializer.append(sparse(t, is_index=False)),
    "sparse indices": lambda m, t: m.graph.sparse_initializer.append(sparse(t, is_index=True)),
    "attribute": lambda m, t: m.graph.node.append(node(t=t)),
    "attribute list": lambda m, t: m.graph.node.append(node(tensors=[t])),
    "sparse attribute": lambda m, t: m.graph.node.append(
        node(sparse_tensor=sparse(t, is_index=False))
    ),
    "sparse attribute list": lambda m, t: m.graph.node.append(
        node(sparse_tensors=[sparse(t, is_index=True)])
    ),
    "subgraph": lambda m, t: m.graph.node.append(node(g=graph(t))),
    "subgraph list": lambda m, t: m.graph.node.append(node(graphs=[graph(t)])),
    "nested subgraph": lambda m, t: m.graph.node.append(
        node(g=GraphProto(node=[node(g=graph(t))]))
    ),
    "function": lambda m, t: m.functions.append(onnx.FunctionProto(name="f", node=[node(t=t)])),
    "training": lambda m, t: in_training(m, graph(t), "initialization"),
    "training algorithm": lambda m, t: in_training(m, graph(t), "algorithm"),
}


def model() -> ModelProto:
    """Return a small good model."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    identity = helper.make_node("Identity", ["x"], ["y"])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    return helper.make_model(helper.make_graph([identity], "g", [value], [out]))


def reason(data: bytes) -> str:
    """Return why a model is refused; nothing if it is not."""
    try:
        walk.check(data)
    except Invalid as error:
        return error.reason
    return ""


def test_good_models_pass() -> None:
    """A plain one, and a converted scikit-learn model."""
    assert reason(model().SerializeToString()) == ""
    assert reason(iris_onnx()) == ""


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("location", LOCATIONS)
def test_external_data_are_refused_everywhere(position: str, location: str) -> None:
    """Positions times path tricks: the walk looks at the mark, never at the path."""
    made = model()
    POSITIONS[position](made, external(location))
    assert reason(made.SerializeToString()) == Reason.EXTERNAL_DATA_REFUSED


@pytest.mark.parametrize("position", POSITIONS)
def test_external_data_without_the_mark_are_refused_too(position: str) -> None:
    """Some readers look at the entries only."""
    made, tensor = model(), external("x")
    tensor.data_location = TensorProto.DEFAULT
    POSITIONS[position](made, tensor)
    assert reason(made.SerializeToString()) == Reason.EXTERNAL_DATA_REFUSED


DOMAINS: dict[str, Callable[[ModelProto], object]] = {
    "node": lambda m: m.graph.node.append(NodeProto(op_type="X", domain="evil")),
    "opset": lambda m: m.opset_import.append(helper.make_opsetid("evil", 1)),
    "function": lambda m: m.functions.append(onnx.FunctionProto(name="f", domain="evil")),
    "node of a function": lambda m: m.functions.append(
        onnx.FunctionProto(name="f", node=[NodeProto(op_type="X", domain="evil")])
    ),
    "node of a subgraph": lambda m: m.graph.node.append(
        node(g=GraphProto(node=[NodeProto(op_type="X", domain="ai.onnx.preview.training")]))
    ),
}


@pytest.mark.parametrize("position", DOMAINS)
def test_foreign_operators_are_refused_everywhere(position: str) -> None:
    """Only the standard's domains and ONNX Runtime's own are known."""
    made = model()
    DOMAINS[position](made)
    assert reason(made.SerializeToString()) == Reason.OPERATOR_REFUSED


@pytest.mark.parametrize("data", [b"", b"\xff" * 10, b"PK\x03\x04", b"\x80\x04.", b"\x08\x01"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    """Random bytes, other formats, and a message without a graph."""
    assert reason(data) == Reason.FORMAT_MISMATCH
