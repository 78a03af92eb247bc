"""The gate of a converted model: it must answer as the source does, through the codec.

Pass: no changed label on real rows, few on boundary rows, equal numbers where labels agree, the
same rows scored, and the same answers in batches of 1, 7 and 64.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perennial_serving.codec.tensors import TASK_CLASSIFICATION, Signature
from perennial_serving.jobs.data import predictions
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.runtime.model import Model

BATCHES = (1, 7, 64)
MAX_REAL_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a converted model may differ."""

    max_abs_diff: float = 1e-4
    max_label_disagreement: float = 1e-3


@dataclass(frozen=True, slots=True)
class Proof:
    """What the gate measured; `why` is empty if the candidate passed."""

    real_rows: int = 0
    boundary_rows: int = 0
    real_flips: int = 0
    boundary_flips: int = 0
    max_difference: float = 0.0
    allowed_difference: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """A model with its signature."""

    model: Model
    signature: Signature


@dataclass(frozen=True, slots=True)
class _Answers:
    """Comparable answers of one model: label codes (all 0 for a regression) and numbers."""

    scored: NDArray[np.bool_]
    labels: NDArray[np.int64]
    numbers: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Difference:
    """Rows with another label, the largest difference elsewhere, rows only one side answers."""

    flips: int
    largest: float
    unlike: int


@dataclass(frozen=True, slots=True)
class Trial:
    """The rows that both models answer, and how much they may differ."""

    real: Sample
    boundary: Sample
    limits: Limits


def prove(source: Side, candidate: Side, trial: Trial) -> Proof:
    """Compare both models on real and on boundary rows."""
    real, boundary, limits = trial.real, trial.boundary, trial.limits
    expected, found = _answers(source, real), _answers(candidate, real)
    on_real = _difference(expected, found)
    on_boundary = _difference(_answers(source, boundary), _answers(candidate, boundary))
    in_batches = _in_batches(candidate, real, found)
    proof = Proof(
        real_rows=real.rows,
        boundary_rows=boundary.rows,
        real_flips=on_real.flips,
        boundary_flips=on_boundary.flips,
        max_difference=max(on_real.largest, on_boundary.largest, in_batches.largest),
        allowed_difference=limits.max_abs_diff * _scale(source.signature, expected),
    )
    unlike = on_real.unlike + on_boundary.unlike
    return replace(proof, why=_objection(proof, trial, unlike) or _unstable(in_batches))


def _objection(proof: Proof, trial: Trial, unlike: int) -> str:
    """Return the first reason why the candidate does not pass, or nothing."""
    if proof.real_rows == 0:
        return "there are no rows to prove it on"
    if unlike:
        return f"{unlike} rows are answered by one of both models only"
    if proof.real_flips:
        return f"{proof.real_flips} of {proof.real_rows} real rows get another label"
    if proof.boundary_flips > trial.limits.max_label_disagreement * proof.boundary_rows:
        return f"{proof.boundary_flips} of {proof.boundary_rows} boundary rows get another label"
    if proof.max_difference > proof.allowed_difference:
        return f"numbers differ by {proof.max_difference:.3g}, not {proof.allowed_difference:.3g}"
    return ""


def _unstable(in_batches: _Difference) -> str:
    if in_batches.flips or in_batches.unlike:
        return "the answer depends on the rows of the same batch"
    return ""


def _scale(signature: Signature, expected: _Answers) -> float:
    """Return what the allowed difference is a share of: 1 for probabilities, else the spread."""
    if signature.task == TASK_CLASSIFICATION:
        return 1.0
    spread = float(np.nanstd(expected.numbers)) if expected.scored.any() else 0.0
    return spread if spread > 0 else 1.0


def _answers(side: Side, sample: Sample) -> _Answers:
    found = predictions.answers(side.model, side.signature, sample.columns)
    if side.signature.task != TASK_CLASSIFICATION:
        numbers = predictions.predictions(found, side.signature)
        return _Answers(found.scored, np.zeros(numbers.size, dtype=np.int64), numbers[:, None])
    classes = [predictions.text(value) for value in side.signature.classes]
    probabilities = predictions.class_probabilities(found, side.signature, classes)
    if len(side.signature.outputs) == 1:  # labels only: nothing else to compare
        probabilities = np.where(found.scored[:, None], 0.0, np.nan)
    return _Answers(
        found.scored, predictions.class_labels(found, side.signature, classes), probabilities
    )


def _difference(expected: _Answers, found: _Answers) -> _Difference:
    both = expected.scored & found.scored
    same = both & (expected.labels == found.labels)
    unlike = int((expected.scored != found.scored).sum())
    one, two = expected.numbers[same], found.numbers[same]
    unlike += int((np.isnan(one) != np.isnan(two)).any(axis=1).sum())
    apart = np.abs(one - two)
    largest = float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0
    return _Difference(int((both & ~same).sum()), largest, unlike)


def _in_batches(candidate: Side, real: Sample, whole: _Answers) -> _Difference:
    """Compare the first rows, asked in small batches, with the answers to all at once."""
    flips, largest, unlike = 0, 0.0, 0
    for size in BATCHES:
        rows = slice(0, size)
        expected = _Answers(whole.scored[rows], whole.labels[rows], whole.numbers[rows])
        part = _difference(expected, _answers(candidate, real.take(rows)))
        flips, unlike = flips + part.flips, unlike + part.unlike
        largest = max(largest, part.largest)
    return _Difference(flips, largest, unlike)
