"""Local files: no link is followed, no half-written file is seen, errors are ours."""

import errno
import os
from pathlib import Path

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, PerennialError, Unavailable
from perennial_serving.fetch import disk


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOENT, Invalid, Reason.NOT_FOUND),
        (errno.EACCES, Invalid, Reason.ACCESS_DENIED),
        (errno.EPERM, Invalid, Reason.ACCESS_DENIED),
        (errno.ENOSPC, Unavailable, Reason.DISK_FULL),
        (errno.EDQUOT, Unavailable, Reason.DISK_FULL),
        (errno.ELOOP, Invalid, Reason.UNSAFE_PATH),
        (errno.ENOTDIR, Invalid, Reason.UNSAFE_PATH),
        (errno.EIO, Unavailable, Reason.SOURCE_UNAVAILABLE),
    ],
)
def test_an_error_of_the_disk_becomes_ours(
    number: int, kind: type[PerennialError], reason: Reason
) -> None:
    """Without the path that the system names."""
    with pytest.raises(kind) as caught, disk.translated():
        raise OSError(number, os.strerror(number), "/secret/path")
    assert caught.value.reason == reason
    assert "/secret" not in caught.value.message


def names_in(folder: Path) -> list[str]:
    """Return what a folder holds."""
    return sorted(child.name for child in folder.iterdir())


def content(root: Path, path: str) -> bytes:
    """Read a file below a root."""
    with os.fdopen(disk.open_below(root, path), "rb") as stream:
        return stream.read()


def test_a_file_below_the_root_is_opened(tmp_path: Path) -> None:
    """Through its folders."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_bytes(b"x")
    assert content(tmp_path, "a/b/c") == b"x"


@pytest.mark.parametrize("path", ["link", "folder/x", "link-to-folder/x", "pipe", "folder"])
def test_links_devices_and_folders_are_refused(tmp_path: Path, path: str) -> None:
    """Also in the middle of the way; a pipe does not hang the reader."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "folder/x").symlink_to(tmp_path / "outside/x")
    (root / "link").symlink_to(tmp_path / "outside/x")
    (root / "link-to-folder").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "pipe")
    with pytest.raises(Invalid) as caught, disk.translated():
        content(root, path)
    assert caught.value.reason == Reason.UNSAFE_PATH


def test_sizes_are_those_of_real_files(tmp_path: Path) -> None:
    """A link has none."""
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert disk.size_of(tmp_path / "a") == 3
    with pytest.raises(Invalid):
        disk.size_of(tmp_path / "b")


def test_a_new_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Read-only, in a folder of its own, over what an earlier try left."""
    target = tmp_path / "folder/file"
    target.parent.mkdir()
    (tmp_path / "folder/file.partial").write_bytes(b"old")
    with disk.new_file(target) as descriptor:
        disk.write_all(descriptor, b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o444
    assert names_in(target.parent) == ["file"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """Neither the file nor its beginning."""
    with pytest.raises(KeyError), disk.new_file(tmp_path / "file"):
        raise KeyError
    assert names_in(tmp_path) == []


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    """The beginning of a file is removed and made anew."""
    (tmp_path / "victim").write_bytes(b"safe")
    (tmp_path / "file.partial").symlink_to(tmp_path / "victim")
    with disk.new_file(tmp_path / "file") as descriptor:
        disk.write_all(descriptor, b"new")
    assert (tmp_path / "victim").read_bytes() == b"safe"
