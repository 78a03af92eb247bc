"""scikit-learn models as trained: skops with an allow-list of types, or joblib where allowed."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import joblib
import numpy as np
import skops.io
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import get_tags

from perennial_serving.codec import datatypes
from perennial_serving.codec.tensors import (
    FREE,
    LABEL,
    PREDICTION,
    PROBABILITIES,
    TASK_CLASSIFICATION,
    TASK_REGRESSION,
    Array,
    Signature,
    Tensors,
    TensorSpec,
)
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime.trusted_types import ALLOWED_TYPES

PLATFORM = "sklearn"
INPUT = "input"


class Sklearn:
    """A fitted estimator or pipeline; holds the interpreter lock, so never on the event loop."""

    platform = PLATFORM
    is_threaded = True

    def __init__(
        self,
        estimator: Any,  # noqa: ANN401  # scikit-learn has no types
        signature: Signature | None = None,
    ) -> None:
        """Take a fitted estimator."""
        self._estimator = estimator
        self.signature = signature or signature_of(estimator)
        is_named = hasattr(estimator, "feature_names_in_") and bool(
            self.signature.inputs[0].columns
        )
        self._frame = _frame_type() if is_named or len(self.signature.inputs) > 1 else None
        self._specs = {spec.name: spec for spec in self.signature.outputs}
        self._answers = {
            LABEL: estimator.predict,
            PREDICTION: estimator.predict,
            PROBABILITIES: getattr(estimator, "predict_proba", None),
        }
        if any(self._answers.get(name) is None for name in self._specs):
            message = f"the estimator gives {LABEL} and {PROBABILITIES}, or {PREDICTION}"
            raise Invalid(Reason.SIGNATURE_INVALID, f"signature.json: outputs: {message}")

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Ask the estimator for each output that is wanted."""
        rows = self._rows(inputs)
        return [self._shaped(self._answers[name](rows), self._specs[name]) for name in outputs]

    def _rows(self, inputs: Tensors) -> Any:  # noqa: ANN401  # an array or a data frame
        matrix = self.signature.inputs[0]
        if self._frame is None:
            return inputs[matrix.name]
        if len(self.signature.inputs) > 1:
            columns = {spec.name: inputs[spec.name].reshape(-1) for spec in self.signature.inputs}
            return self._frame(columns)
        return self._frame(inputs[matrix.name], columns=list(matrix.columns), copy=False)

    def _shaped(self, answer: Any, spec: TensorSpec) -> Array:  # noqa: ANN401  # see Sklearn
        array = np.asarray(answer).astype(spec.dtype, copy=False)
        return array.reshape(array.shape[0], *spec.shape[1:])


def _frame_type() -> Any:  # noqa: ANN401  # pandas has no types here
    import pandas as pd  # noqa: PLC0415  # half of the start-up time, and few models need it

    return pd.DataFrame


def signature_of(estimator: Any) -> Signature:  # noqa: ANN401  # scikit-learn has no types
    """Return the signature of a fitted estimator: one FP64 matrix in, its answers out."""
    width = getattr(estimator, "n_features_in_", None)
    if width is None:
        message = "the model does not say how many features it takes; add signature.json"
        raise Invalid(Reason.SIGNATURE_MISSING, message)
    columns = tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    matrix = TensorSpec(
        name=INPUT,
        datatype="FP64",
        shape=(FREE, int(width)),
        columns=columns,
        missing=bool(get_tags(estimator).input_tags.allow_nan),
    )
    if is_classifier(estimator):
        return _classifier(estimator, matrix)
    if is_regressor(estimator):
        prediction = TensorSpec(PREDICTION, "FP64", (FREE, *_targets(estimator, matrix)))
        return Signature((matrix,), (prediction,), TASK_REGRESSION)
    message = "the model is neither a classifier nor a regressor; add signature.json"
    raise Invalid(Reason.SIGNATURE_MISSING, message)


def _classifier(estimator: Any, matrix: TensorSpec) -> Signature:  # noqa: ANN401  # see Sklearn
    classes = np.asarray(estimator.classes_)
    datatype = datatypes.name_of(classes.dtype)
    if datatype is None or classes.ndim != 1:
        message = "only classifiers with one target are served; add signature.json"
        raise Invalid(Reason.SIGNATURE_MISSING, message)
    outputs = [TensorSpec(LABEL, datatype, (FREE,))]
    if hasattr(estimator, "predict_proba"):
        outputs.append(TensorSpec(PROBABILITIES, "FP64", (FREE, len(classes))))
    return Signature((matrix,), tuple(outputs), TASK_CLASSIFICATION, tuple(classes.tolist()))


def _targets(estimator: Any, matrix: TensorSpec) -> tuple[int, ...]:  # noqa: ANN401  # see Sklearn
    """Return the shape of one prediction, by predicting one row of zeros."""
    row: Any = np.zeros((1, matrix.shape[1]))
    if matrix.columns:
        row = _frame_type()(row, columns=list(matrix.columns))
    return tuple(np.asarray(estimator.predict(row)).shape[1:])


def load_skops(data: bytes, *, size_limit_bytes: int) -> Any:  # noqa: ANN401  # see Sklearn
    """Return the estimator of a skops file; Invalid if it holds a type that is not allowed."""
    _check_archive(data, size_limit_bytes)
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - ALLOWED_TYPES)
        if unknown:
            raise _untrusted(unknown)
        return skops.io.loads(data, trusted=sorted(ALLOWED_TYPES))
    except (KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        message = "skops cannot load this model; was it saved by another version of its libraries?"
        raise Invalid(Reason.FORMAT_MISMATCH, message) from error


def load_joblib(data: bytes) -> Any:  # noqa: ANN401  # see Sklearn
    """Return the estimator of a joblib or pickle file: this runs code that the file holds."""
    try:
        return joblib.load(io.BytesIO(data))
    except (KeyError, TypeError, ValueError, AttributeError, ImportError, EOFError) as error:
        message = "joblib cannot load this model; was it saved by another version of its libraries?"
        raise Invalid(Reason.FORMAT_MISMATCH, message) from error


def _check_archive(data: bytes, size_limit_bytes: int) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as error:
        raise _no_skops() from error
    if "schema.json" not in {entry.filename for entry in entries}:
        raise _no_skops()
    if sum(entry.file_size for entry in entries) > size_limit_bytes:
        raise Invalid(Reason.TOO_LARGE, "the model file inflates beyond the limit")


def _no_skops() -> Invalid:
    return Invalid(Reason.FORMAT_MISMATCH, "the model file is not a skops file")


def _untrusted(types: Sequence[str]) -> Invalid:
    named = ", ".join(types[:5])
    message = f"the model holds types that are not allowed ({named}); convert it to ONNX"
    return Invalid(Reason.UNSAFE_FORMAT, message)
