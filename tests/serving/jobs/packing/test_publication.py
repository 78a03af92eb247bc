"""Models by hand: files and estimators become published artifacts, pickles only where allowed."""

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from perennial_serving import testing
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch import download
from perennial_serving.fetch.access import Access
from perennial_serving.jobs.packing import publication
from perennial_serving.jobs.publish import Options

FRAME = load_iris(as_frame=True).data
TARGET = load_iris().target
ROWS = pa.Table.from_pandas(FRAME)
MODEL = LogisticRegression(max_iter=500).fit(FRAME, TARGET)


def halved(data: pd.DataFrame) -> pd.DataFrame:
    """Be a step that no other program knows."""
    return data / 2


def odd_model() -> object:
    """Return a model that skops cannot load: it calls a function of this file."""
    model = make_pipeline(FunctionTransformer(halved), LogisticRegression(max_iter=500))
    return model.fit(FRAME, TARGET)


def test_an_estimator_with_rows_is_converted() -> None:
    """Columns that the model does not take, like the label, are left out of the sample."""
    rows = ROWS.append_column("target", pa.array(TARGET))
    packed = publication.packed_estimator(MODEL, rows, Options(name="iris"))
    assert packed.format == "onnx"
    assert b'"model": "iris"' in packed.files["run.json"]
    assert b'"petal length (cm)": 0.0' in packed.files["run.json"]
    assert b"target" not in packed.files["run.json"]


def test_an_estimator_without_rows_stays_as_trained() -> None:
    """Nothing can be proved."""
    packed = publication.packed_estimator(MODEL, None, Options())
    assert (packed.format, packed.note) == ("skops", "no rows to prove a conversion on")


def test_what_skops_refuses_becomes_a_joblib_file_only_if_allowed() -> None:
    """Without the permission the reason names what is not allowed."""
    with pytest.raises(Invalid) as caught:
        publication.packed_estimator(odd_model(), ROWS, Options())
    assert caught.value.reason == Reason.UNSAFE_FORMAT
    packed = publication.packed_estimator(odd_model(), ROWS, Options(allow_unsafe_formats=True))
    assert packed.format == "joblib"
    assert "model.joblib" in packed.files


def test_a_skops_file_is_packed_with_its_own_bytes(tmp_path: Path) -> None:
    """The source in the artifact is the file itself."""
    data = skops.io.dumps(MODEL)
    (tmp_path / "m.skops").write_bytes(data)
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    packed = publication.packed_file(tmp_path / "m.skops", tmp_path / "rows.csv", Options())
    assert packed.files["source.skops"] == data


@pytest.mark.parametrize("name", ["m.joblib", "m.pkl"])
def test_a_pickle_is_not_opened_without_permission(name: str, tmp_path: Path) -> None:
    """Loading it would run its author's code; with permission it is converted like any model."""
    joblib.dump(MODEL, tmp_path / name)
    with pytest.raises(Invalid, match="any code of their author") as caught:
        publication.packed_file(tmp_path / name, None, Options())
    assert caught.value.reason == Reason.UNSAFE_FORMAT
    FRAME.to_parquet(tmp_path / "rows.parquet")
    allowed = Options(allow_unsafe_formats=True)
    packed = publication.packed_file(tmp_path / name, tmp_path / "rows.parquet", allowed)
    assert (packed.format, "source.joblib" in packed.files) == ("onnx", True)


def test_an_onnx_file_is_packed_as_it_is(tmp_path: Path) -> None:
    """With rows or without; another format is refused."""
    (tmp_path / "m.onnx").write_bytes(testing.iris_onnx())
    FRAME.to_parquet(tmp_path / "rows.parquet")
    for rows in (None, tmp_path / "rows.parquet"):
        packed = publication.packed_file(tmp_path / "m.onnx", rows, Options())
        assert packed.files["model.onnx"] == testing.iris_onnx()
    with pytest.raises(Invalid, match="only be published as ONNX"):
        publication.packed_file(tmp_path / "m.onnx", None, Options(format="skops"))


def test_another_file_is_refused_by_its_ending(tmp_path: Path) -> None:
    """The sentence lists the endings."""
    (tmp_path / "m.h5").write_bytes(b"")
    with pytest.raises(Invalid, match=r"\.onnx, \.skops, \.joblib, \.pkl"):
        publication.packed_file(tmp_path / "m.h5", None, Options())


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (FRAME[["sepal width (cm)"]], ["sepal width (cm)"]),
        (pa.table({"a": [1.0]}), ["a"]),
        ({"a": [1.0], "b": ["x"]}, ["a", "b"]),
        (np.zeros((3, 2)), ["x0", "x1"]),
    ],
)
def test_rows_come_in_many_forms(rows: object, names: list[str]) -> None:
    """A data frame, a table, columns by name, a matrix."""
    assert publication.sample_of(rows).column_names == names
    assert publication.sample_of(None) is None


def test_a_model_fitted_on_a_matrix_takes_rows_of_a_matrix() -> None:
    """Its columns are called by their numbers."""
    model = LogisticRegression(max_iter=500).fit(FRAME.to_numpy(), TARGET)
    rows = publication.sample_of(FRAME.to_numpy())
    packed = publication.packed_estimator(model, rows, Options())
    assert b'"x3"' in packed.files["signature.json"]


def test_a_published_artifact_is_found_by_its_digest(tmp_path: Path) -> None:
    """It downloads again under the digest that was printed; publishing twice changes nothing."""
    packed = publication.packed_estimator(MODEL, ROWS, Options())
    to = f"file://{tmp_path}/store/"
    found = publication.published(packed, to, Access())
    assert found.uri == f"file://{tmp_path}/store/models/sha256/{found.digest[7:]}"
    (tmp_path / "copy").mkdir()
    fetched = download.download(found.uri, tmp_path / "copy", Access(), digest=found.digest)
    assert fetched.digest == found.digest
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("store/**/*.json")}
    assert publication.published(packed, to, Access()) == found
    assert {path: path.stat().st_mtime_ns for path in before} == before
