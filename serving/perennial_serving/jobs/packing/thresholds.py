"""Split points of tree models: where they are, and their exact form in a converted model.

A tree that asks x <= t of float32 values asks x <= down32(t) as well, where down32(t) is the
largest float32 not above t. Converters round to the nearest, which sends rows between both the
wrong way. For float64 values the threshold must stay a float64.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

TREE_OPERATORS = ("TreeEnsembleClassifier", "TreeEnsembleRegressor")
TREE_OPSET = 3
_NUMBERS = {"nodes_values", "nodes_hitrates", "class_weights", "target_weights", "base_values"}
_HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


@dataclass(frozen=True, slots=True)
class SplitPoints:
    """Which feature each inner node of the source's trees asks about, and its threshold."""

    features: NDArray[np.int64]
    values: NDArray[np.float64]


Exact = Mapping[tuple[int, int], tuple[int, float]]


class UnknownTreesError(Exception):
    """The trees of source and converted model do not correspond, so nothing can be repaired."""


def down32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return for each value the largest float32 that is not above it.

    >>> down32(np.array([0.5, 0.1])).tolist() == [0.5, float(np.nextafter(np.float32(0.1), 0))]
    True
    """
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > values, below, nearest)


def split_points(model: Any) -> SplitPoints | None:  # noqa: ANN401  # scikit-learn has no types
    """Return the split points of a tree model; None if the model has no trees."""
    features, values = [], []
    for nodes in _node_arrays(model):
        features.append(nodes[0])
        values.append(nodes[1])
    if not features:
        return None
    return SplitPoints(np.concatenate(features), np.concatenate(values))


def has_categories(model: Any) -> bool:  # noqa: ANN401  # see above
    """Return whether a histogram model splits on sets of categories, which no converter knows."""
    return is_histogram(model) and any(
        bool(tree.nodes["is_categorical"].any())
        for trees in model._predictors  # noqa: SLF001  # the only place where they are
        for tree in trees
    )


def is_histogram(model: Any) -> bool:  # noqa: ANN401  # see above
    """Return whether the model compares float64 values; other trees compare float32 ones."""
    return isinstance(model, _HISTOGRAM)


def make_exact(model: onnx.ModelProto, source: Any, *, is_double: bool) -> str:  # noqa: ANN401  # see above
    """Make the trees of a converted model ask exactly what the source asks; return what was done.

    Histogram models: exact thresholds, in float64 where the input is. Other trees: their input is
    cast to float32, as the source does.
    """
    nodes = [node for node in model.graph.node if node.op_type in TREE_OPERATORS]
    if not is_histogram(source):
        return _cast_inputs(model, nodes) if is_double and nodes else ""
    exact = dict(_exact_thresholds(source))
    moved = sum(_repair_node(node, exact, is_double=is_double) for node in nodes)
    if is_double:
        _need_opset(model)
        return "thresholds in 64 bits"
    return f"{moved} thresholds repaired" if moved else ""


def _repair_node(node: onnx.NodeProto, exact: Exact, *, is_double: bool) -> int:
    fields = {attribute.name: attribute for attribute in node.attribute}
    found = np.array(fields["nodes_values"].floats, dtype=np.float64)
    wanted = found.copy()
    modes, asked = fields["nodes_modes"].strings, fields["nodes_featureids"].ints
    keys = zip(fields["nodes_treeids"].ints, fields["nodes_nodeids"].ints, strict=True)
    for place, key in enumerate(keys):
        if modes[place] != b"BRANCH_LEQ":
            continue
        if key not in exact or exact[key][0] != asked[place]:
            raise UnknownTreesError
        wanted[place] = exact[key][1]
    if is_double:
        _widen(node, fields, wanted)
    else:
        wanted = down32(wanted).astype(np.float64)
        fields["nodes_values"].floats[:] = wanted.tolist()
    return int((wanted != found).sum())


def _widen(
    node: onnx.NodeProto, fields: Mapping[str, Any], thresholds: NDArray[np.float64]
) -> None:
    """Turn the node's numbers into float64 tensors, which a float64 input needs."""
    for name in sorted(_NUMBERS & fields.keys()):
        values = thresholds.tolist() if name == "nodes_values" else list(fields[name].floats)
        tensor = helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
        node.attribute.remove(fields[name])
        node.attribute.append(helper.make_attribute(f"{name}_as_tensor", tensor))


def _need_opset(model: onnx.ModelProto) -> None:
    """Declare the version of the operators that knows float64 thresholds."""
    for opset in model.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = TREE_OPSET


def _cast_inputs(model: onnx.ModelProto, trees: list[onnx.NodeProto]) -> str:
    for number, tree in enumerate(trees):
        narrow = f"trees_{number}_in"
        cast = helper.make_node("Cast", [tree.input[0]], [narrow], to=TensorProto.FLOAT)
        model.graph.node.insert(list(model.graph.node).index(tree), cast)
        tree.input[0] = narrow
    return "cast to 32 bits before the trees"


def _exact_thresholds(source: Any) -> Iterator[tuple[tuple[int, int], tuple[int, float]]]:  # noqa: ANN401  # see above
    """Yield ((tree, node), (feature, threshold)), numbered as the converter numbers trees."""
    for iteration, trees in enumerate(source._predictors):  # noqa: SLF001  # the only place where they are
        for output, tree in enumerate(trees):
            number = iteration * len(trees) + output
            for place, node in enumerate(tree.nodes):
                if not node["is_leaf"]:
                    yield (number, place), (int(node["feature_idx"]), float(node["num_threshold"]))


def _node_arrays(model: Any) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:  # noqa: ANN401  # see above
    """Yield features and thresholds of the inner nodes of each tree."""
    if is_histogram(model):
        for trees in model._predictors:  # noqa: SLF001  # the only place where they are
            for tree in trees:
                inner = tree.nodes[tree.nodes["is_leaf"] == 0]
                yield (
                    inner["feature_idx"].astype(np.int64),
                    inner["num_threshold"].astype(np.float64),
                )
        return
    for one in _plain_trees(model):
        inner = one.tree_.feature >= 0
        yield one.tree_.feature[inner].astype(np.int64), one.tree_.threshold[inner]


def _plain_trees(model: Any) -> list[Any]:  # noqa: ANN401  # see above
    if hasattr(model, "tree_"):
        return [model]
    members = getattr(model, "estimators_", ())
    return [one for one in np.asarray(members, dtype=object).ravel() if hasattr(one, "tree_")]
