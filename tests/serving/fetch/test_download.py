"""Downloads: complete and verified, or nothing; capped in size, number and memory."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import json
from pathlib import Path
from typing import Any

import pytest

from perennial_serving.contract import manifest
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, PerennialError
from perennial_serving.fetch import retry
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.download import Fetched, Limits, download
from perennial_serving.runtime import artifact
from perennial_serving.testing import write_artifact

FILES = {"model.onnx": b"m" * 1000, "deep/x.json": b"{}"}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause between tries last."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a folder with a complete artifact."""
    write_artifact(tmp_path / "source", FILES, format_name="onnx")
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Give an empty folder."""
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def names_in(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(child.name for child in folder.iterdir())


def digest_of(source: Path) -> str:
    """Return the digest of a folder with a manifest."""
    return manifest.digest((source / "manifest.json").read_bytes())


def refusal(source: Path, target: Path, **options: Any) -> str:  # noqa: ANN401  # download's own
    """Return the reason for which nothing was brought."""
    with pytest.raises(PerennialError) as caught:
        download(source.as_uri(), target, Access(), **options)
    return caught.value.reason


def test_an_artifact_arrives_as_it_was(source: Path, target: Path) -> None:
    """All files, the manifest, and nothing else; read-only."""
    fetched = download(source.as_uri(), target, Access(), digest=digest_of(source))
    size = len((source / "manifest.json").read_bytes()) + 1002
    assert fetched == Fetched(digest_of(source), size)
    for path, data in FILES.items():
        assert (target / path).read_bytes() == data
        assert (target / path).stat().st_mode & 0o777 == 0o444
    assert names_in(target) == ["deep", "manifest.json", "model.onnx"]


def test_without_a_digest_the_artifact_tells_its_own(source: Path, target: Path) -> None:
    """So an unpinned URI is resolved."""
    assert download(source.as_uri(), target, Access()).digest == digest_of(source)


def test_one_file_has_the_digest_of_its_bytes(source: Path, target: Path) -> None:
    """It keeps its name."""
    (source / "manifest.json").unlink()
    fetched = download(f"{source.as_uri()}/model.onnx", target, Access())
    assert fetched == Fetched(manifest.digest(FILES["model.onnx"]), 1000)
    assert names_in(target) == ["model.onnx"]


def test_a_folder_without_a_manifest_has_the_digest_of_its_index(
    source: Path, target: Path
) -> None:
    """The same that the server computes."""
    (source / "manifest.json").unlink()
    index = artifact.index_digest(artifact.listed(source, path) for path in FILES)
    assert download(source.as_uri(), target, Access(), digest=index).digest == index


@pytest.mark.parametrize("uri", ["", "/model.onnx"])
def test_another_digest_is_refused(source: Path, target: Path, uri: str) -> None:
    """Of an artifact and of a file."""
    with pytest.raises(Invalid) as caught:
        download(f"{source.as_uri()}{uri}", target, Access(), digest=manifest.digest(b""))
    assert caught.value.reason == Reason.DIGEST_MISMATCH


def change(source: Path, kind: str) -> None:
    """Damage an artifact."""
    if kind == "changed":
        (source / "model.onnx").write_bytes(b"x" * 1000)
    elif kind == "short":
        (source / "model.onnx").write_bytes(b"m")
    elif kind == "long":
        (source / "model.onnx").write_bytes(b"m" * 1001)
    elif kind == "missing":
        (source / "model.onnx").unlink()
    else:
        (source / "extra").write_bytes(b"")


@pytest.mark.parametrize("kind", ["changed", "short", "long", "missing", "extra"])
def test_a_damaged_artifact_is_refused(source: Path, target: Path, kind: str) -> None:
    """The manifest never arrives, so nothing can be loaded."""
    digest = digest_of(source)
    change(source, kind)
    assert refusal(source, target, digest=digest) in {Reason.DIGEST_MISMATCH, Reason.TOO_LARGE}
    assert not (target / "manifest.json").exists()


PATHS = ["../evil", "/tmp/evil", "a/../../evil", "a\\evil", ".evil", "evil/", "a//evil", "C:evil"]  # noqa: S108  # a trick


@pytest.mark.parametrize("path", PATHS)
def test_a_path_trick_in_a_manifest_writes_nothing(site, target: Path, path: str) -> None:
    """Nothing outside of the folder, and nothing in it."""
    file = {"path": path, "size": 1, "sha256": manifest.digest(b"x")[7:]}
    text = json.dumps({"v": 1, "format": "onnx", "model": path, "files": [file]}).encode()
    site.page("/m/manifest.json", text)
    with pytest.raises(Invalid) as caught:
        download(site.url("/m/"), target, site.access(), digest=manifest.digest(text))
    assert caught.value.reason == Reason.UNSAFE_PATH
    assert names_in(target) == []
    assert not (target.parent / "evil").exists()


@pytest.mark.parametrize(
    ("limits", "has_manifest"),
    [
        (Limits(size_bytes=1001), True),
        (Limits(size_bytes=1001), False),
        (Limits(files=1), True),
        (Limits(files=1), False),
    ],
)
def test_large_artifacts_are_refused_before_a_byte_is_read(
    source: Path, target: Path, limits: Limits, *, has_manifest: bool
) -> None:
    """In bytes and in files."""
    if not has_manifest:
        (source / "manifest.json").unlink()
    assert refusal(source, target, limits=limits) == Reason.TOO_LARGE
    assert names_in(target) == []


def test_a_file_of_unknown_size_is_cut_off(site, target: Path) -> None:
    """The web does not say sizes; the stream ends at the limit and nothing stays."""
    site.page("/model.onnx", b"m" * 1000)
    with pytest.raises(Invalid) as caught:
        download(site.url("/model.onnx"), target, site.access(), limits=Limits(size_bytes=999))
    assert caught.value.reason == Reason.TOO_LARGE
    assert names_in(target) == []


def test_a_manifest_may_not_promise_more_than_the_limit(site, target: Path) -> None:
    """The sum of the listed sizes counts."""
    file = {"path": "model.onnx", "size": 10**15, "sha256": manifest.digest(b"x")[7:]}
    text = json.dumps({"v": 1, "format": "onnx", "model": "model.onnx", "files": [file]}).encode()
    site.page("/m/manifest.json", text)
    with pytest.raises(Invalid) as caught:
        download(site.url("/m/"), target, site.access())
    assert caught.value.reason == Reason.TOO_LARGE


def test_a_manifest_that_changes_under_our_eyes_is_noticed(site, target: Path) -> None:
    """What was listed and what is read later must fit."""
    small = {"path": "model.onnx", "size": 1, "sha256": manifest.digest(b"x")[7:]}
    for size in (1, 10**15):
        files = [{**small, "size": size}]
        document = {"v": 1, "format": "onnx", "model": "model.onnx", "files": files}
        site.page("/m/manifest.json", json.dumps(document).encode())
    with pytest.raises(Invalid) as caught:
        download(site.url("/m/"), target, site.access())
    assert caught.value.reason == Reason.TOO_LARGE


def test_an_empty_folder_is_nothing(tmp_path: Path, target: Path) -> None:
    """There is no empty model."""
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty", target) == Reason.NOT_FOUND


def test_a_volume_that_is_too_small_is_named(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the download fills it."""
    free = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: free)
    assert refusal(source, target) == Reason.DISK_FULL


def test_a_store_that_stumbles_is_asked_again(site, target: Path) -> None:
    """Two errors, then the file: the download is good."""
    site.page("/model.onnx", status=503)
    site.page("/model.onnx", status=500)
    site.page("/model.onnx", b"hello")
    fetched = download(site.url("/model.onnx"), target, site.access())
    assert fetched == Fetched(manifest.digest(b"hello"), 5)
