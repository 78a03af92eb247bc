"""A fitted model becomes an artifact: ONNX where that is proved, else itself; always complete."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from perennial_serving import testing
from perennial_serving.codec.decode import Decoder
from perennial_serving.codec.decode import Limits as DecoderLimits
from perennial_serving.codec.tensors import parse_signature
from perennial_serving.contract.manifest import MANIFEST_NAME, digest
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import predictions
from perennial_serving.jobs.packing import artifact, signature
from perennial_serving.jobs.packing.artifact import Native, Packed, Wish
from perennial_serving.jobs.packing.equivalence import Limits
from perennial_serving.jobs.packing.signature import Sample
from perennial_serving.runtime import load

DATA = {
    "digits": load_digits(as_frame=True),
    "cancer": load_breast_cancer(as_frame=True),
    "wine": load_wine(as_frame=True),
    "diabetes": load_diabetes(as_frame=True),
}
LINEAR = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def native(model: object, name: str) -> tuple[Native, Sample]:
    """Fit a model on a bundled data set; return it with its rows."""
    data = DATA[name]
    model.fit(data.data, data.target)
    sample = Sample({column: data.data[column].to_numpy(dtype=float) for column in data.data})
    return Native(model, skops.io.dumps(model), "skops"), sample


def loaded(packed: Packed, folder: Path) -> load.Loaded:
    """Write an artifact and load it as the predictor does."""
    for path, data in packed.files.items():
        (folder / path).write_bytes(data)
    (folder / MANIFEST_NAME).write_bytes(packed.manifest())
    return load.load(folder, load.Options(digest=digest(packed.manifest())))


def record(packed: Packed) -> dict[str, Any]:
    """Return the record of the conversion."""
    return json.loads(packed.files["conversion.json"])


@pytest.mark.parametrize(
    ("model", "name", "method"),
    [
        (HistGradientBoostingClassifier(max_iter=10, random_state=0), "digits", "FP32"),
        (HistGradientBoostingClassifier(max_iter=20, random_state=0), "cancer", "FP64"),
        (HistGradientBoostingRegressor(max_iter=20, random_state=0), "diabetes", "FP64"),
        (RandomForestClassifier(n_estimators=10, random_state=0), "wine", "FP32"),
        (ExtraTreesRegressor(n_estimators=5, random_state=0), "diabetes", "FP32"),
        (LINEAR, "cancer", "FP64"),
        (make_pipeline(StandardScaler(), Ridge()), "diabetes", "FP64"),
        (
            make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
            "cancer",
            "FP64, cast to 32 bits before the trees",
        ),
    ],
)
def test_real_models_are_converted_and_answer_as_before(
    model: object, name: str, *, method: str, tmp_path: Path
) -> None:
    """The served form is ONNX, proved, and its labels or numbers are the estimator's own."""
    source, sample = native(model, name)
    packed = artifact.pack(source, sample, Wish())
    assert (packed.format, packed.note) == ("onnx", "")
    assert record(packed)["method"].startswith(method)
    served = loaded(packed, tmp_path).model
    found = predictions.answers(served, served.signature, sample.columns)
    expected = source.estimator.predict(DATA[name].data)
    answer = found.outputs[served.signature.outputs[0].name]
    assert answer == pytest.approx(expected, rel=1e-4)


def test_an_artifact_holds_all_its_parts(tmp_path: Path) -> None:
    """Model, source, signature, rows to warm up with, the proof, and what the run was."""
    source, sample = native(LINEAR, "wine")
    packed = artifact.pack(source, sample, Wish(run={"runId": "r", "nullRates": {"alcohol": 0.0}}))
    assert set(packed.files) == {
        "model.onnx",
        "source.skops",
        "signature.json",
        "warmup.json",
        "conversion.json",
        "run.json",
    }
    assert packed.size_bytes() == sum(len(data) for data in packed.files.values())
    run = json.loads(packed.files["run.json"])
    assert run == {"v": 1, "runId": "r", "nullRates": {"alcohol": 0.0}, "classes": [0, 1, 2]}
    found = record(packed)
    assert found["sourceDigest"] == digest(source.data)
    assert found["modelDigest"] == digest(packed.files["model.onnx"])
    assert found["tried"][-1]["real_rows"] == 178
    assert loaded(packed, tmp_path).format == "onnx"


