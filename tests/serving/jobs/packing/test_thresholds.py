"""Converted trees ask exactly what the source's trees ask."""

import doctest
from dataclasses import replace

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from perennial_serving.jobs.packing import convert, signature, thresholds
from perennial_serving.jobs.packing.signature import Sample

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def boosted() -> HistGradientBoostingClassifier:
    """Return a small histogram model of real rows."""
    return HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(*CANCER)


def converted(model: HistGradientBoostingClassifier) -> onnx.ModelProto:
    """Return its ONNX form as the converter makes it."""
    columns = {f"c{place}": column for place, column in enumerate(CANCER[0].T)}
    described = signature.of_estimator(model, Sample(columns))
    matrix = replace(described.inputs[0], datatype="FP32")
    return convert.raw_model(model, replace(described, inputs=(matrix,)))


def tree_node(model: onnx.ModelProto) -> onnx.NodeProto:
    """Return the node that holds the trees."""
    return next(n for n in model.graph.node if n.op_type in thresholds.TREE_OPERATORS)


def attribute(node: onnx.NodeProto, name: str) -> onnx.AttributeProto:
    """Return an attribute of a node."""
    return next(found for found in node.attribute if found.name == name)


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(thresholds).failed == 0


@pytest.mark.parametrize("seed", range(3))
def test_rounding_down_keeps_the_answer_of_every_float32(seed: int) -> None:
    """For float32 values x <= t and x <= down32(t) are the same question, at any size of t."""
    rng = np.random.default_rng(seed)
    exact = rng.normal(size=1000) * 10.0 ** rng.integers(-30, 30, size=1000)
    down = thresholds.down32(exact)
    for step in (-1, 0, 1):
        x = np.nextafter(down, np.float32(step * np.inf)) if step else down
        assert np.array_equal(x.astype(np.float64) <= exact, x <= down)


def test_endless_and_huge_thresholds_stay_endless_and_largest() -> None:
    """Splits of missing against present values ask x <= infinity."""
    down = thresholds.down32(np.array([np.inf, -np.inf, 1e300]))
    assert down.tolist() == [np.inf, -np.inf, float(np.finfo(np.float32).max)]


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (HistGradientBoostingClassifier(max_iter=3), CANCER),
        (HistGradientBoostingRegressor(max_iter=3), DIABETES),
        (RandomForestClassifier(n_estimators=3, random_state=0), CANCER),
        (GradientBoostingRegressor(n_estimators=3, random_state=0), DIABETES),
        (DecisionTreeRegressor(random_state=0), DIABETES),
    ],
)
def test_every_kind_of_tree_shows_its_split_points(model: object, data: tuple) -> None:
    """Moving a feature across one of its thresholds is what changes the model's answer."""
    points = thresholds.split_points(model.fit(*data))
    assert points.features.shape == points.values.shape
    assert set(points.features.tolist()) <= set(range(data[0].shape[1]))
    for feature in np.unique(points.features)[:3]:
        own = data[0][:, feature].astype(np.float32)
        values = points.values[points.features == feature].astype(np.float32)
        assert own.min() <= values.min()
        assert values.max() <= own.max()


def test_a_model_without_trees_has_no_split_points() -> None:
    """Nothing is looked for in a linear model."""
    assert thresholds.split_points(Ridge().fit(*DIABETES)) is None


def test_float32_thresholds_become_the_largest_below() -> None:
    """After the repair each is down32 of the source's; some were rounded up before."""
    source, model = boosted(), converted(boosted())
    before = list(attribute(tree_node(model), "nodes_values").floats)
    done = thresholds.make_exact(model, source, is_double=False)
    after = np.array(attribute(tree_node(model), "nodes_values").floats, dtype=np.float32)
    exact = thresholds.split_points(source).values
    inner = [mode == b"BRANCH_LEQ" for mode in attribute(tree_node(model), "nodes_modes").strings]
    assert sorted(after[inner].tolist()) == sorted(thresholds.down32(exact).tolist())
    moved = int((np.array(before, dtype=np.float32) != after).sum())
    assert moved > 0
    assert done == f"{moved} thresholds repaired"


def test_double_thresholds_are_the_sources_own() -> None:
    """In 64 bits nothing is rounded, and the operator's version is declared."""
    source, model = boosted(), converted(boosted())
    assert thresholds.make_exact(model, source, is_double=True) == "thresholds in 64 bits"
    tensor = attribute(tree_node(model), "nodes_values_as_tensor").t
    exact = thresholds.split_points(source).values
    assert set(exact.tolist()) <= set(onnx.numpy_helper.to_array(tensor).tolist())
    versions = {opset.domain: opset.version for opset in model.opset_import}
    assert versions["ai.onnx.ml"] >= thresholds.TREE_OPSET


def test_trees_of_another_model_are_not_repaired() -> None:
    """If nodes do not correspond, nothing is guessed."""
    other = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=3).fit(*CANCER)
    with pytest.raises(thresholds.UnknownTreesError):
        thresholds.make_exact(converted(boosted()), other, is_double=False)


def test_other_trees_get_their_input_cast() -> None:
    """scikit-learn's plain trees compare float32 values, so doubles are cast before them."""
    forest = RandomForestClassifier(n_estimators=2, random_state=0).fit(*CANCER)
    model = converted(forest)
    assert thresholds.make_exact(model, forest, is_double=False) == ""
    assert thresholds.make_exact(model, forest, is_double=True).startswith("cast")
    operators = [node.op_type for node in model.graph.node]
    assert operators.index("Cast") == operators.index("TreeEnsembleClassifier") - 1


def test_models_that_split_on_categories_are_known() -> None:
    """No converter knows such splits."""
    data = np.column_stack([np.arange(200.0) % 5, np.arange(200.0)])
    target = (data[:, 0] % 2).astype(int)
    model = HistGradientBoostingClassifier(categorical_features=[0], max_iter=3).fit(data, target)
    assert thresholds.has_categories(model)
    assert not thresholds.has_categories(boosted())
    assert not thresholds.has_categories(Ridge())
