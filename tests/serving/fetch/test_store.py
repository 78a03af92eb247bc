"""Every storage scheme passes the conformance suite of stores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from perennial_serving.contract.manifest import MANIFEST_NAME
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import Entry, Store, read
from perennial_serving.fetch.store import open_store
from perennial_serving.testing import write_artifact

FILES = {"model.onnx": b"m" * 3_000_000, "deep/er/x": b"", "signature.json": b"{}"}
SCHEMES = ["file", "https", pytest.param("s3", marks=pytest.mark.e2e)]


@dataclass(frozen=True)
class Kind:
    """Where a scheme keeps the artifact, and how to get there."""

    place: str
    access: Access


def on_disk(folder: Path) -> Path:
    """Write the artifact."""
    write_artifact(folder, FILES, format_name="onnx")
    return folder


def _file(request: pytest.FixtureRequest) -> Kind:
    folder = on_disk(request.getfixturevalue("tmp_path") / "artifact")
    return Kind(folder.as_uri(), Access())


def _https(request: pytest.FixtureRequest) -> Kind:
    site = request.getfixturevalue("site")
    folder = on_disk(request.getfixturevalue("tmp_path"))
    for path in (*FILES, MANIFEST_NAME):
        site.page(f"/artifact/{path}", (folder / path).read_bytes())
    return Kind(site.url("/artifact/"), site.access())


def _s3(request: pytest.FixtureRequest) -> Kind:
    server = request.getfixturevalue("object_store")
    server.make_bucket("suite")
    access = Access(
        allowed_hosts=(server.endpoint,),
        allow_private_networks=True,
        credentials=server.credentials(),
    )
    folder = on_disk(request.getfixturevalue("tmp_path"))
    place = f"s3://suite/{folder.name}/artifact"  # a place of its own: tests share the server
    store = open_store(place, access)
    for path in (*FILES, MANIFEST_NAME):
        store.upload(path, folder / path)
    return Kind(place, access)


KINDS: dict[str, Callable[[pytest.FixtureRequest], Kind]] = {
    "file": _file,
    "https": _https,
    "s3": _s3,
}


@pytest.fixture(params=SCHEMES)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Give the artifact in each scheme."""
    return KINDS[request.param](request)


def opened(kind: Kind) -> Store:
    """Open the artifact's place."""
    return open_store(kind.place, kind.access)


def test_all_files_are_listed_with_their_sizes(kind: Kind) -> None:
    """Paths are relative to the place."""
    sizes = {path: len(data) for path, data in FILES.items()}
    listed = {entry.path: entry.size for entry in opened(kind).entries()}
    assert listed.pop(MANIFEST_NAME)
    assert listed == sizes


def test_a_file_comes_in_pieces(kind: Kind) -> None:
    """Never as a whole, however large; together they are the file."""
    pieces = list(opened(kind).chunks("model.onnx"))
    assert b"".join(pieces) == FILES["model.onnx"]
    assert max(map(len, pieces)) <= 2 * 2**20


def test_folders_and_empty_files_are_nothing_special(kind: Kind) -> None:
    """An empty file is read as such."""
    assert read(opened(kind), "deep/er/x", limit_bytes=1) == b""


def test_a_missing_file_is_not_found(kind: Kind) -> None:
    """A plain refusal, not a try-again."""
    with pytest.raises(Invalid) as caught:
        list(opened(kind).chunks("nothing"))
    assert caught.value.reason == Reason.NOT_FOUND


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "deep/../../x", "a\\b"])
def test_a_path_never_leaves_the_place(kind: Kind, path: str) -> None:
    """Refused before the store is asked."""
    with pytest.raises(Invalid) as caught:
        list(opened(kind).chunks(path))
    assert caught.value.reason == Reason.UNSAFE_PATH


def test_one_file_is_a_place_too(kind: Kind) -> None:
    """Called as the file is called."""
    store = open_store(f"{kind.place.rstrip('/')}/model.onnx", kind.access)
    (entry,) = store.entries()
    assert entry.path == "model.onnx"
    assert entry in (Entry("model.onnx", 3_000_000), Entry("model.onnx", None))
    assert b"".join(store.chunks("model.onnx")) == FILES["model.onnx"]


def test_an_empty_place_is_not_found(kind: Kind) -> None:
    """Nothing is listed where nothing is."""
    with pytest.raises(Invalid) as caught:
        open_store(f"{kind.place.rstrip('/')}-none/", kind.access).entries()
    assert caught.value.reason == Reason.NOT_FOUND


def test_a_written_file_can_be_read(kind: Kind, tmp_path: Path) -> None:
    """Small ones from memory, large ones from disk; a new one is written once."""
    store = opened(kind)
    if kind.place.startswith("https"):
        with pytest.raises(Invalid, match="read-only"):
            store.write("new", b"1")
        with pytest.raises(Invalid, match="read-only"):
            store.upload("new", tmp_path)
        return
    assert store.write("new/small", b"1", is_new=True)
    assert not store.write("new/small", b"2", is_new=True)
    assert read(store, "new/small", limit_bytes=1) == b"1"
    assert store.write("new/small", b"3")
    assert read(store, "new/small", limit_bytes=1) == b"3"
    (tmp_path / "large").write_bytes(b"l" * 7_000_000)
    store.upload("new/large", tmp_path / "large")
    assert read(store, "new/large", limit_bytes=7_000_000) == b"l" * 7_000_000