def test_the_warm_up_request_is_one_that_the_model_takes() -> None:
    """It is decoded by the signature, and holds the first rows."""
    source, sample = native(LINEAR, "wine")
    packed = artifact.pack(source, sample, Wish())
    described = parse_signature(packed.files["signature.json"])
    (request,) = json.loads(packed.files["warmup.json"])
    decoded = Decoder(described, DecoderLimits(10**6, 10**4)).decode(json.dumps(request).encode())
    assert decoded.rows == artifact.WARMUP_ROWS
    assert decoded.inputs["input"][0, 0] == DATA["wine"].data.iloc[0, 0]


def test_a_missing_number_in_the_warm_up_is_null() -> None:
    """JSON has no NaN."""
    described = testing.iris_signature()
    described = replace(described, inputs=(replace(described.inputs[0], missing=True),))
    columns = {name: np.array([np.nan, 1.0]) for name in testing.IRIS_COLUMNS}
    (request,) = json.loads(artifact.warmup(described, Sample(columns))["warmup.json"])
    assert request["inputs"][0]["data"] == [None] * 4 + [1.0] * 4


def test_rows_that_no_request_could_send_warm_nothing_up() -> None:
    """They are passed over; without any other row there is no warm-up."""
    columns = {name: np.array([np.nan, 1.0, np.inf]) for name in testing.IRIS_COLUMNS}
    described = testing.iris_signature()
    (request,) = json.loads(artifact.warmup(described, Sample(columns))["warmup.json"])
    assert request["inputs"][0]["shape"] == [1, 4]
    odd = {name: column[:1] for name, column in columns.items()}
    assert artifact.warmup(described, Sample(odd)) == {}


def test_the_same_model_is_packed_to_the_same_bytes() -> None:
    """A repeat names the same artifact."""
    source, sample = native(LINEAR, "wine")
    wish = Wish(run={"runId": "r"})
    assert artifact.pack(source, sample, wish) == artifact.pack(source, sample, wish)


def test_a_model_without_converter_is_served_as_trained(tmp_path: Path) -> None:
    """The record and the note say why."""
    data = DATA["diabetes"]
    model = IsotonicRegression(out_of_bounds="clip").fit(data.data[["bmi"]], data.target)
    sample = Sample({"bmi": data.data["bmi"].to_numpy()})
    packed = artifact.pack(Native(model, skops.io.dumps(model), "skops"), sample, Wish())
    assert packed.format == "skops"
    assert packed.note == record(packed)["why"]
    assert packed.note.startswith("no conversion")
    assert loaded(packed, tmp_path).model.signature.task == "regression"


def test_a_demanded_format_is_given_or_refused() -> None:
    """ONNX that is not proved is refused; skops is not even converted."""
    source, sample = native(make_pipeline(StandardScaler(), Ridge()), "diabetes")
    strict = Limits(max_abs_diff=-1.0)
    with pytest.raises(Invalid, match="numbers differ") as caught:
        artifact.pack(source, sample, Wish(format="onnx", limits=strict))
    assert caught.value.reason == Reason.NOT_EQUIVALENT
    assert artifact.pack(source, sample, Wish(limits=strict)).format == "skops"
    packed = artifact.pack(source, sample, Wish(format="skops"))
    assert (packed.format, packed.note, "model.onnx" in packed.files) == ("skops", "", False)


