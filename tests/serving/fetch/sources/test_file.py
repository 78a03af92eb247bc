"""Files on disk: links are refused, unfinished writes are not seen."""

from pathlib import Path

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import Entry, Store
from perennial_serving.fetch.store import open_store


def names_in(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(child.name for child in folder.iterdir())


def store_of(folder: Path) -> Store:
    """Open a folder as a store."""
    return open_store(folder.as_uri(), Access())


def test_unfinished_writes_are_not_listed(tmp_path: Path) -> None:
    """A writer that died leaves a file that nobody reads."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / ".perennial-abc").write_bytes(b"half")
    assert store_of(tmp_path).entries() == [Entry("a", 1)]


@pytest.mark.parametrize("name", ["link", ".hidden", "a b\n"])
def test_a_strange_file_makes_the_place_unsafe(tmp_path: Path, name: str) -> None:
    """Links, hidden files and odd names are no part of an artifact."""
    (tmp_path / "a").write_bytes(b"1")
    if name == "link":
        (tmp_path / name).symlink_to(tmp_path / "a")
    else:
        (tmp_path / name).write_bytes(b"1")
    with pytest.raises(Invalid) as caught:
        store_of(tmp_path).entries()
    assert caught.value.reason == Reason.UNSAFE_PATH


def test_a_link_as_the_file_itself_is_refused(tmp_path: Path) -> None:
    """Only folders on the way to the place may be links: mounts are."""
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(Invalid) as caught:
        store_of(tmp_path / "b").entries()
    assert caught.value.reason == Reason.UNSAFE_PATH


def test_a_write_leaves_no_trace_of_itself(tmp_path: Path) -> None:
    """Neither when it works nor when the file was there already."""
    store = store_of(tmp_path)
    store.write("a", b"1", is_new=True)
    store.write("a", b"2", is_new=True)
    store.write("a", b"3")
    assert names_in(tmp_path) == ["a"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_write_into_a_closed_folder_is_denied(tmp_path: Path) -> None:
    """A file where a folder is due cannot be written below."""
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(Invalid):
        store_of(tmp_path).write("a/b", b"1")
