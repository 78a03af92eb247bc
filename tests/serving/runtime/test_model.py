"""Every runtime passes the same conformance suite: one port, one behavior."""

from collections.abc import Callable

import numpy as np
import pytest

from perennial_serving.batch import warmup
from perennial_serving.codec import datatypes
from perennial_serving.codec.tensors import FREE, LABEL, PREDICTION, PROBABILITIES, TensorSpec
from perennial_serving.runtime.model import Model
from perennial_serving.runtime.onnx import Onnx
from perennial_serving.runtime.sklearn import Sklearn
from perennial_serving.testing import diabetes_regressor, iris_classifier, iris_onnx, iris_signature

RUNTIMES: dict[str, Callable[[], Model]] = {
    "onnx": lambda: Onnx(iris_onnx(), iris_signature()),
    "onnx without a signature": lambda: Onnx(iris_onnx()),
    "sklearn classifier": lambda: Sklearn(iris_classifier()),
    "sklearn regressor": lambda: Sklearn(diabetes_regressor()),
}


@pytest.fixture(params=RUNTIMES, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    """Return a model of each runtime."""
    return RUNTIMES[request.param]()


def rows(model: Model, count: int) -> dict[str, np.ndarray]:
    """Return random rows for a model."""
    spec = model.signature.inputs[0]
    return {spec.name: np.random.default_rng(1).random((count, spec.shape[1])).astype(spec.dtype)}


def fits(array: np.ndarray, spec: TensorSpec, count: int) -> bool:
    """Say whether an output is what the signature promises."""
    wanted = (count, *(array.shape[i] if s == FREE else s for i, s in enumerate(spec.shape) if i))
    return array.shape == wanted and datatypes.name_of(array.dtype) == spec.datatype


@pytest.mark.parametrize("count", [1, 2, 65])
def test_outputs_are_what_the_signature_promises(model: Model, count: int) -> None:
    """Names, datatypes and shapes, for any number of rows."""
    specs = model.signature.outputs
    outputs = model.run(rows(model, count), [spec.name for spec in specs])
    assert all(fits(array, spec, count) for array, spec in zip(outputs, specs, strict=True))


def test_outputs_come_in_the_order_asked_for(model: Model) -> None:
    """Also some of them only."""
    names = [spec.name for spec in model.signature.outputs][::-1]
    everything = model.run(rows(model, 3), names)
    for name, array in zip(names, everything, strict=True):
        assert np.array_equal(model.run(rows(model, 3), [name])[0], array)


def test_names_are_those_of_the_task(model: Model) -> None:
    """Clients see the same names for converted and native models."""
    names = {spec.name for spec in model.signature.outputs}
    assert names in ({LABEL, PROBABILITIES}, {PREDICTION})


def test_rows_do_not_see_each_other(model: Model) -> None:
    """Together or one by one, the answers are the same."""
    assert warmup.warm(model, [rows(model, 20)]).is_mergeable


def test_it_names_its_platform(model: Model) -> None:
    """Metadata and metrics show it."""
    assert model.platform in {"onnxruntime_onnx", "sklearn"}
    assert model.is_threaded is (model.platform == "sklearn")