def test_missing_values_are_refused_where_only_the_source_knows_them() -> None:
    """A forest's converter ignores missing values; without any in the rows they are refused."""
    source, sample = native(RandomForestClassifier(n_estimators=5, random_state=0), "wine")
    packed = artifact.pack(source, sample, Wish())
    assert record(packed)["method"].endswith("missing values refused")
    assert not parse_signature(packed.files["signature.json"]).inputs[0].missing
    holed = {**sample.columns, "alcohol": sample.columns["alcohol"].copy()}
    holed["alcohol"][:20] = np.nan
    assert artifact.pack(source, Sample(holed), Wish()).format == "skops"


def test_texts_and_numbers_together_are_converted(tmp_path: Path) -> None:
    """Real rows with one column as words: each column is an input, unseen words included."""
    data = DATA["cancer"].data.iloc[:, :4].copy()
    data["size"] = np.where(data["mean radius"] > 14, "large", "small").astype(object)
    columns = ["mean texture", "mean area", "size"]
    prepared = ColumnTransformer(
        [
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["size"]),
            ("numbers", "passthrough", ["mean texture", "mean area"]),
        ]
    )
    trees = HistGradientBoostingClassifier(max_iter=10, random_state=0)
    model = Pipeline([("features", prepared), ("model", trees)])
    model.fit(data[columns], DATA["cancer"].target)
    sample = Sample({name: data[name].to_numpy() for name in columns})
    packed = artifact.pack(Native(model, skops.io.dumps(model), "skops"), sample, Wish())
    assert packed.format == "onnx"
    served = loaded(packed, tmp_path).model
    assert [spec.name for spec in served.signature.inputs] == columns
    found = predictions.answers(served, served.signature, sample.columns)
    assert found.outputs["label"].tolist() == model.predict(data[columns]).tolist()


def test_a_signature_of_the_trainer_is_kept() -> None:
    """Its names and classes are what is served."""
    source, sample = native(LINEAR, "wine")
    own = signature.of_estimator(source.estimator, sample)
    own = replace(own, inputs=(replace(own.inputs[0], name="chemistry"),))
    packed = artifact.pack(source, sample, Wish(), given=own)
    assert parse_signature(packed.files["signature.json"]).inputs[0].name == "chemistry"


def test_an_onnx_model_is_packed_as_it_is(tmp_path: Path) -> None:
    """Its bytes are untouched; rows give it column names and a warm-up."""
    data = testing.iris_onnx()
    rows = Sample({name: np.array([1.0]) for name in testing.IRIS_COLUMNS})
    packed = artifact.pack_onnx(data, rows, Wish(), given=None)
    assert packed.files["model.onnx"] == data
    described = parse_signature(packed.files["signature.json"])
    assert described.inputs[0].columns == testing.IRIS_COLUMNS
    assert json.loads(packed.files["run.json"])["classes"] == [0, 1, 2]
    assert loaded(packed, tmp_path).warmup
    bare = artifact.pack_onnx(data, None, Wish(), given=testing.iris_signature())
    assert "warmup.json" not in bare.files


def test_without_rows_nothing_is_converted(tmp_path: Path) -> None:
    """The model is served as trained; ONNX is refused, since it cannot be proved."""
    source, _ = native(LINEAR, "wine")
    packed = artifact.pack_unproved(source, Wish())
    assert (packed.format, packed.note) == ("skops", "no rows to prove a conversion on")
    assert loaded(packed, tmp_path).model.signature.classes == (0, 1, 2)
    assert artifact.pack_unproved(source, Wish(format="skops")).note == ""
    with pytest.raises(Invalid, match="give a sample"):
        artifact.pack_unproved(source, Wish(format="onnx"))


def test_a_candidate_that_does_not_load_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A converter that one day writes what the runtime refuses costs the speed, not the model."""

    def refused(*_arguments: object, **_named: object) -> None:
        raise Invalid(Reason.OPERATOR_REFUSED, "an operator of another domain")

    source, sample = native(LINEAR, "wine")
    monkeypatch.setattr(artifact, "Onnx", refused)
    packed = artifact.pack(source, sample, Wish())
    assert packed.format == "skops"
    assert "does not load: OperatorRefused" in packed.note
