"""A model's answers to rows of a table, through the codec and runtime of live traffic.

One row that cannot be scored costs only itself: its label code is -1, its numbers are NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial_serving.codec import columns as codec_columns
from perennial_serving.codec import datatypes
from perennial_serving.codec.tensors import (
    LABEL,
    PREDICTION,
    PROBABILITIES,
    TASK_CLASSIFICATION,
    TASK_REGRESSION,
    Array,
    Signature,
    TensorSpec,
)
from perennial_serving.errors import Invalid
from perennial_serving.runtime.model import Model

BATCH_ROWS = 1024

Columns = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Answers:
    """All outputs by name, for the rows that could be scored; `scored` says which these are."""

    scored: NDArray[np.bool_]
    outputs: Mapping[str, Array]


def named(signature: Signature, features: Sequence[str]) -> Signature:
    """Return the signature as the columns of a table fit it.

    A matrix without column names takes the features in order. Tables hold doubles where a client
    would send the single floats that a model asks for, so these may be narrowed.
    """
    inputs = tuple(replace(spec, narrow=spec.datatype == "FP32") for spec in signature.inputs)
    matrix = inputs[0]
    if len(inputs) == 1 and not matrix.columns and matrix.shape[1:] == (len(features),):
        inputs = (replace(matrix, columns=tuple(features)),)
    return replace(signature, inputs=inputs)


def column_names(signature: Signature) -> tuple[str, ...]:
    """Return the table columns that a model takes."""
    matrix = codec_columns.matrix_of(signature)
    return matrix.columns if matrix else tuple(spec.name for spec in signature.inputs)


@dataclass(frozen=True, slots=True)
class Roles:
    """Which outputs answer what; "" = none."""

    label: str = ""
    probabilities: str = ""
    prediction: str = ""


def roles(signature: Signature) -> Roles:
    """Return the outputs' roles: by our names, else by type and shape, as converters name them.

    One value a row that is no float is a label; floats beside it, one a class, are probabilities.
    One float a row, alone, is a prediction.
    """
    outputs = {spec.name: spec for spec in signature.outputs}
    single = [name for name, spec in outputs.items() if spec.shape[1:] in {(), (1,)}]
    floats = [name for name, spec in outputs.items() if datatypes.is_float(spec.datatype)]
    label = next((name for name in single if name == LABEL or name not in floats), "")
    if label:
        wide = [name for name in floats if name == PROBABILITIES or name not in single]
        return Roles(label=label, probabilities=wide[0] if wide else "")
    if PREDICTION in floats or len(outputs) == 1:
        return Roles(prediction=next((name for name in floats if name in single), ""))
    return Roles()


def task_of(signature: Signature) -> str:
    """Return the task that the outputs allow; "" if they are not those that can be compared."""
    found = roles(signature)
    if found.label:
        return TASK_CLASSIFICATION
    return TASK_REGRESSION if found.prediction else ""


def answers(model: Model, signature: Signature, columns: Columns) -> Answers:
    """Return the model's answers to all rows, in batches; what one row breaks is only itself."""
    names = [spec.name for spec in signature.outputs]
    scored, ready = prepared(signature, columns)
    pieces: dict[str, list[Array]] = {name: [] for name in names}

    def run(rows: NDArray[np.int64]) -> list[Array]:
        inputs = codec_columns.from_columns(
            signature, {name: column[rows] for name, column in ready.items()}
        )
        return model.run(inputs, names)

    places = np.flatnonzero(scored)
    for start in range(0, places.size, BATCH_ROWS):
        for rows, outputs in _run_apart(run, places[start : start + BATCH_ROWS]):
            if outputs is None:
                scored[rows] = False
                continue
            for name, output in zip(names, outputs, strict=True):
                pieces[name].append(output)
    empty = {spec.name: _empty(spec) for spec in signature.outputs}
    return Answers(
        scored,
        {name: np.concatenate(found) if found else empty[name] for name, found in pieces.items()},
    )


def _empty(spec: TensorSpec) -> Array:
    return np.empty((0, *(max(size, 0) for size in spec.shape[1:])), dtype=spec.dtype)


