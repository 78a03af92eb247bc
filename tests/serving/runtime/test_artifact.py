"""Manifests on disk: paths that cannot hurt, digests that cannot be mistaken."""

import doctest
import hashlib
import json
from pathlib import Path

import pytest

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import ListedFile
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.runtime import artifact

SHA256 = hashlib.sha256(b"").hexdigest()
TRICKS = [
    *("../x", "a/../../x", "/etc/passwd", "./x", "a//b", "a/", "", ".", "..", ".hidden"),
    *(
        "a\\b",
        "..\\x",
        "a\x00b",
        "a\nb",
        "C:/x",
        "~/x/../y",
        "a/.ssh/x",
        "x\u202ey",
        "manifest.json",
    ),
]


def manifest_of(*paths: str) -> bytes:
    """Return a manifest that lists paths."""
    files = [{"path": path, "size": 0, "sha256": SHA256} for path in paths]
    return json.dumps({"v": 1, "format": "onnx", "model": paths[0], "files": files}).encode()


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(artifact).failed == 0


@pytest.mark.parametrize("path", TRICKS)
@pytest.mark.parametrize("position", [0, 1])
def test_a_path_trick_in_a_manifest_is_refused(path: str, position: int) -> None:
    """As the model file and as any other; the reason tells an attack from a mistake."""
    paths = ["model.onnx", "other"]
    paths[position] = path
    with pytest.raises(Invalid) as caught:
        artifact.parse_manifest(manifest_of(*paths))
    assert caught.value.reason in {Reason.UNSAFE_PATH, Reason.MANIFEST_INVALID}
    assert path in {"", "manifest.json"} or caught.value.reason == Reason.UNSAFE_PATH


@pytest.mark.parametrize("paths", [("model.onnx", "MODEL.onnx"), ("model.onnx", "a", "a/b")])
def test_paths_that_meet_on_a_disk_are_refused(paths: tuple[str, ...]) -> None:
    """Equal but for case, or a file that would be a folder too."""
    with pytest.raises(Invalid) as caught:
        artifact.parse_manifest(manifest_of(*paths))
    assert caught.value.reason == Reason.UNSAFE_PATH


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"\xff", manifest_of("model.onnx")[:-1]])
def test_another_form_is_no_manifest(text: bytes) -> None:
    """The refusal names the file."""
    with pytest.raises(Invalid, match=r"manifest\.json") as caught:
        artifact.parse_manifest(text)
    assert caught.value.reason == Reason.MANIFEST_INVALID


@pytest.mark.parametrize("path", TRICKS)
def test_a_path_is_checked_by_itself(path: str) -> None:
    """Before a file is opened."""
    with pytest.raises(Invalid):
        artifact.check_path(path)


def test_a_directory_becomes_a_manifest(tmp_path: Path) -> None:
    """All files below it, sorted, but not the manifest itself."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/weights.bin").write_bytes(b"1")
    (tmp_path / "model.onnx").write_bytes(b"22")
    (tmp_path / "manifest.json").write_bytes(b"old")
    text = artifact.build_manifest(tmp_path, format_name="onnx", model="model.onnx")
    described = artifact.parse_manifest(text)
    assert [(file.path, file.size) for file in described.files] == [
        ("a/weights.bin", 1),
        ("model.onnx", 2),
    ]
    assert described.files[0].sha256 == hashlib.sha256(b"1").hexdigest()


def test_a_directory_without_its_model_is_no_artifact(tmp_path: Path) -> None:
    """A mistake is found where it is made."""
    (tmp_path / "other").write_bytes(b"")
    with pytest.raises(Invalid, match="model file"):
        artifact.build_manifest(tmp_path, format_name="onnx", model="model.onnx")


def test_a_directory_without_a_manifest_has_the_digest_of_its_index() -> None:
    """Sorted by path, one line a file."""
    files = [ListedFile("b", 2, "22"), ListedFile("a", 1, "11")]
    assert artifact.index_digest(files) == manifest.digest(b"11 1 a\n22 2 b\n")
