"""Refuses ONNX models that could read outside themselves or run unknown code, before ONNX Runtime.

It walks every message of the protobuf tree, so no position (initializer, attribute, sparse value,
subgraph, function, training info) can be forgotten.
"""

from collections.abc import Iterator

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

OPERATOR_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
_WITH_DOMAIN = (onnx.NodeProto, onnx.OperatorSetIdProto, onnx.FunctionProto)


def check(data: bytes) -> onnx.ModelProto:
    """Return the parsed model; Invalid if it is none, reads outside files or has odd operators."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise _no_model() from error
    if not model.ir_version or not model.HasField("graph") or not model.opset_import:
        raise _no_model()
    for message in _messages(model):
        _check_message(message)
    return model


def _check_message(message: Message) -> None:
    if isinstance(message, onnx.TensorProto) and _is_external(message):
        text = "the model keeps tensors in other files; save it as one file"
        raise Invalid(Reason.EXTERNAL_DATA_REFUSED, text)
    if isinstance(message, _WITH_DOMAIN) and message.domain not in OPERATOR_DOMAINS:
        known = ", ".join(sorted(OPERATOR_DOMAINS - {""}))
        text = f"the model uses operators of another domain than {known}"
        raise Invalid(Reason.OPERATOR_REFUSED, text)


def _is_external(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)


def _messages(root: Message) -> Iterator[Message]:
    """Yield every message of the tree, without recursion."""
    waiting = [root]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.type != FieldDescriptor.TYPE_MESSAGE:
                continue
            if isinstance(value, Message):
                waiting.append(value)
            else:
                waiting.extend(value)


def _no_model() -> Invalid:
    return Invalid(Reason.FORMAT_MISMATCH, "the model file is not an ONNX model")
