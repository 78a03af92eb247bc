"""Publishing: files first, the manifest last and once."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

from pathlib import Path

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.download import download
from perennial_serving.fetch.publish import publish
from perennial_serving.testing import write_artifact

FILES = {"model.onnx": b"m" * 6_000_000, "deep/x.json": b"{}"}


def names_in(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(child.name for child in folder.iterdir())


def made(folder: Path, files: dict[str, bytes]) -> str:
    """Write an artifact and return its digest."""
    return write_artifact(folder, files, format_name="onnx")


def test_what_is_published_can_be_fetched(tmp_path: Path) -> None:
    """By its digest, complete."""
    digest = made(tmp_path / "made", FILES)
    uri = (tmp_path / "store/models").as_uri()
    assert publish(tmp_path / "made", uri, Access())
    (tmp_path / "models").mkdir()
    assert download(uri, tmp_path / "models", Access(), digest=digest).digest == digest


def test_publishing_twice_is_publishing_once(tmp_path: Path) -> None:
    """A step that is run again finds its work done, and touches nothing."""
    made(tmp_path / "made", FILES)
    publish(tmp_path / "made", (tmp_path / "store").as_uri(), Access())
    before = (tmp_path / "store/model.onnx").stat().st_mtime_ns
    assert not publish(tmp_path / "made", (tmp_path / "store").as_uri(), Access())
    assert (tmp_path / "store/model.onnx").stat().st_mtime_ns == before


def test_another_artifact_at_the_same_place_is_refused(tmp_path: Path) -> None:
    """What was published never changes."""
    made(tmp_path / "one", FILES)
    made(tmp_path / "two", {**FILES, "deep/x.json": b"[]"})
    uri = (tmp_path / "store").as_uri()
    publish(tmp_path / "one", uri, Access())
    with pytest.raises(Invalid) as caught:
        publish(tmp_path / "two", uri, Access())
    assert caught.value.reason == Reason.DIGEST_MISMATCH


def test_a_half_published_artifact_is_completed(tmp_path: Path) -> None:
    """A step that died before the manifest starts again."""
    made(tmp_path / "made", FILES)
    (tmp_path / "store").mkdir()
    (tmp_path / "store/model.onnx").write_bytes(b"half")
    assert publish(tmp_path / "made", (tmp_path / "store").as_uri(), Access())
    assert (tmp_path / "store/model.onnx").read_bytes() == FILES["model.onnx"]
    assert names_in(tmp_path / "store") == ["deep", "manifest.json", "model.onnx"]


def test_two_publishers_of_the_same_artifact_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second sees the manifest only when it writes its own."""
    made(tmp_path / "made", FILES)
    uri = (tmp_path / "store").as_uri()
    publish(tmp_path / "made", uri, Access())
    seen = iter([None, (tmp_path / "made/manifest.json").read_bytes()])
    monkeypatch.setattr("perennial_serving.fetch.publish._manifest", lambda _store: next(seen))
    assert not publish(tmp_path / "made", uri, Access())


def test_the_web_cannot_be_published_to(tmp_path: Path, site) -> None:
    """An output is a bucket or a folder."""
    made(tmp_path / "made", FILES)
    with pytest.raises(Invalid, match="read-only"):
        publish(tmp_path / "made", site.url("/store/"), site.access())


@pytest.mark.e2e
def test_a_bucket_is_published_to_and_fetched_from(tmp_path: Path, object_store) -> None:
    """In parts, with the manifest by a conditional request."""
    object_store.make_bucket("publish")
    guard = Access(
        allowed_hosts=(object_store.endpoint,),
        allow_private_networks=True,
        credentials=object_store.credentials(),
    )
    digest = made(tmp_path / "made", FILES)
    assert publish(tmp_path / "made", "s3://publish/out/x", guard)
    assert not publish(tmp_path / "made", "s3://publish/out/x", guard)
    (tmp_path / "models").mkdir()
    assert download("s3://publish/out/x/", tmp_path / "models", guard, digest=digest)
    made(tmp_path / "other", {**FILES, "deep/x.json": b"[]"})
    with pytest.raises(Invalid) as caught:
        publish(tmp_path / "other", "s3://publish/out/x", guard)
    assert caught.value.reason == Reason.DIGEST_MISMATCH


def test_a_store_that_refuses_is_not_written_to(tmp_path: Path) -> None:
    """A file lies where the folder should be."""
    made(tmp_path / "made", FILES)
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(Invalid) as caught:
        publish(tmp_path / "made", (tmp_path / "store/x").as_uri(), Access())
    assert caught.value.reason == Reason.UNSAFE_PATH
