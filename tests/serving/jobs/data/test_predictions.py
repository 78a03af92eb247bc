"""Rows of a table get the answers that live requests would get; one bad row costs itself only."""

import doctest
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.datasets import load_iris

from perennial_serving import testing
from perennial_serving.codec.tensors import Array, Signature, Tensors, TensorSpec
from perennial_serving.jobs.data import predictions
from perennial_serving.runtime.onnx import Onnx
from perennial_serving.runtime.sklearn import Sklearn

NAMES = testing.IRIS_COLUMNS
DATA, TARGET = load_iris(return_X_y=True)


class Picky:
    """A model that refuses every batch that holds a number above its limit."""

    platform = "test"
    is_threaded = False

    def __init__(self, limit: float) -> None:
        """Refuse above the limit."""
        self.signature = Signature(
            (TensorSpec("input", "FP64", (-1, 1), columns=("x",)),),
            (TensorSpec("prediction", "FP64", (-1,)),),
        )
        self.limit, self.batches = limit, 0

    def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        """Double the numbers."""
        self.batches += 1
        if (inputs["input"] > self.limit).any():
            message = "too large"
            raise ValueError(message)
        return [inputs["input"][:, 0] * 2 for _ in outputs]


def iris_columns(data: np.ndarray = DATA) -> dict[str, np.ndarray]:
    """Return the rows by column."""
    return dict(zip(NAMES, data.T, strict=True))


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(predictions).failed == 0


def test_every_row_gets_the_models_answer() -> None:
    """Labels and probabilities are those of the estimator itself, in more than one batch."""
    estimator = testing.iris_classifier()
    model = Sklearn(estimator)
    described = predictions.named(model.signature, NAMES)
    many = np.tile(DATA, (10, 1))
    found = predictions.answers(model, described, iris_columns(many))
    classes = ["0", "1", "2"]
    labels = predictions.class_labels(found, described, classes)
    assert labels.tolist() == estimator.predict(many).tolist()
    probabilities = predictions.class_probabilities(found, described, classes)
    assert probabilities == pytest.approx(estimator.predict_proba(many))


def test_a_converted_model_is_asked_through_the_codec() -> None:
    """Doubles become the floats that its signature takes, as those of a request do."""
    model = Onnx(testing.iris_onnx(), testing.iris_signature())
    found = predictions.answers(model, model.signature, iris_columns())
    assert found.scored.all()
    expected = testing.iris_classifier().predict(DATA)
    assert found.outputs["label"].tolist() == expected.tolist()


def test_a_row_that_the_codec_refuses_is_unscored() -> None:
    """Infinity, and a missing value where none is taken; its neighbors are scored."""
    data = DATA.copy()
    data[3, 0], data[70, 2] = np.nan, np.inf
    model = Sklearn(testing.iris_classifier())
    described = predictions.named(model.signature, NAMES)
    found = predictions.answers(model, described, iris_columns(data))
    assert np.flatnonzero(~found.scored).tolist() == [3, 70]
    labels = predictions.class_labels(found, described, ["0", "1", "2"])
    assert np.flatnonzero(labels < 0).tolist() == [3, 70]
    probabilities = predictions.class_probabilities(found, described, ["0", "1", "2"])
    assert np.flatnonzero(np.isnan(probabilities).all(axis=1)).tolist() == [3, 70]


def test_a_row_that_the_model_refuses_is_found_by_halving() -> None:
    """Two bad rows of a thousand cost a few dozen calls, not a thousand, and nobody else."""
    values = np.arange(1000.0)
    values[[17, 900]] = 1e9
    model = Picky(1e6)
    found = predictions.answers(model, model.signature, {"x": values})
    numbers = predictions.predictions(found, model.signature)
    assert np.flatnonzero(np.isnan(numbers)).tolist() == [17, 900]
    assert numbers[18] == 36.0
    assert model.batches < 60


def test_a_table_without_a_column_is_unscored_as_a_whole() -> None:
    """A model that cannot be fed has no answer at all."""
    model = Sklearn(testing.iris_classifier())
    described = predictions.named(model.signature, NAMES)
    found = predictions.answers(model, described, {NAMES[0]: DATA[:, 0]})
    assert not found.scored.any()
    assert predictions.class_labels(found, described, ["0"]).tolist() == [-1] * 150


def test_no_rows_have_no_answers() -> None:
    """An empty table gives empty answers of the right shape."""
    model = Sklearn(testing.iris_classifier())
    described = predictions.named(model.signature, NAMES)
    found = predictions.answers(model, described, iris_columns(DATA[:0]))
    assert found.outputs["probabilities"].shape == (0, 3)


def test_classes_are_put_in_the_asked_order() -> None:
    """A class that the model does not know has probability 0, an unknown label is wrong."""
    model = Sklearn(testing.iris_classifier())
    described = predictions.named(model.signature, NAMES)
    found = predictions.answers(model, described, iris_columns())
    turned = predictions.class_probabilities(found, described, ["2", "x", "0"])
    plain = predictions.class_probabilities(found, described, ["0", "1", "2"])
    assert turned[:, [0, 2]] == pytest.approx(plain[:, [2, 0]])
    assert (turned[:, 1] == 0).all()
    assert predictions.class_labels(found, described, ["2", "x", "0"])[60] == -1


