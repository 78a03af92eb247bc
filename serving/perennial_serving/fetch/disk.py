"""Careful handling of local files: no link is followed, no half-written file is ever seen."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, PerennialError, Unavailable

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_PARTIAL = ".partial"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNSAFE = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the disk into ours."""
    try:
        yield
    except OSError as error:
        raise _ours(error) from error


def _ours(error: OSError) -> PerennialError:
    if isinstance(error, FileNotFoundError):
        return Invalid(Reason.NOT_FOUND, "there is nothing at this place; set another URI")
    if isinstance(error, PermissionError):
        return Invalid(Reason.ACCESS_DENIED, "the place may not be read or written")
    if error.errno in _FULL:
        return Unavailable(Reason.DISK_FULL, "the disk is full", retry_after_seconds=60)
    if error.errno in _UNSAFE:
        return Invalid(Reason.UNSAFE_PATH, "there is a link, or a folder where a file is due")
    return Unavailable(Reason.SOURCE_UNAVAILABLE, "the disk does not answer")


def open_below(root: Path, path: str) -> int:
    """Open a regular file by walking from the root, following no link (openat, O_NOFOLLOW)."""
    *folders, name = path.split("/")
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            deeper = os.open(folder, _READ | os.O_DIRECTORY, dir_fd=current)
            os.close(current)
            current = deeper
        descriptor = os.open(name, _READ, dir_fd=current)
    finally:
        os.close(current)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Invalid(Reason.UNSAFE_PATH, "there is a device or a folder where a file is due")
    return descriptor


def size_of(path: Path) -> int:
    """Return the size of a regular file; links and devices are refused."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise Invalid(Reason.UNSAFE_PATH, "there is a link or a device among the files")
    return status.st_size


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[int]:
    """Give a descriptor of `<target>.partial`; at the end it is synced and renamed, read-only."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(target.name + _PARTIAL)
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(partial, flags, 0o600)
    try:
        yield descriptor
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
        partial.rename(target)
    finally:
        os.close(descriptor)
        partial.unlink(missing_ok=True)
    sync(target.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes: the system may take fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
