"""The models and rows of the demonstration, from scikit-learn's bundled digits.

v1 saw 150 rows, v2 saw 400; v3 is a file that loads and then fails at its first prediction.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import skops.io
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

EARLY_ROWS = 150
LATER_ROWS = 400
LABEL = "digit"
IDENTIFIER = "row"


@dataclass(frozen=True)
class Rows:
    """All rows: `features` is a float32 matrix of shape (1797, 64)."""

    features: np.ndarray
    labels: np.ndarray
    columns: tuple[str, ...]


def load_rows() -> Rows:
    """Return the bundled digits."""
    digits = load_digits()
    columns = tuple(f"pixel_{number:02d}" for number in range(digits.data.shape[1]))
    return Rows(digits.data.astype(np.float32), digits.target, columns)


def table(rows: Rows) -> pd.DataFrame:
    """Return the features by name."""
    return pd.DataFrame(rows.features, columns=list(rows.columns))


def write_table(rows: Rows, path: Path) -> None:
    """Write all rows with their label and id as Parquet, as a feature store would."""
    identifiers = [f"digit-{number:04d}" for number in range(len(rows.labels))]
    table(rows).assign(**{LABEL: rows.labels, IDENTIFIER: identifiers}).to_parquet(path)


def write_sample(rows: Rows, path: Path, *, count: int) -> None:
    """Write feature rows by which a conversion is proved."""
    table(rows)[:count].to_parquet(path)


def fit(rows: Rows, count: int) -> BaseEstimator:
    """Return a model that saw the first `count` rows."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return model.fit(rows.features[:count], rows.labels[:count])


def save(model: BaseEstimator, path: Path) -> None:
    """Write a model without pickle."""
    skops.io.dump(model, path)


def write_broken(path: Path, *, features: int) -> None:
    """Write an ONNX model that loads, and fails at each prediction: an index out of range."""
    table = helper.make_tensor("table", TensorProto.INT64, [10], list(range(10)))
    beyond = helper.make_tensor("beyond", TensorProto.INT64, [1], [99])
    first = helper.make_tensor("first", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("Shape", ["input"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["rows"]),
        helper.make_node("Mul", ["rows", "beyond"], ["index"]),
        helper.make_node("Gather", ["table", "index"], ["label"]),
    ]
    graph = helper.make_graph(
        nodes,
        "broken",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("label", TensorProto.INT64, [None])],
        initializer=[table, beyond, first],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(str(path))
