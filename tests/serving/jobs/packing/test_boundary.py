"""Boundary rows stand where a converted model is most likely wrong."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from perennial_serving.codec.tensors import Signature, TensorSpec
from perennial_serving.jobs.packing import boundary, thresholds
from perennial_serving.jobs.packing.signature import Sample

DATA, TARGET = load_breast_cancer(return_X_y=True)
DATA = DATA[:, :4]
NAMES = ("a", "b", "c", "d")
SAMPLE = Sample(dict(zip(NAMES, DATA.T, strict=True)))


def described(datatype: str, *, missing: bool = False) -> Signature:
    """Return the signature of a converted model of four columns."""
    return Signature((TensorSpec("input", datatype, (-1, 4), columns=NAMES, missing=missing),), ())


def matrix(rows: Sample) -> np.ndarray:
    """Return rows as a matrix."""
    return np.column_stack([rows.columns[name] for name in NAMES])


def test_each_threshold_has_rows_on_both_sides_in_32_bits() -> None:
    """Of every split point the largest float32 at or below it, and both neighbors, are asked."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(DATA, TARGET)
    rows = boundary.beside(model, described("FP32"), SAMPLE)
    points = thresholds.split_points(model)
    assert rows.rows == 3 * points.values.size
    assert (matrix(rows)[:, 0].astype(np.float32) == matrix(rows)[:, 0]).sum() >= 3
    for feature, value in zip(points.features, points.values, strict=True):
        at = float(thresholds.down32(np.array([value]))[0])
        assert at in rows.columns[NAMES[feature]]


def test_in_64_bits_the_neighbors_are_doubles() -> None:
    """The threshold itself, the double below it and the double above."""
    model = HistGradientBoostingClassifier(max_iter=2).fit(DATA, TARGET)
    rows = boundary.beside(model, described("FP64"), SAMPLE)
    points = thresholds.split_points(model)
    for feature, value in zip(points.features, points.values, strict=True):
        column = rows.columns[NAMES[feature]]
        assert {value, np.nextafter(value, np.inf), np.nextafter(value, -np.inf)} <= set(column)


def test_many_thresholds_are_sampled() -> None:
    """The number of rows has an end, and the choice is always the same."""
    model = HistGradientBoostingClassifier(max_iter=100).fit(DATA, TARGET)
    one = boundary.beside(model, described("FP32"), SAMPLE)
    assert one.rows == 3 * boundary.MAX_THRESHOLDS
    assert np.array_equal(matrix(one), matrix(boundary.beside(model, described("FP32"), SAMPLE)))


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_hidden_thresholds_are_found_by_halving(datatype: str) -> None:
    """Behind a scaler, rows come in pairs of neighboring values with different answers."""
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3, random_state=0))
    model.fit(DATA, TARGET)
    rows = boundary.beside(model, described(datatype), SAMPLE)
    low, high = np.split(matrix(rows), 2)
    jumps = (model.predict_proba(low) != model.predict_proba(high)).any(axis=1)
    assert jumps.sum() > 50
    grain = np.float32 if datatype == "FP32" else np.float64
    apart = (low != high).any(axis=1) & jumps
    column = (low != high)[apart].argmax(axis=1)
    one = low[apart][np.arange(column.size), column].astype(grain)
    two = high[apart][np.arange(column.size), column].astype(grain)
    assert np.array_equal(np.nextafter(one, two), two)


def test_a_model_without_trees_has_no_boundary_rows() -> None:
    """Its answer has no jumps to look for."""
    model = LogisticRegression(max_iter=5000).fit(DATA, TARGET)
    assert boundary.beside(model, described("FP64"), SAMPLE).rows == 0


def test_each_number_that_may_miss_is_missing_once() -> None:
    """And nothing is odd about a model that takes no missing values."""
    rows = boundary.odd(described("FP32", missing=True), SAMPLE)
    assert np.isnan(matrix(rows)).sum(axis=0).tolist() == [1, 1, 1, 1]
    assert boundary.odd(described("FP32"), SAMPLE).rows == 0


def test_each_text_is_empty_once_and_unseen_once() -> None:
    """The encoder of a pipeline must treat both as it did in the source."""
    texts = Sample({"city": np.array(["Rome", "Bern"], dtype=object), "n": np.array([1.0, 2.0])})
    inputs = (TensorSpec("city", "BYTES", (-1, 1)), TensorSpec("n", "FP32", (-1, 1)))
    rows = boundary.odd(Signature(inputs, ()), texts)
    assert rows.columns["city"].tolist() == ["", boundary.UNSEEN]
    assert rows.columns["n"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("steps", "known"),
    [
        ([], {0: "a", 1: "b", 2: "c", 3: "d"}),
        (["passthrough"], {0: "a", 1: "b", 2: "c", 3: "d"}),
        ([StandardScaler()], {}),
        (
            [
                ColumnTransformer(
                    [("scaled", StandardScaler(), [0]), ("kept", "passthrough", [2, 3])]
                )
            ],
            {1: "c", 2: "d"},
        ),
        (
            [ColumnTransformer([("kept", FunctionTransformer(), [3])], remainder="drop")],
            {0: "d"},
        ),
        ([StandardScaler(), ColumnTransformer([("kept", "passthrough", [0])])], {}),
    ],
)
def test_columns_are_known_where_no_step_changes_them(steps: list, known: dict) -> None:
    """A scaler hides its columns, a ColumnTransformer keeps those that it passes on."""
    named = [(f"step{place}", step) for place, step in enumerate(steps)]
    model = Pipeline([*named, ("model", DecisionTreeClassifier(max_depth=2))]).fit(DATA, TARGET)
    assert boundary.columns_of_features(model, NAMES) == known
    tree = DecisionTreeClassifier(max_depth=2).fit(DATA, TARGET)
    assert boundary.columns_of_features(tree, NAMES) == dict(enumerate(NAMES))
