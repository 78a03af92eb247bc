"""Model directories: verified bytes, one loader a format, no fallback, nothing unsafe."""

import json
import pickle
from pathlib import Path

import pytest

from perennial_serving.contract import manifest
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime import artifact, load
from perennial_serving.runtime.load import Options
from perennial_serving.testing import (
    infer_request,
    iris_classifier,
    iris_onnx,
    joblib_bytes,
    skops_bytes,
    write_artifact,
    write_iris_onnx,
    write_iris_skops,
)


def refusal(directory: Path, options: Options) -> str:
    """Return the reason for which a directory is refused."""
    with pytest.raises(Invalid) as caught:
        load.load(directory, options)
    return caught.value.reason


@pytest.mark.parametrize("write", [write_iris_onnx, write_iris_skops])
def test_an_artifact_is_loaded_by_its_manifest(tmp_path: Path, write: object) -> None:
    """The format comes from the manifest, the digest is the manifest's."""
    assert callable(write)
    digest = write(tmp_path)
    loaded = load.load(tmp_path, Options(digest=digest))
    assert (loaded.digest, loaded.model.signature.has_rows) == (digest, True)
    assert loaded.size_bytes == (tmp_path / f"model.{loaded.format}").stat().st_size


def test_warm_up_requests_come_with_the_model(tmp_path: Path) -> None:
    """As bodies, ready for the decoder."""
    loaded = load.load(tmp_path, Options(digest=write_iris_onnx(tmp_path)))
    assert [json.loads(body) for body in loaded.warmup] == [infer_request([(5.1, 3.5, 1.4, 0.2)])]


def test_a_single_file_is_a_model(tmp_path: Path) -> None:
    """Its digest is that of its bytes; without a format it is ONNX."""
    (tmp_path / "anything").write_bytes(iris_onnx())
    loaded = load.load(tmp_path, Options())
    assert (loaded.digest, loaded.format) == (manifest.digest(iris_onnx()), "onnx")


def test_a_directory_without_a_manifest_is_a_model(tmp_path: Path) -> None:
    """Its digest is that of the index; signature and warm-up rows are found by name."""
    write_iris_onnx(tmp_path)
    (tmp_path / "manifest.json").unlink()
    files = [artifact.listed(tmp_path, path) for path in artifact.paths_below(tmp_path)]
    loaded = load.load(tmp_path, Options())
    assert loaded.digest == artifact.index_digest(files)
    assert (loaded.model.signature.classes, len(loaded.warmup)) == ((0, 1, 2), 1)


def test_a_plain_directory_without_extras_is_a_model(tmp_path: Path) -> None:
    """The graph then describes itself."""
    (tmp_path / "model.onnx").write_bytes(iris_onnx())
    (tmp_path / "README").write_bytes(b"")
    assert load.load(tmp_path, Options()).model.signature.inputs[0].name == "input"


@pytest.mark.parametrize("path", ["manifest.json", "model.onnx", "signature.json", "warmup.json"])
def test_a_flipped_byte_is_noticed(tmp_path: Path, path: str) -> None:
    """In any file that is read."""
    digest = write_iris_onnx(tmp_path)
    data = bytearray((tmp_path / path).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / path).write_bytes(data)
    reason = refusal(tmp_path, Options(digest=digest))
    assert reason in {Reason.DIGEST_MISMATCH, Reason.MANIFEST_INVALID, Reason.UNSAFE_PATH}


