"""ONNX models through ONNX Runtime, every setting explicit."""

from collections.abc import Sequence
from typing import Any

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as state

from perennial_serving.codec.tensors import (
    FREE,
    PROBABILITIES,
    TASK_CLASSIFICATION,
    Array,
    Signature,
    Tensors,
    TensorSpec,
)
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime import walk

PLATFORM = "onnxruntime_onnx"

_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
# ONNX Runtime registers its errors one by one; they share no parent but Exception.
_LOAD_ERRORS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.NoSuchFile,
    state.RuntimeException,
    state.EPFail,
)


class Onnx:
    """A model in an ONNX Runtime session; thread-safe, releases the interpreter lock."""

    platform = PLATFORM
    is_threaded = False

    def __init__(
        self, data: bytes, signature: Signature | None = None, *, threads: int = 1
    ) -> None:
        """Check the model, then load exactly these bytes; without a signature, derive one."""
        walk.check(data)
        session = _session(data, threads=threads)
        derived = _derived(session)
        if signature is not None:
            _check_agreement(signature, derived)
        self.signature = signature or derived
        # The wrapper's own checks cost more than a small model; `_sess` is what it calls.
        self._run = session._sess.run  # noqa: SLF001  # compared with the public call by a test

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Run the session on all rows at once."""
        arrays: list[Array] = self._run(outputs, inputs, None)
        return arrays


def _session(data: bytes, *, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False  # with it memory grows with every new batch size
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS as error:
        message = "ONNX Runtime cannot load this model; the container's log says why"
        raise Invalid(Reason.FORMAT_MISMATCH, message) from error


def _derived(session: ort.InferenceSession) -> Signature:
    """Return the signature that the graph itself declares."""
    inputs = tuple(_spec(value) for value in session.get_inputs())
    outputs = tuple(_spec(value) for value in session.get_outputs())
    names = {spec.name for spec in outputs}
    return Signature(inputs, outputs, TASK_CLASSIFICATION if PROBABILITIES in names else "")


def _spec(value: Any) -> TensorSpec:  # noqa: ANN401  # a class of the untyped extension module
    datatype = _DATATYPES.get(value.type)
    if datatype is None or not value.shape:
        message = (
            f"{value.name!r} is not a tensor of a known datatype with rows; "
            "convert the model with zipmap=False"
        )
        raise Invalid(Reason.SIGNATURE_INVALID, message)
    shape = tuple(size if isinstance(size, int) and size >= 0 else FREE for size in value.shape)
    return TensorSpec(value.name, datatype, shape)


def _check_agreement(signature: Signature, derived: Signature) -> None:
    """Refuse a signature.json that describes another graph."""
    for kind, wanted, found in (
        ("inputs", signature.inputs, derived.inputs),
        ("outputs", signature.outputs, derived.outputs),
    ):
        have = {spec.name: spec for spec in found}
        if kind == "inputs" and set(have) != {spec.name for spec in wanted}:
            raise _disagrees(kind)
        if not all(spec.name in have and _agrees(spec, have[spec.name]) for spec in wanted):
            raise _disagrees(kind)


def _agrees(spec: TensorSpec, found: TensorSpec) -> bool:
    return (
        spec.datatype == found.datatype
        and len(spec.shape) == len(found.shape)
        and all(
            FREE in (ours, theirs) or ours == theirs
            for ours, theirs in zip(spec.shape, found.shape, strict=True)
        )
    )


def _disagrees(kind: str) -> Invalid:
    return Invalid(Reason.SIGNATURE_INVALID, f"signature.json: {kind} are not those of the model")
