"""Warm-up: costs are known, and models that look across rows are found out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from perennial_serving.batch import warmup
from perennial_serving.codec.tensors import FREE, Array, Signature, Tensors, TensorSpec

ROWS = Signature((TensorSpec("x", "FP32", (FREE, 2)),), (TensorSpec("y", "FP32", (FREE,)),))
FIXED = Signature((TensorSpec("x", "FP32", (1, 2)),), (TensorSpec("y", "FP32", (1,)),))
SAMPLES = [{"x": np.array([[1, 2], [3, 4]], dtype=np.float32)}]


@dataclass
class Fake:
    """A model of one formula that remembers how many rows it was given."""

    signature: Signature = ROWS
    formula: str = "sum"
    platform: str = "fake"
    is_threaded: bool = False
    sizes: list[int] = field(default_factory=list)

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Answer each row by itself, or not."""
        rows = inputs["x"]
        self.sizes.append(len(rows))
        answers: dict[str, Array] = {
            "sum": rows.sum(axis=1),
            "rank": rows.sum(axis=1).argsort().astype(np.float32),
            "mean": rows.sum(axis=1) - rows.mean(),
            "text": np.array([f"{row.sum()}" for row in rows], dtype=object),
            "short": rows.sum(axis=1)[:1],
        }
        return [answers[self.formula] for _ in outputs]


def test_costs_are_measured_in_three_sizes() -> None:
    """Three runs each of 1, 8 and 64 rows, after the samples themselves."""
    model = Fake()
    warm = warmup.warm(model, SAMPLES)
    assert model.sizes[0] == 2
    assert [model.sizes.count(size) for size in (8, 64)] == [3, 3]
    assert warm.cost.predict(1) > 0.0


@pytest.mark.parametrize(
    ("formula", "is_mergeable"),
    [("sum", True), ("text", True), ("mean", False), ("rank", False), ("short", False)],
)
def test_rows_that_see_each_other_are_never_merged(formula: str, *, is_mergeable: bool) -> None:
    """Together and one by one, the answers must be the same."""
    assert warmup.warm(Fake(formula=formula), SAMPLES).is_mergeable is is_mergeable


def test_without_samples_the_model_gets_zeros() -> None:
    """One row; free dimensions are 1 and texts are empty."""
    signature = Signature(
        (TensorSpec("x", "FP32", (FREE, 2)), TensorSpec("t", "BYTES", (FREE, FREE))), ROWS.outputs
    )
    zeros = warmup.zeros(signature)
    assert zeros["x"].tolist() == [[0.0, 0.0]]
    assert zeros["t"].tolist() == [[""]]
    assert warmup.warm(Fake(), []).is_mergeable


def test_samples_of_other_shapes_are_run_but_not_compared() -> None:
    """A free inner dimension may differ between samples."""
    model = Fake()
    wide = {"x": np.zeros((1, 3), dtype=np.float32)}
    assert warmup.warm(model, [*SAMPLES, wide]).is_mergeable


def test_fixed_rows_are_never_merged() -> None:
    """Such a model is measured with what it takes."""
    model = Fake(signature=FIXED)
    warm = warmup.warm(model, [])
    assert (warm.is_mergeable, set(model.sizes)) == (False, {1})


def test_what_the_model_raises_leaves() -> None:
    """A model that fails on its first rows is not served."""
    with pytest.raises(KeyError):
        warmup.warm(Fake(formula="no such"), SAMPLES)
