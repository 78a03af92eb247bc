"""The signature of a model as trained: its columns from the data, its answers from itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import pandas as pd
from sklearn.base import is_classifier

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
    TensorSpec,
)
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import predictions

INPUT = "input"
PREDICT_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Sample:
    """Real rows by column, in the order of the data."""

    columns: Mapping[str, Array]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(self.columns)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def take(self, rows: Array | slice) -> "Sample":
        """Return some of the rows."""
        return Sample({name: column[rows] for name, column in self.columns.items()})

    def joined(self, other: "Sample") -> "Sample":
        """Return the rows of both."""
        pairs = ((name, column, other.columns[name]) for name, column in self.columns.items())
        return Sample({name: np.concatenate([mine, theirs]) for name, mine, theirs in pairs})

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """Return the rows as a data frame with these columns."""
        return pd.DataFrame({name: self.columns[name] for name in names})


def is_text(column: Array) -> bool:
    """Return whether the column holds texts."""
    return column.dtype.kind in "OUS"


def of_estimator(estimator: Any, sample: Sample) -> Signature:  # noqa: ANN401  # scikit-learn has no types
    """Return the signature of a fitted estimator for rows like the sample.

    Only numbers: one FP64 matrix. With texts: one input a column. A model fitted without column
    names takes the columns in the order of the data.
    """
    names = _names(estimator, sample)
    rows = sample.take(slice(0, 1))
    if rows.rows == 0:
        message = "the signature of a model is read from its answer to a row; there is no row"
        raise Invalid(Reason.SIGNATURE_MISSING, message)
    if any(is_text(sample.columns[name]) for name in names):
        inputs = tuple(_column(name, sample.columns[name]) for name in names)
    else:
        inputs = (TensorSpec(INPUT, "FP64", (FREE, len(names)), columns=names),)
    if _takes_missing(estimator, rows, names):
        inputs = tuple(replace(spec, missing=datatypes.is_float(spec.datatype)) for spec in inputs)
    return _with_outputs(estimator, inputs, asked(estimator, rows, names))


def _names(estimator: Any, sample: Sample) -> tuple[str, ...]:  # noqa: ANN401  # see above
    fitted = tuple(str(name) for name in getattr(estimator, "feature_names_in_", ()))
    if fitted and not set(fitted) <= set(sample.names):
        missing = sorted(set(fitted) - set(sample.names))[:20]
        message = f"the model takes columns that the data lacks: {', '.join(missing)}"
        raise Invalid(Reason.INPUTS_MISMATCH, message)
    width = getattr(estimator, "n_features_in_", None)
    if not fitted and width not in {None, len(sample.names)}:
        message = f"the model takes {width} features, the data has {len(sample.names)}"
        raise Invalid(Reason.INPUTS_MISMATCH, message)
    return fitted or sample.names


def _column(name: str, column: Array) -> TensorSpec:
    return TensorSpec(name, "BYTES" if is_text(column) else "FP64", (FREE, 1))


def asked(estimator: Any, rows: Sample, names: Sequence[str]) -> Any:  # noqa: ANN401  # see above
    """Return the rows as the estimator was fitted on them: with names, or as a matrix."""
    frame = rows.frame(names)
    return frame if hasattr(estimator, "feature_names_in_") else frame.to_numpy()


def _takes_missing(estimator: Any, rows: Sample, names: Sequence[str]) -> bool:  # noqa: ANN401  # see above
    """Return whether a row whose numbers are all missing gets an answer."""
    empty = {
        name: column if is_text(column) else np.full(column.shape, np.nan)
        for name, column in rows.columns.items()
    }
    try:
        estimator.predict(asked(estimator, Sample(empty), names))
    except PREDICT_ERRORS:
        return False
    return True


def _with_outputs(estimator: Any, inputs: tuple[TensorSpec, ...], row: Any) -> Signature:  # noqa: ANN401  # see above
    try:
        answer = np.asarray(estimator.predict(row))
    except PREDICT_ERRORS as error:
        message = "the model cannot answer a row of the data"
        raise Invalid(Reason.INPUTS_MISMATCH, message) from error
    if not is_classifier(estimator):
        shape = (FREE, *answer.shape[1:])
        return Signature(inputs, (TensorSpec(PREDICTION, "FP64", shape),), TASK_REGRESSION)
    classes = np.asarray(estimator.classes_)
    datatype = datatypes.name_of(classes.dtype)
    if datatype is None or classes.ndim != 1:
        message = "only classifiers with one target are served; add signature.json"
        raise Invalid(Reason.SIGNATURE_MISSING, message)
    outputs = [TensorSpec(LABEL, datatype, (FREE,))]
    if hasattr(estimator, "predict_proba"):
        outputs.append(TensorSpec(PROBABILITIES, "FP64", (FREE, classes.size)))
    return Signature(inputs, tuple(outputs), TASK_CLASSIFICATION, tuple(classes.tolist()))


def of_onnx(data: bytes, derived: Signature, names: Sequence[str]) -> Signature:
    """Return the signature of an ONNX model with what the graph does not declare.

    Column names are those of the data if their number fits, classes those of the graph's last
    classifier if there is one probability for each.
    """
    described = predictions.named(derived, names)
    outputs = {spec.name: spec for spec in described.outputs}
    probabilities = outputs.get(predictions.roles(described).probabilities)
    classes = _onnx_classes(data)
    if probabilities is None or probabilities.shape[1:] not in {(FREE,), (len(classes),)}:
        classes = ()
    return replace(described, task=predictions.task_of(described), classes=classes)


def _onnx_classes(data: bytes) -> tuple[Any, ...]:
    """Return the class labels that the last classifier of a graph holds."""
    classes: tuple[Any, ...] = ()
    for node in onnx.load_from_string(data).graph.node:
        for attribute in node.attribute:
            if attribute.name in {"classlabels_ints", "classlabels_int64s"} and attribute.ints:
                classes = tuple(attribute.ints)
            elif attribute.name == "classlabels_strings" and attribute.strings:
                classes = tuple(text.decode() for text in attribute.strings)
    return classes
