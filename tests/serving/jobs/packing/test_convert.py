"""Each way to convert a model is tried in order, with our names, and none raises."""

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from perennial_serving.jobs.packing import convert, signature, thresholds
from perennial_serving.jobs.packing.convert import Candidate, Failure
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.runtime.onnx import Onnx

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def tried(model: object, data: tuple = CANCER) -> list[Candidate | Failure]:
    """Return all candidates of a model of real rows."""
    columns = {f"c{place}": column for place, column in enumerate(data[0].T)}
    described = signature.of_estimator(model.fit(*data), Sample(columns))
    return list(convert.candidates(model, described))


def test_trees_are_tried_in_32_and_then_in_64_bits() -> None:
    """Both have exact thresholds; the trees' answers are always in 32."""
    found = tried(HistGradientBoostingClassifier(max_iter=3))
    assert [candidate.method.split(",")[0] for candidate in found] == ["FP32", "FP64"]
    assert [candidate.signature.inputs[0].datatype for candidate in found] == ["FP32", "FP64"]
    assert [candidate.signature.inputs[0].narrow for candidate in found] == [True, False]
    assert {candidate.signature.outputs[1].datatype for candidate in found} == {"FP32"}


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), CANCER),
        (make_pipeline(StandardScaler(), Ridge()), DIABETES),
    ],
)
def test_linear_models_are_tried_in_64_bits_first(model: Pipeline, data: tuple) -> None:
    """Nothing is rounded where nothing must be."""
    assert [candidate.method for candidate in tried(model, data)] == ["FP64", "FP32"]


@pytest.mark.parametrize(
    ("model", "data", "names"),
    [
        (HistGradientBoostingClassifier(max_iter=2), CANCER, ["label", "probabilities"]),
        (GradientBoostingRegressor(n_estimators=2), DIABETES, ["prediction"]),
        (LinearSVC(), (StandardScaler().fit_transform(CANCER[0]), CANCER[1]), ["label"]),
    ],
)
def test_outputs_have_our_names_and_the_natives_shapes(
    model: object, data: tuple, names: list[str]
) -> None:
    """A converted model loads with its signature and answers in the same form."""
    candidate = next(found for found in tried(model, data) if isinstance(found, Candidate))
    loaded = Onnx(candidate.data, candidate.signature)
    assert [spec.name for spec in candidate.signature.outputs] == names
    matrix = data[0][:5].astype(candidate.signature.inputs[0].dtype)
    answers = loaded.run({"input": matrix}, names)
    for answer, spec in zip(answers, candidate.signature.outputs, strict=True):
        assert answer.shape == (5, *spec.shape[1:])


def test_a_model_without_converter_is_a_failure_not_an_error() -> None:
    """The record says which ways were tried and why each failed."""
    data = (DIABETES[0][:, :1], DIABETES[1])
    found = tried(IsotonicRegression(), data)
    assert all(isinstance(failure, Failure) for failure in found)
    assert found[0].why.startswith("no conversion: Missing")


def test_splits_on_categories_and_odd_labels_are_not_even_tried() -> None:
    """What no converter can do right is left as trained."""
    data = np.column_stack([np.arange(200.0) % 5, np.arange(200.0)])
    target = (data[:, 0] % 2).astype(int)
    model = HistGradientBoostingClassifier(categorical_features=[0], max_iter=3)
    assert tried(model, (data, target)) == [
        Failure("FP32", "the trees split on sets of categories")
    ]
    labels = LogisticRegression()
    assert "class labels" in tried(labels, (data, target.astype(bool)))[0].why


def test_trees_that_do_not_correspond_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the converter one day numbers its nodes otherwise, nothing is served on a guess."""

    def shifted(source: object) -> list:
        return [((tree + 1, node), asked) for (tree, node), asked in exact(source)]

    exact = thresholds._exact_thresholds  # noqa: SLF001  # the converter's numbering is its one user
    monkeypatch.setattr(thresholds, "_exact_thresholds", shifted)
    found = tried(HistGradientBoostingClassifier(max_iter=3))
    assert [failure.why for failure in found] == [
        "the converted trees are not those of the model"
    ] * 2


def test_equal_models_are_converted_to_equal_bytes() -> None:
    """So a repeated harvest names the same artifact."""
    one = tried(make_pipeline(StandardScaler(), LogisticRegression()))
    two = tried(make_pipeline(StandardScaler(), LogisticRegression()))
    assert one == two
    assert onnx.load_from_string(one[0].data).graph.input[0].name == "input"
