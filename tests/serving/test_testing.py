"""The helpers of tests make what the product takes."""

from pathlib import Path

import pytest

from perennial_serving.codec.decode import Decoder, Limits
from perennial_serving.runtime import load
from perennial_serving.runtime.load import Options
from perennial_serving.testing import (
    IRIS_ROW,
    diabetes_regressor,
    infer_request,
    iris_signature,
    joblib_bytes,
    write_artifact,
    write_iris_onnx,
    write_iris_skops,
)


@pytest.mark.parametrize("write", [write_iris_onnx, write_iris_skops])
def test_the_written_artifacts_load(tmp_path: Path, write: object) -> None:
    """By the digest that the helper returns; both forms take the same row."""
    assert callable(write)
    loaded = load.load(tmp_path, Options(digest=write(tmp_path)))
    rows = loaded.model.signature.inputs[0].shape
    assert rows == (-1, len(IRIS_ROW))


def test_a_request_helper_makes_requests() -> None:
    """Of any rows, also of none."""
    decoder = Decoder(iris_signature(), Limits())
    for count in (0, 1, 3):
        text = str(infer_request([IRIS_ROW] * count)).replace("'", '"').encode()
        assert decoder.decode(text).rows == count


def test_an_unsafe_file_can_be_made_for_tests(tmp_path: Path) -> None:
    """Refused unless it is allowed, as any joblib file."""
    files = {"model.joblib": joblib_bytes(diabetes_regressor())}
    digest = write_artifact(tmp_path, files, format_name="joblib")
    options = Options(digest=digest, declared_format="joblib", allow_unsafe_formats=True)
    assert load.load(tmp_path, options).model.signature.task == "regression"
