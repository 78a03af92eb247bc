"""Rows on which a converted model is most likely wrong: beside split points, missing, unseen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from perennial_serving.codec.tensors import Array, Signature
from perennial_serving.jobs.data import predictions
from perennial_serving.jobs.packing import thresholds
from perennial_serving.jobs.packing.convert import final_step
from perennial_serving.jobs.packing.signature import Sample, asked, is_text

MAX_THRESHOLDS = 2000
MAX_JUMPS = 512
HALVINGS = 70
UNSEEN = "a text that no row had"
SEED = 20260801

Columns = Mapping[str, Array]
Floats = NDArray[np.float64]


def odd(described: Signature, sample: Sample) -> Sample:
    """Return a real row with each number missing in turn, and with each text empty and unseen."""
    return _joined(list(_odd(described, sample)), sample)


def beside(estimator: Any, described: Signature, sample: Sample) -> Sample:  # noqa: ANN401  # scikit-learn has no types
    """Return real rows with one value moved beside a split point.

    `described` is the converted model's signature: values are moved as finely as its numbers can
    say, so each is what a request can hold once it is decoded.
    """
    return _joined(list(_beside(estimator, described, sample)), sample)


def _joined(parts: Sequence[Columns], sample: Sample) -> Sample:
    if not parts:
        return sample.take(slice(0, 0))
    return Sample({name: np.concatenate([part[name] for part in parts]) for name in sample.names})


def _beside(estimator: Any, described: Signature, sample: Sample) -> Iterator[Columns]:  # noqa: ANN401  # see above
    points = thresholds.split_points(final_step(estimator))
    if points is None:
        return
    names = predictions.column_names(described)
    known = columns_of_features(estimator, names)
    grain = _grain(described)
    rng = np.random.default_rng(SEED)
    places = np.flatnonzero(np.isin(points.features, list(known)) & np.isfinite(points.values))
    if places.size > MAX_THRESHOLDS:
        places = np.sort(rng.choice(places, MAX_THRESHOLDS, replace=False))
    for feature in np.unique(points.features[places]):
        near = _neighbors(points.values[places[points.features[places] == feature]], grain)
        base = sample.take(rng.integers(0, sample.rows, size=near.size))
        yield {**base.columns, known[int(feature)]: near}
    hidden = [name for name in names if name not in known.values()]
    numbers = [name for name in hidden if not is_text(sample.columns[name])]
    if numbers:
        yield _beside_jumps(_Question(estimator, names), numbers, sample, grain=grain)


def _grain(described: Signature) -> np.dtype[Any]:
    """Return the float type whose neighboring values a request can tell apart."""
    is_single = any(spec.datatype == "FP32" for spec in described.inputs)
    return np.dtype(np.float32 if is_single else np.float64)


def _neighbors(values: Floats, grain: np.dtype[Any]) -> Floats:
    """Return for each split point three adjacent values around it."""
    at = thresholds.down32(values) if grain == np.float32 else values
    below, above = np.nextafter(at, grain.type(-np.inf)), np.nextafter(at, grain.type(np.inf))
    near = np.concatenate([below, at, above]).astype(np.float64)
    return near[np.isfinite(near)]


@dataclass(frozen=True, slots=True)
class _Question:
    """An estimator and the columns that it takes."""

    estimator: Any
    names: tuple[str, ...]

    def answers(self, rows: Sample) -> Array:
        """Return one line a row."""
        ask = getattr(self.estimator, "predict_proba", self.estimator.predict)
        answer = ask(asked(self.estimator, rows, self.names))
        return np.asarray(answer).reshape(rows.rows, -1)


def _beside_jumps(
    question: _Question, names: Sequence[str], sample: Sample, *, grain: np.dtype[Any]
) -> Columns:
    """Return rows in pairs: neighboring values of one column between which the answer jumps.

    For columns that earlier steps change, so that no threshold can be named: each row looks along
    its own column, by halving the way to another row's value.
    """
    rng = np.random.default_rng(SEED)
    base = sample.take(rng.integers(0, sample.rows, size=MAX_JUMPS))
    own = np.arange(MAX_JUMPS) % len(names)

    def moved(rows: Sample, own: NDArray[np.int64], values: Array) -> Sample:
        wide = values.astype(np.float64)
        changed = {
            name: np.where(own == place, wide, rows.columns[name])
            for place, name in enumerate(names)
        }
        return Sample({**rows.columns, **changed})

    matrix = np.column_stack([base.columns[name] for name in names])
    low = matrix[np.arange(MAX_JUMPS), own].astype(grain)
    high = matrix[rng.permutation(MAX_JUMPS), own].astype(grain)
    starts = question.answers(moved(base, own, low))
    for _ in range(HALVINGS):
        middle = (low / 2 + high / 2).astype(grain)
        is_same = (question.answers(moved(base, own, middle)) == starts).all(axis=1)
        low, high = np.where(is_same, middle, low), np.where(is_same, high, middle)
    twice = np.tile(np.arange(MAX_JUMPS), 2)
    return moved(base.take(twice), own[twice], np.concatenate([low, high])).columns


def _odd(described: Signature, sample: Sample) -> Iterator[Columns]:
    missing = {
        name for spec in described.inputs if spec.missing for name in spec.columns or (spec.name,)
    }
    one = sample.take(slice(0, 1))
    for name in predictions.column_names(described):
        if is_text(sample.columns[name]):
            for text in ("", UNSEEN):
                yield {**one.columns, name: np.array([text], dtype=object)}
        elif name in missing:
            yield {**one.columns, name: np.array([np.nan])}


def columns_of_features(estimator: Any, names: tuple[str, ...]) -> dict[int, str]:  # noqa: ANN401  # see above
    """Return the column behind each feature of the last step, where no step changed its values.

    Columns that a ColumnTransformer passes through stay known; any other step hides them.
    """
    known = dict(enumerate(names))
    if not isinstance(estimator, Pipeline):
        return known
    for _, step in estimator.steps[:-1]:
        if step in (None, "passthrough"):
            continue
        is_first = known == dict(enumerate(names))
        known = _passed(step, names) if isinstance(step, ColumnTransformer) and is_first else {}
    return known


def _passed(step: ColumnTransformer, names: tuple[str, ...]) -> dict[int, str]:
    """Return the columns that a ColumnTransformer hands on unchanged, by place in its output."""
    passed: dict[int, str] = {}
    for label, transformer, columns in step.transformers_:
        if not _is_identity(transformer):
            continue
        span = step.output_indices_[label]
        chosen = [names[place] if isinstance(place, int) else str(place) for place in columns]
        passed.update(zip(range(span.start, span.stop), chosen, strict=True))
    return passed


def _is_identity(transformer: Any) -> bool:  # noqa: ANN401  # see above
    """Return whether a fitted transformer hands numbers on unchanged."""
    if isinstance(transformer, str):
        return transformer == "passthrough"
    return type(transformer).__name__ == "FunctionTransformer" and transformer.func is None