def test_a_matrix_without_names_takes_the_features_in_order() -> None:
    """Only if their number fits; named columns stay. Doubles may become the floats it takes."""
    bare = Signature((TensorSpec("X", "FP32", (-1, 4)),), (TensorSpec("y", "FP32", (-1, 1)),))
    assert predictions.column_names(predictions.named(bare, NAMES)) == NAMES
    assert predictions.named(bare, NAMES[:3]).inputs == (
        TensorSpec("X", "FP32", (-1, 4), narrow=True),
    )
    known = testing.iris_signature()
    assert predictions.named(known, ("a", "b", "c", "d")) == known


@pytest.mark.parametrize(
    ("outputs", "task"),
    [
        ([("label", "INT64", (-1,)), ("probabilities", "FP32", (-1, 3))], "classification"),
        ([("output_label", "BYTES", (-1,)), ("scores", "FP32", (-1, 3))], "classification"),
        ([("variable", "FP32", (-1, 1))], "regression"),
        ([("prediction", "FP64", (-1,)), ("spread", "FP64", (-1,))], "regression"),
        ([("label", "INT64", (-1,))], "classification"),
        ([("embedding", "FP32", (-1, 128))], ""),
        ([("low", "FP32", (-1,)), ("high", "FP32", (-1,))], ""),
    ],
)
def test_the_task_follows_from_the_outputs(outputs: list, task: str) -> None:
    """By our names, or by type and shape; what cannot be compared has no task."""
    specs = tuple(TensorSpec(*output) for output in outputs)
    assert predictions.task_of(Signature((), specs)) == task


def test_a_prediction_may_be_a_column() -> None:
    """Converters give regressions one column; its numbers are the answers."""
    described = Signature((), (TensorSpec("variable", "FP32", (-1, 1)),))
    found = predictions.Answers(np.array([True, False]), {"variable": np.array([[2.5]])})
    numbers = predictions.predictions(found, described)
    assert np.array_equal(numbers, [2.5, np.nan], equal_nan=True)


def test_a_classifier_without_probabilities_has_none() -> None:
    """Its labels count; its probabilities are missing, never guessed."""
    described = Signature((), (TensorSpec("label", "INT64", (-1,)),), classes=(0, 1))
    found = predictions.Answers(np.array([True, True]), {"label": np.array([1, 0])})
    assert predictions.class_labels(found, described, ["0", "1"]).tolist() == [1, 0]
    assert np.isnan(predictions.class_probabilities(found, described, ["0", "1"])).all()


def test_one_input_a_column_is_fed_by_name() -> None:
    """Texts and numbers together; a NaN in a number that may miss is no reason to refuse."""
    described = Signature(
        (TensorSpec("n", "FP64", (-1, 1), missing=True), TensorSpec("t", "BYTES", (-1, 1))),
        (TensorSpec("prediction", "FP64", (-1,)),),
    )

    class Lengths(Picky):
        """Adds the length of the text to the number."""

        def run(self, inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
            """Add; NaN counts as 0."""
            lengths = [len(text) for text in inputs["t"].ravel()]
            return [np.nan_to_num(inputs["n"].ravel()) + lengths for _ in outputs]

    columns = {"n": np.array([1.0, np.nan]), "t": np.array(["ab", ""], dtype=object)}
    found = predictions.answers(Lengths(0), described, columns)
    assert predictions.column_names(described) == ("n", "t")
    assert predictions.predictions(found, described).tolist() == [3.0, 0.0]


@pytest.mark.parametrize(
    ("datatype", "values", "expected"),
    [
        ("INT64", [3.0, 2.5, np.nan, -1.0], [6.0, np.nan, np.nan, -2.0]),
        ("INT8", [3.0, 2.5, 128.0], [6.0, np.nan, np.nan]),
        ("UINT8", [-1.0, 255.0], [np.nan, 510.0]),
        ("BOOL", [1.0, 0.0, 0.5], [2.0, 0.0, np.nan]),
        ("FP32", [1.5, np.inf], [3.0, np.nan]),
        ("BYTES", [1.0], [np.nan]),
    ],
)
def test_numbers_come_in_the_type_that_the_model_asks_for(
    datatype: str, values: list[float], expected: list[float]
) -> None:
    """Whole numbers and booleans as such; a value that is none, or would not fit, is unscored."""
    model = Picky(1e6)
    model.signature = Signature(
        (TensorSpec("x", datatype, (-1, 1), narrow=True),), model.signature.outputs
    )

    def run(inputs: Tensors, outputs: Sequence[str]) -> list[Array]:
        return [inputs["x"].ravel().astype(float) * 2 for _ in outputs]

    model.run = run
    found = predictions.answers(model, model.signature, {"x": np.array(values)})
    numbers = predictions.predictions(found, model.signature)
    assert np.array_equal(numbers, expected, equal_nan=True)