def prepared(signature: Signature, columns: Columns) -> tuple[NDArray[np.bool_], dict[str, Array]]:
    """Return the rows whose values the codec takes, and the columns in the types it asks for.

    So few batches must be taken apart. Tables hold numbers as floats; a model that asks for whole
    numbers or booleans gets those, as a request would send them.
    """
    count = len(next(iter(columns.values()), ()))
    fine, ready = np.ones(count, dtype=np.bool_), dict(columns)
    for name in column_names(signature):
        column = columns.get(name)
        if column is None or column.dtype.kind != "f":
            continue
        spec = next((spec for spec in signature.inputs if spec.name == name), signature.inputs[0])
        if datatypes.is_float(spec.datatype):
            fine &= ~np.isinf(column) if spec.missing else np.isfinite(column)
        elif spec.datatype != "BYTES":
            exact = _holds(spec.dtype, column)
            fine &= exact
            ready[name] = np.where(exact, column, 0).astype(spec.dtype)
    return fine, ready


def _holds(dtype: np.dtype[Any], column: Array) -> NDArray[np.bool_]:
    """Return which floats are values of this integer or boolean type."""
    lowest, highest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return np.asarray((column == np.rint(column)) & (column >= lowest) & (column <= highest))


def _run_apart(
    run: Callable[[NDArray[np.int64]], list[Array]], rows: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], list[Array] | None]]:
    """Run rows together; those of a refused batch are halved until the bad row stands alone."""
    waiting, done = [rows], []
    while waiting:
        part = waiting.pop()
        outputs = _attempt(run, part)
        if outputs is not None or part.size == 1:
            done.append((part, outputs))
            continue
        middle = part.size // 2
        waiting += [part[middle:], part[:middle]]
    return done


def _attempt(
    run: Callable[[NDArray[np.int64]], list[Array]], rows: NDArray[np.int64]
) -> list[Array] | None:
    """Return the outputs, or None if the codec or the model's library refuses these rows."""
    try:
        return run(rows)
    except (Invalid, ValueError, TypeError, ArithmeticError, RuntimeError, LookupError):
        return None


def class_labels(found: Answers, signature: Signature, classes: Sequence[str]) -> NDArray[np.int64]:
    """Return label codes within `classes` (texts); -1 for unscored rows and unknown labels."""
    answer = found.outputs[roles(signature).label]
    codes = {name: code for code, name in enumerate(classes)}
    result = np.full(found.scored.size, -1, dtype=np.int64)
    result[found.scored] = [codes.get(text(value), -1) for value in answer.ravel().tolist()]
    return result


def class_probabilities(
    found: Answers, signature: Signature, classes: Sequence[str]
) -> NDArray[np.float64]:
    """Return probabilities in the order of `classes` (texts): NaN where unscored, or all if none.

    A class that the model does not know has probability 0.
    """
    result = np.full((found.scored.size, len(classes)), np.nan)
    known = [text(value) for value in signature.classes]
    answer = found.outputs.get(roles(signature).probabilities)
    if answer is None or answer.ndim != 2 or answer.shape[1] != len(known):  # noqa: PLR2004  # a matrix
        return result
    rows = np.zeros((answer.shape[0], len(classes)))
    for place, name in enumerate(known):
        if name in classes:
            rows[:, classes.index(name)] = answer[:, place]
    result[found.scored] = rows
    return result


def predictions(found: Answers, signature: Signature) -> NDArray[np.float64]:
    """Return the numbers of a regression, NaN where unscored."""
    result = np.full(found.scored.size, np.nan)
    answer = np.asarray(found.outputs[roles(signature).prediction], dtype=np.float64)
    result[found.scored] = answer if answer.ndim == 1 else answer[:, 0]
    return result


def text(value: object) -> str:
    """Return a label as text, whatever its type: 1, 1.0 and True are different from "one".

    >>> text(1), text(1.0), text(True), text("one"), text(b"one")
    ('1', '1', '1', 'one', 'one')
    """
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, bool | int | np.bool_ | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