def test_an_older_model_is_not_the_one_asked_for(tmp_path: Path) -> None:
    """A complete artifact with another digest is refused."""
    write_iris_onnx(tmp_path)
    assert refusal(tmp_path, Options(digest=manifest.digest(b""))) == Reason.DIGEST_MISMATCH


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    """What the manifest lists must be there."""
    digest = write_iris_onnx(tmp_path)
    (tmp_path / "model.onnx").unlink()
    assert refusal(tmp_path, Options(digest=digest)) == Reason.NOT_FOUND


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Not even to the right bytes."""
    digest = write_iris_onnx(tmp_path / "model")
    (tmp_path / "model/model.onnx").rename(tmp_path / "elsewhere")
    (tmp_path / "model/model.onnx").symlink_to(tmp_path / "elsewhere")
    assert refusal(tmp_path / "model", Options(digest=digest)) == Reason.UNSAFE_PATH


def test_files_have_a_limit(tmp_path: Path) -> None:
    """Larger ones are not read to their end."""
    digest = write_iris_onnx(tmp_path)
    assert refusal(tmp_path, Options(digest=digest, size_limit_bytes=100)) == Reason.TOO_LARGE


def test_nothing_is_no_model(tmp_path: Path) -> None:
    """Nor are files without a model among them."""
    assert refusal(tmp_path, Options()) == Reason.NOT_FOUND
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"")
    assert refusal(tmp_path, Options(declared_format="skops")) == Reason.NOT_FOUND


def test_warm_up_rows_must_be_a_list(tmp_path: Path) -> None:
    """The file holds requests."""
    files = {"model.onnx": iris_onnx(), "warmup.json": b"{}"}
    write_artifact(tmp_path, files, format_name="onnx")
    assert refusal(tmp_path, Options()) == Reason.WARMUP_FAILED


FILES = {
    "onnx": iris_onnx(),
    "skops": skops_bytes(iris_classifier()),
    "joblib": joblib_bytes(iris_classifier()),
}


@pytest.mark.parametrize("declared", FILES)
@pytest.mark.parametrize("real", FILES)
def test_a_file_of_another_format_is_never_loaded(tmp_path: Path, declared: str, real: str) -> None:
    """First bytes must agree with the declared format; there is no fallback."""
    if declared == real:
        return
    digest = write_artifact(tmp_path, {f"model.{declared}": FILES[real]}, format_name=declared)
    options = Options(digest=digest, declared_format=declared, allow_unsafe_formats=True)
    assert refusal(tmp_path, options) == Reason.FORMAT_MISMATCH


@pytest.mark.parametrize("declared", ["onnx", "pickle"])
def test_a_format_that_differs_from_the_manifest_is_refused(tmp_path: Path, declared: str) -> None:
    """Spec and artifact must say the same."""
    digest = write_iris_skops(tmp_path)
    options = Options(digest=digest, declared_format=declared)
    assert refusal(tmp_path, options) == Reason.FORMAT_MISMATCH


class Payload:
    """What an attacker would pickle."""

    def __init__(self, marker: Path) -> None:
        """Remember the file that must never appear."""
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Make unpickling write the marker file."""
        return (Path.touch, (self.marker,))


def test_joblib_needs_the_setting_the_format_and_the_digest(tmp_path: Path) -> None:
    """With one of them missing, not a byte is unpickled."""
    marker = tmp_path / "marker"
    model = tmp_path / "model"
    files = {"model.joblib": pickle.dumps(Payload(marker))}
    digest = write_artifact(model, files, format_name="joblib")
    for options in (
        Options(digest=digest, declared_format="joblib"),
        Options(digest=digest, allow_unsafe_formats=True),
        Options(declared_format="joblib", allow_unsafe_formats=True),
    ):
        assert refusal(model, options) == Reason.UNSAFE_FORMAT
    assert not marker.exists()


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("declared", ["onnx", "skops"])
def test_a_renamed_pickle_is_never_run(tmp_path: Path, protocol: int, declared: str) -> None:
    """Whatever its name says."""
    marker = tmp_path / "marker"
    data = pickle.dumps(Payload(marker), protocol=protocol)
    digest = write_artifact(tmp_path / "m", {f"model.{declared}": data}, format_name=declared)
    options = Options(digest=digest, allow_unsafe_formats=True)
    assert refusal(tmp_path / "m", options) == Reason.FORMAT_MISMATCH
    assert not marker.exists()


def test_joblib_is_loaded_when_all_three_agree(tmp_path: Path) -> None:
    """The administrator, the spec and the digest."""
    digest = write_artifact(tmp_path, {"model.joblib": FILES["joblib"]}, format_name="joblib")
    options = Options(digest=digest, declared_format="joblib", allow_unsafe_formats=True)
    assert load.load(tmp_path, options).format == "joblib"
