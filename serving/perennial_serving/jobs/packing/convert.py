"""scikit-learn -> ONNX with our names: each way to convert is one candidate; none is trusted yet.

The gate (`equivalence`) decides which candidate may serve. Order: models with trees as FP32, then
FP64, both with exact thresholds; all others as FP64, then FP32.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.pipeline import Pipeline

from perennial_serving.codec.tensors import (
    PROBABILITIES,
    TASK_CLASSIFICATION,
    Signature,
    TensorSpec,
)
from perennial_serving.jobs.packing import thresholds

OPSETS = {"": 18, "ai.onnx.ml": 3}
NATIVE_LABELS = ("INT64", "BYTES")
# What the converter raises for models that it does not know, besides its own classes.
_CONVERTER_ERRORS = (
    MissingConverter,
    MissingShapeCalculator,
    NotImplementedError,
    ValueError,
    TypeError,
    RuntimeError,
    AttributeError,
    LookupError,
    NameError,
    ArithmeticError,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A converted model, its signature, and how it was made."""

    data: bytes
    signature: Signature
    method: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a way to convert gave no candidate."""

    method: str
    why: str


def candidates(estimator: Any, signature: Signature) -> Iterator[Candidate | Failure]:  # noqa: ANN401  # scikit-learn has no types
    """Yield the candidates of a fitted estimator in the order in which they are tried."""
    last = final_step(estimator)
    if thresholds.has_categories(last):
        yield Failure("FP32", "the trees split on sets of categories")
        return
    if signature.task == TASK_CLASSIFICATION and signature.outputs[0].datatype not in NATIVE_LABELS:
        yield Failure("FP32", "class labels are neither whole numbers nor texts")
        return
    has_trees = thresholds.split_points(last) is not None
    for datatype in ("FP32", "FP64") if has_trees else ("FP64", "FP32"):
        outputs = "FP32" if has_trees else datatype  # the tree operators answer in FP32 only
        described = _in_datatype(signature, datatype, outputs)
        yield _converted(estimator, described, datatype)


def final_step(estimator: Any) -> Any:  # noqa: ANN401  # see above
    """Return the last step of a pipeline, or the estimator itself."""
    return final_step(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def _in_datatype(signature: Signature, inputs: str, outputs: str) -> Signature:
    """Return the signature of the converted model: its floats are of these datatypes."""
    return replace(
        signature,
        inputs=tuple(
            replace(spec, datatype=inputs, narrow=inputs == "FP32")
            if spec.datatype == "FP64"
            else spec
            for spec in signature.inputs
        ),
        outputs=tuple(
            replace(spec, datatype=outputs) if spec.datatype == "FP64" else spec
            for spec in signature.outputs
        ),
    )


def raw_model(estimator: Any, signature: Signature) -> onnx.ModelProto:  # noqa: ANN401  # see above
    """Return what the converter makes of an estimator, under its own output names."""
    has_probabilities = any(spec.name == PROBABILITIES for spec in signature.outputs)
    with warnings.catch_warnings():
        # the converter's own: booleans as integers, attributes that scikit-learn will drop
        warnings.simplefilter("ignore")
        model: onnx.ModelProto = convert_sklearn(
            estimator,
            name="model",
            initial_types=[(spec.name, _type_of(spec)) for spec in signature.inputs],
            target_opset=OPSETS,
            options={"zipmap": False} if has_probabilities else None,
        )
    return model


def _converted(estimator: Any, signature: Signature, datatype: str) -> Candidate | Failure:  # noqa: ANN401  # see above
    try:
        model = raw_model(estimator, signature)
        _name(model, signature)
        done = thresholds.make_exact(model, final_step(estimator), is_double=datatype == "FP64")
    except _CONVERTER_ERRORS as error:
        return Failure(datatype, f"no conversion: {type(error).__name__}")
    except thresholds.UnknownTreesError:
        return Failure(datatype, "the converted trees are not those of the model")
    method = f"{datatype}, {done}" if done else datatype
    return Candidate(model.SerializeToString(deterministic=True), signature, method)


def _type_of(spec: TensorSpec) -> Any:  # noqa: ANN401  # the converter has no types
    shape = [None, *spec.shape[1:]]
    kinds = {"FP32": FloatTensorType, "FP64": DoubleTensorType, "BYTES": StringTensorType}
    return kinds[spec.datatype](shape)


def _name(model: onnx.ModelProto, signature: Signature) -> None:
    """Give inputs and outputs our names: converters change those that are no identifiers."""
    for value, spec in zip(model.graph.input, signature.inputs, strict=True):
        _rename(model.graph.node, value.name, spec.name)
        value.name = spec.name
    _name_outputs(model.graph, signature)


def _name_outputs(graph: onnx.GraphProto, signature: Signature) -> None:
    """Give the outputs our names and shapes, by nodes at the end of the graph."""
    sources = [value.name for value in graph.output]
    del graph.output[:]
    # a classifier without probabilities is converted with its scores as a second output
    for source, spec in zip(sources, signature.outputs, strict=False):
        inner = f"{spec.name}_inner"
        _rename(graph.node, source, inner)
        shape = f"{spec.name}_shape"
        sizes = [-1, *spec.shape[1:]]
        graph.initializer.append(helper.make_tensor(shape, TensorProto.INT64, [len(sizes)], sizes))
        graph.node.append(helper.make_node("Reshape", [inner, shape], [spec.name]))
        graph.output.append(
            helper.make_tensor_value_info(spec.name, _element(spec), ["rows", *spec.shape[1:]])
        )


def _rename(nodes: Sequence[onnx.NodeProto], old: str, new: str) -> None:
    for node in nodes:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _element(spec: TensorSpec) -> int:
    kinds = {"FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "INT64": TensorProto.INT64}
    return int(kinds.get(spec.datatype, TensorProto.STRING))
