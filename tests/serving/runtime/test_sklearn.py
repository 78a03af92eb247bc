"""scikit-learn models: described, loaded by an allow-list, asked with what they were trained on."""

import io
import json
import warnings
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from perennial_serving.codec.tensors import FREE, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime import sklearn
from perennial_serving.runtime.sklearn import Sklearn, signature_of
from perennial_serving.testing import (
    IRIS_ROW,
    diabetes_regressor,
    iris_classifier,
    joblib_bytes,
    skops_bytes,
)

MATRIX = TensorSpec("input", "FP64", (FREE, 4))
ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
LIMIT = 10**7


def test_a_classifier_describes_itself() -> None:
    """One matrix in, label and probabilities out, classes in their order."""
    assert signature_of(iris_classifier()) == Signature(
        inputs=(MATRIX,),
        outputs=(
            TensorSpec("label", "INT64", (FREE,)),
            TensorSpec("probabilities", "FP64", (FREE, 3)),
        ),
        task="classification",
        classes=(0, 1, 2),
    )


def test_texts_may_be_classes_and_probabilities_may_lack() -> None:
    """A ridge classifier gives labels only."""
    signature = signature_of(RidgeClassifier().fit(ROWS, ["a", "b", "a"]))
    assert signature.outputs == (TensorSpec("label", "BYTES", (FREE,)),)
    assert signature.classes == ("a", "b")


def test_a_regressor_predicts_one_number_or_several() -> None:
    """The shape of a prediction is that of the targets."""
    assert signature_of(diabetes_regressor()).outputs[0].shape == (FREE,)
    several = signature_of(LinearRegression().fit(ROWS, ROWS))
    assert several.outputs[0] == TensorSpec("prediction", "FP64", (FREE, 2))
    assert several.task == "regression"


def test_missing_values_are_allowed_where_the_estimator_takes_them() -> None:
    """Histogram boosting does, logistic regression does not."""
    boosting = HistGradientBoostingClassifier(max_iter=2).fit(ROWS, [0, 1, 0])
    assert signature_of(boosting).inputs[0].missing
    assert not signature_of(iris_classifier()).inputs[0].missing


@pytest.mark.parametrize(
    "estimator",
    [
        BaseEstimator(),
        KMeans(n_clusters=2, n_init=1).fit(ROWS),
        DummyClassifier().fit(ROWS, np.array([[0, 1], [1, 0], [1, 1]])),
    ],
)
def test_what_cannot_describe_itself_needs_a_signature(estimator: Any) -> None:  # noqa: ANN401  # untyped
    """The refusal says which file to add."""
    with pytest.raises(Invalid, match=r"signature\.json") as caught:
        signature_of(estimator)
    assert caught.value.reason == Reason.SIGNATURE_MISSING


def test_a_model_trained_on_names_is_asked_by_names() -> None:
    """scikit-learn would warn otherwise, and warnings are errors here."""
    frame = pd.DataFrame(ROWS, columns=["a", "b"])
    model = Sklearn(LogisticRegression().fit(frame, [0, 1, 0]))
    assert model.signature.inputs[0].columns == ("a", "b")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.run({"input": ROWS}, ["label"])[0].shape == (3,)


def test_names_of_a_regressor_are_used_when_it_is_described() -> None:
    """The row of zeros that finds the shape has names, too."""
    frame = pd.DataFrame(ROWS, columns=["a", "b"])
    assert signature_of(LinearRegression().fit(frame, [1, 2, 3])).outputs[0].shape == (FREE,)


def test_inputs_of_several_kinds_become_a_table() -> None:
    """Numbers and texts, one tensor a column."""
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0], "city": ["x", "y", "x"]})
    encode = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    pipeline = make_pipeline(encode, LogisticRegression()).fit(frame, [0, 1, 0])
    signature = Signature(
        inputs=(TensorSpec("size", "FP64", (FREE, 1)), TensorSpec("city", "BYTES", (FREE, 1))),
        outputs=(TensorSpec("label", "INT64", (FREE,)),),
    )
    inputs = {
        "size": np.array([[1.0], [2.0]]),
        "city": np.array([["x"], ["y"]], dtype=object),
    }
    expected = pipeline.predict(frame[:2]).tolist()
    assert Sklearn(pipeline, signature).run(inputs, ["label"])[0].tolist() == expected


def test_a_signature_must_name_what_the_estimator_gives() -> None:
    """Unknown outputs, and probabilities of an estimator that has none, are refused."""
    for name in ("score", "probabilities"):
        signature = Signature((MATRIX,), (TensorSpec(name, "FP64", (FREE, 2)),))
        with pytest.raises(Invalid) as caught:
            Sklearn(RidgeClassifier().fit(ROWS, [0, 1, 0]), signature)
        assert caught.value.reason == Reason.SIGNATURE_INVALID


def test_a_skops_file_gives_the_same_answers() -> None:
    """Saved and loaded, nothing changes."""
    loaded = Sklearn(sklearn.load_skops(skops_bytes(iris_classifier()), size_limit_bytes=LIMIT))
    rows = np.array([IRIS_ROW])
    expected = iris_classifier().predict_proba(rows)
    assert np.array_equal(loaded.run({"input": rows}, ["probabilities"])[0], expected)


class Stranger(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that is in no allow-list."""

    n_features_in_ = 1


def test_a_skops_file_with_another_type_is_refused() -> None:
    """The type is named, and nothing of it runs."""
    with pytest.raises(Invalid, match="Stranger") as caught:
        sklearn.load_skops(skops_bytes(Stranger()), size_limit_bytes=LIMIT)
    assert caught.value.reason == Reason.UNSAFE_FORMAT


def archive(**files: bytes) -> bytes:
    """Return a zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04 no zip", Reason.FORMAT_MISMATCH),
        (archive(other=b"{}"), Reason.FORMAT_MISMATCH),
        (archive(**{"schema.json": b"{}"}), Reason.FORMAT_MISMATCH),
        (archive(**{"schema.json": b"no json"}), Reason.FORMAT_MISMATCH),
        (
            archive(**{"schema.json": json.dumps({"__loader__": "X"}).encode()}),
            Reason.FORMAT_MISMATCH,
        ),
        (archive(**{"schema.json": b"0" * (LIMIT + 1)}), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_skops_file_is_refused(data: bytes, reason: Reason) -> None:
    """Broken archives, foreign archives, and bombs."""
    with pytest.raises(Invalid) as caught:
        sklearn.load_skops(data, size_limit_bytes=LIMIT)
    assert caught.value.reason == reason


def test_a_joblib_file_is_loaded_or_refused() -> None:
    """Whether it may be loaded at all is decided elsewhere."""
    assert isinstance(sklearn.load_joblib(joblib_bytes(iris_classifier())), LogisticRegression)
    for data in (b"\x80\x04", b"\x80\x04cno_such_module\nX\n.", b"x"):
        with pytest.raises(Invalid) as caught:
            sklearn.load_joblib(data)
        assert caught.value.reason == Reason.FORMAT_MISMATCH
