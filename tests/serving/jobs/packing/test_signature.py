"""A model's signature says which columns it takes, whether they may miss, and what it answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from perennial_serving import testing
from perennial_serving.codec.tensors import Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.packing import convert, signature
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.runtime.onnx import Onnx

FRAME = pd.DataFrame(load_iris().data, columns=["a", "b", "c", "d"])
TARGET = load_iris().target
SAMPLE = Sample({name: FRAME[name].to_numpy() for name in FRAME})


def test_numbers_are_one_matrix_with_the_columns_names() -> None:
    """A classifier fitted on a frame takes its columns and answers label and probabilities."""
    model = LogisticRegression(max_iter=500).fit(FRAME, TARGET)
    assert signature.of_estimator(model, SAMPLE) == Signature(
        inputs=(TensorSpec("input", "FP64", (-1, 4), columns=("a", "b", "c", "d")),),
        outputs=(
            TensorSpec("label", "INT64", (-1,)),
            TensorSpec("probabilities", "FP64", (-1, 3)),
        ),
        task="classification",
        classes=(0, 1, 2),
    )


def test_the_estimators_own_order_of_columns_counts() -> None:
    """Also if the data holds them in another order, or holds more."""
    model = LogisticRegression(max_iter=500).fit(FRAME[["d", "a"]], TARGET)
    assert signature.of_estimator(model, SAMPLE).inputs[0].columns == ("d", "a")


def test_a_model_fitted_on_a_matrix_takes_the_datas_order() -> None:
    """Its number of features must be that of the data."""
    model = LinearRegression().fit(FRAME.to_numpy(), TARGET)
    assert signature.of_estimator(model, SAMPLE).inputs[0].columns == ("a", "b", "c", "d")
    narrow = Sample({"a": SAMPLE.columns["a"]})
    with pytest.raises(Invalid, match="takes 4 features, the data has 1"):
        signature.of_estimator(model, narrow)


def test_missing_columns_are_named() -> None:
    """The sentence lists what the data lacks."""
    model = LinearRegression().fit(FRAME, TARGET)
    with pytest.raises(Invalid, match="lacks: c, d") as caught:
        signature.of_estimator(model, Sample(dict(list(SAMPLE.columns.items())[:2])))
    assert caught.value.reason == Reason.INPUTS_MISMATCH


@pytest.mark.parametrize(
    ("model", "may_miss"),
    [
        (HistGradientBoostingClassifier(max_iter=2), True),
        (LogisticRegression(max_iter=500), False),
        (KNeighborsClassifier(), False),
    ],
)
def test_values_may_miss_if_the_model_answers_without_them(
    model: object, *, may_miss: bool
) -> None:
    """What counts is what the model does, not what its class says."""
    described = signature.of_estimator(model.fit(FRAME, TARGET), SAMPLE)
    assert described.inputs[0].missing is may_miss


def test_texts_make_one_input_a_column() -> None:
    """Numbers beside them stay numbers; only those may miss."""

    class Reader:
        """Answers by a text and a number, as a pipeline of scikit-learn would."""

        _estimator_type = "regressor"
        feature_names_in_ = np.array(["city", "age"], dtype=object)

        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            """Return a number for each row, whatever misses."""
            return np.nan_to_num(frame["age"].to_numpy()) + frame["city"].str.len().to_numpy()

        def __sklearn_tags__(self) -> object:
            """Say what scikit-learn's regressors say."""
            return LinearRegression().__sklearn_tags__()

    rows = Sample({"city": np.array(["Rome"], dtype=object), "age": np.array([3.0])})
    assert signature.of_estimator(Reader(), rows) == Signature(
        inputs=(
            TensorSpec("city", "BYTES", (-1, 1)),
            TensorSpec("age", "FP64", (-1, 1), missing=True),
        ),
        outputs=(TensorSpec("prediction", "FP64", (-1,)),),
        task="regression",
    )


def test_text_classes_are_texts_and_scores_are_no_probabilities() -> None:
    """A classifier without predict_proba has its label only."""
    names = np.array(["x", "y", "z"])[TARGET]
    described = signature.of_estimator(LinearSVC().fit(FRAME, names), SAMPLE)
    assert described.outputs == (TensorSpec("label", "BYTES", (-1,)),)
    assert described.classes == ("x", "y", "z")


def test_many_targets_keep_their_shape() -> None:
    """A regression of two values answers two."""
    model = RandomForestRegressor(n_estimators=2).fit(FRAME, np.column_stack([TARGET, TARGET]))
    assert signature.of_estimator(model, SAMPLE).outputs[0].shape == (-1, 2)


def test_a_classifier_of_two_targets_is_refused() -> None:
    """Its classes are lists of lists, which no label tensor holds."""
    model = KNeighborsClassifier().fit(FRAME, np.column_stack([TARGET, TARGET]))
    with pytest.raises(Invalid, match="one target"):
        signature.of_estimator(model, SAMPLE)


def test_without_a_row_nothing_can_be_asked() -> None:
    """The sentence says what is missing."""
    model = LinearRegression().fit(FRAME, TARGET)
    with pytest.raises(Invalid, match="there is no row") as caught:
        signature.of_estimator(model, SAMPLE.take(slice(0, 0)))
    assert caught.value.reason == Reason.SIGNATURE_MISSING


def test_a_model_that_cannot_answer_its_data_is_refused() -> None:
    """A text where the model was fitted on numbers."""
    model = LinearRegression().fit(FRAME, TARGET)
    texts = Sample({**SAMPLE.columns, "a": np.array(["x"] * 150, dtype=object)})
    with pytest.raises(Invalid, match="cannot answer a row"):
        signature.of_estimator(model, texts)


def test_an_onnx_model_gets_names_and_classes() -> None:
    """The graph has neither; the data names the columns, the classifier node the classes."""
    data = testing.iris_onnx()
    described = signature.of_onnx(data, Onnx(data).signature, ["a", "b", "c", "d"])
    assert described.inputs[0].columns == ("a", "b", "c", "d")
    assert (described.task, described.classes) == ("classification", (0, 1, 2))


def test_classes_may_be_texts() -> None:
    """Those of the graph's classifier, in the order of its probabilities."""
    names = np.array(["x", "y", "z"])[TARGET]
    model = LogisticRegression(max_iter=500).fit(FRAME.to_numpy(), names)
    own = signature.of_estimator(model, SAMPLE)
    single = replace(own, inputs=(replace(own.inputs[0], datatype="FP32"),))
    graph = convert.raw_model(model, single).SerializeToString()
    described = signature.of_onnx(graph, Onnx(graph).signature, ["a", "b", "c", "d"])
    assert described.classes == ("x", "y", "z")


def test_an_onnx_regression_has_a_task_and_no_classes() -> None:
    """Its one number a row is the prediction."""
    derived = Signature(
        (TensorSpec("X", "FP64", (-1, 2)),), (TensorSpec("variable", "FP32", (-1, 1)),)
    )
    described = signature.of_onnx(testing.iris_onnx(), derived, [])
    assert (described.task, described.classes, described.inputs) == (
        "regression",
        (),
        derived.inputs,
    )


def test_samples_are_cut_and_joined_by_rows() -> None:
    """All columns keep their order and length."""
    assert (SAMPLE.names, SAMPLE.rows, Sample({}).rows) == (("a", "b", "c", "d"), 150, 0)
    two = SAMPLE.take(np.array([3, 5])).joined(SAMPLE.take(slice(0, 1)))
    assert two.columns["b"].tolist() == FRAME["b"].iloc[[3, 5, 0]].tolist()
