"""Matrix inputs from single columns: requests may send either; jobs send columns of a table."""

from collections.abc import Mapping

import numpy as np

from perennial_serving.codec import datatypes, values
from perennial_serving.codec.tensors import Array, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid


def matrix_of(signature: Signature) -> TensorSpec | None:
    """Return the one input that may come as columns; None if the model has no such input."""
    if len(signature.inputs) == 1 and signature.inputs[0].columns:
        return signature.inputs[0]
    return None


def column_of(matrix: TensorSpec, name: str) -> TensorSpec:
    """Return the description of one column of a matrix input."""
    return TensorSpec(
        name=name,
        datatype=matrix.datatype,
        shape=(matrix.shape[0], 1),
        columns=(name,),
        missing=matrix.missing,
        narrow=matrix.narrow,
    )


def joined(matrix: TensorSpec, columns: Mapping[str, Array]) -> Array:
    """Return the matrix of its columns; Invalid if one is missing, unknown or too short."""
    check_names(set(columns), set(matrix.columns))
    if len({len(column) for column in columns.values()}) > 1:
        raise Invalid(Reason.INPUTS_MISMATCH, "columns differ in length", field="inputs")
    return np.column_stack([columns[name].reshape(-1) for name in matrix.columns])


def check_names(given: set[str], wanted: set[str]) -> None:
    """Refuse missing and unknown names, naming the expected ones."""
    if missing := sorted(wanted - given):
        raise Invalid(Reason.INPUTS_MISMATCH, f"missing {missing[:20]}", field="inputs")
    if given - wanted:
        expected = sorted(wanted)[:20]
        raise Invalid(Reason.INPUTS_MISMATCH, f"unknown name; expected {expected}", field="inputs")


def from_columns(signature: Signature, columns: Mapping[str, Array]) -> dict[str, Array]:
    """Return a model's inputs from the columns of a table, by the rules of live requests.

    Columns that the model does not take are ignored. The inputs are the matrix's columns, or, for
    a model with one input per column, the inputs themselves.
    """
    matrix = matrix_of(signature)
    if matrix is None:
        taken = {spec.name: spec for spec in signature.inputs}
    else:
        taken = {name: column_of(matrix, name) for name in matrix.columns}
    check_names(set(columns) & set(taken), set(taken))
    ready = {name: _column(columns[name], spec) for name, spec in taken.items()}
    if matrix is None:
        return ready
    return {matrix.name: joined(matrix, ready)}


def _column(column: Array, spec: TensorSpec) -> Array:
    array = np.asarray(column)
    sent = datatypes.name_of(array.dtype)
    if sent is None:
        raise Invalid(Reason.DATATYPE_UNSUPPORTED, "no datatype for this column", field=spec.name)
    if sent == "BYTES":
        array = array.astype(np.object_)
    shaped = array.reshape(-1, *spec.shape[1:])
    result = values.converted(shaped, sent, spec=spec, field=spec.name)
    values.finite(result, shaped, spec=spec, field=spec.name)
    return result
