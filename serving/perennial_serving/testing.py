"""Small real models and model directories for tests; nothing here is used by the product."""

import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import skops.io
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from perennial_serving.codec.tensors import (
    FREE,
    LABEL,
    PROBABILITIES,
    TASK_CLASSIFICATION,
    Signature,
    TensorSpec,
    signature_document,
)
from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME
from perennial_serving.runtime import artifact
from perennial_serving.runtime.artifact import SIGNATURE, WARMUP

IRIS_ROW = (5.1, 3.5, 1.4, 0.2)
IRIS_COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@cache
def iris_classifier() -> LogisticRegression:
    """Return a fitted classifier of four features and three classes."""
    data, target = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=500).fit(data, target)


@cache
def diabetes_regressor() -> GradientBoostingRegressor:
    """Return a fitted regressor of ten features."""
    data, target = load_diabetes(return_X_y=True)
    return GradientBoostingRegressor(n_estimators=10, random_state=0).fit(data, target)


def iris_signature(datatype: str = "FP32") -> Signature:
    """Return the signature of the ONNX form of `iris_classifier`."""
    return Signature(
        inputs=(TensorSpec("input", datatype, (FREE, 4), columns=IRIS_COLUMNS, narrow=True),),
        outputs=(
            TensorSpec(LABEL, "INT64", (FREE,)),
            TensorSpec(PROBABILITIES, "FP32", (FREE, 3)),
        ),
        task=TASK_CLASSIFICATION,
        classes=(0, 1, 2),
    )


@cache
def iris_onnx() -> bytes:
    """Return `iris_classifier` as ONNX, with our names of input and outputs."""
    model = to_onnx(
        iris_classifier(),
        np.zeros((1, 4), dtype=np.float32),
        options={"zipmap": False},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    names = {"X": "input", "label": LABEL, "probabilities": PROBABILITIES}
    assert {value.name for value in (*model.graph.input, *model.graph.output)} == set(names)  # noqa: S101  # test helper
    for value in model.graph.input:
        value.name = names[value.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    data: bytes = model.SerializeToString()
    return data


def skops_bytes(estimator: Any) -> bytes:  # noqa: ANN401  # scikit-learn has no types
    """Return an estimator as a skops file."""
    data: bytes = skops.io.dumps(estimator)
    return data


def joblib_bytes(estimator: Any) -> bytes:  # noqa: ANN401  # scikit-learn has no types
    """Return an estimator as a joblib file."""
    stream = io.BytesIO()
    joblib.dump(estimator, stream)
    return stream.getvalue()


def write_artifact(directory: Path, files: Mapping[str, bytes], *, format_name: str) -> str:
    """Write files and their manifest; return the digest. The model is `model.<format>`."""
    directory.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
    text = artifact.build_manifest(directory, format_name=format_name, model=f"model.{format_name}")
    (directory / MANIFEST_NAME).write_bytes(text)
    return manifest.digest(text)


def write_iris_onnx(directory: Path) -> str:
    """Write the ONNX classifier as a complete artifact; return its digest."""
    files = {
        "model.onnx": iris_onnx(),
        SIGNATURE: json.dumps(signature_document(iris_signature())).encode(),
        WARMUP: json.dumps([infer_request([IRIS_ROW])]).encode(),
    }
    return write_artifact(directory, files, format_name="onnx")


def write_iris_skops(directory: Path) -> str:
    """Write the native classifier as an artifact without a signature; return its digest."""
    files = {"model.skops": skops_bytes(iris_classifier())}
    return write_artifact(directory, files, format_name="skops")


def infer_request(
    rows: Any,  # noqa: ANN401  # rows of numbers, nested or not
    *,
    datatype: str = "FP32",
    name: str = "input",
) -> dict[str, Any]:
    """Return the document of an inference request with one matrix."""
    values = [list(row) for row in rows]
    shape = [len(values), len(values[0]) if values else 4]
    return {"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": values}]}
