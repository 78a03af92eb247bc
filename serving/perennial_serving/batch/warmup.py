"""First runs of a model, before anybody waits: costs, and whether rows are independent."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perennial_serving.batch.cost import Cost
from perennial_serving.batch.port import Runnable
from perennial_serving.codec.tensors import FREE, Array, Signature, Tensors

_SIZES = (1, 8, 64)
_REPEATS = 3
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Warm:
    """What the first runs taught."""

    cost: Cost
    is_mergeable: bool


def warm(model: Runnable, samples: Sequence[Tensors]) -> Warm:
    """Run the model on samples, or on zeros without any; what it raises leaves."""
    signature = model.signature
    outputs = tuple(spec.name for spec in signature.outputs)
    rows = samples or [zeros(signature)]
    for sample in rows:
        model.run(sample, outputs)
    cost = Cost()
    if not signature.has_rows:
        _measure(model, rows[0], cost)
        return Warm(cost, is_mergeable=False)
    for size in _SIZES:
        _measure(model, _resized(rows[0], size), cost)
    return Warm(cost, is_mergeable=_has_independent_rows(model, _joined(rows)))


def zeros(signature: Signature) -> dict[str, Array]:
    """Return one row of zeros (empty texts) for every input; free dimensions become 1."""
    return {
        spec.name: np.full(
            tuple(1 if size == FREE else size for size in spec.shape),
            "" if spec.datatype == "BYTES" else 0,
            dtype=spec.dtype,
        )
        for spec in signature.inputs
    }


def _measure(model: Runnable, inputs: Tensors, cost: Cost) -> None:
    outputs = tuple(spec.name for spec in model.signature.outputs)
    rows = len(next(iter(inputs.values())))
    for _ in range(_REPEATS):
        started = time.monotonic()
        model.run(inputs, outputs)
        cost.observe(rows, time.monotonic() - started)


def _resized(sample: Tensors, rows: int) -> Tensors:
    """Return so many rows, the sample's over and over."""
    return {name: array[np.arange(rows) % len(array)] for name, array in sample.items()}


def _joined(samples: Sequence[Tensors]) -> Tensors:
    """Return the rows of all samples that fit together with the first, and at least two rows."""
    first = samples[0]
    fitting = [
        sample
        for sample in samples
        if all(sample[name].shape[1:] == array.shape[1:] for name, array in first.items())
    ]
    merged = {name: np.concatenate([sample[name] for sample in fitting]) for name in first}
    return _resized(merged, max(len(next(iter(merged.values()))), 2))


def _has_independent_rows(model: Runnable, inputs: Tensors) -> bool:
    """Say whether rows get the same answers together and one by one."""
    outputs = tuple(spec.name for spec in model.signature.outputs)
    together = model.run(inputs, outputs)
    count = len(next(iter(inputs.values())))
    singles = [
        model.run({name: array[row : row + 1] for name, array in inputs.items()}, outputs)
        for row in range(count)
    ]
    return all(
        _is_same(output, np.concatenate([single[index] for single in singles]))
        for index, output in enumerate(together)
    )


def _is_same(one: Array, other: Array) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return bool((one == other).all())
    return bool(np.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))
