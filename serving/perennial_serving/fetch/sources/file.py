"""Files on a mounted disk. No link is followed below the place that the URI names."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perennial_serving.contract.urls import Location
from perennial_serving.fetch import disk
from perennial_serving.fetch.place import CHUNK_BYTES, Entry, check_path

_TEMPORARY = ".perennial-"


class FileStore:
    """The files below a directory, or one file."""

    def __init__(self, location: Location) -> None:
        """Take a `file` location; nothing is opened yet."""
        self._place = Path(location.path)

    def entries(self) -> list[Entry]:
        """Return the regular files; a link or a device among them is refused."""
        with disk.translated():
            if self._place.is_dir():
                found = sorted(self._place.rglob("*"))
                return [self._entry(path) for path in found if not _is_ignored(path)]
            return [Entry(self._place.name, disk.size_of(self._place))]

    def _entry(self, path: Path) -> Entry:
        relative = path.relative_to(self._place).as_posix()
        check_path(relative)
        return Entry(relative, disk.size_of(path))

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield a file's bytes; every folder on the way is opened without following links."""
        check_path(path)
        with disk.translated():
            root = self._place if self._place.is_dir() else self._place.parent
            with os.fdopen(disk.open_below(root, path), "rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk

    def write(self, path: str, data: bytes, *, is_new: bool = False) -> bool:
        """Write beside the file, then rename, or link if the file must be new."""
        with self._beside(path) as (temporary, target):
            temporary.write_bytes(data)
            return _placed(temporary, target, is_new=is_new)

    def upload(self, path: str, file: Path) -> None:
        """Copy in fixed memory, then rename."""
        with self._beside(path) as (temporary, target):
            with file.open("rb") as source, temporary.open("wb") as sink:
                while chunk := source.read(CHUNK_BYTES):
                    sink.write(chunk)
            _placed(temporary, target, is_new=False)

    @contextmanager
    def _beside(self, path: str) -> Iterator[tuple[Path, Path]]:
        """Give a temporary file in the target's folder, removed again unless renamed."""
        check_path(path)
        target = self._place / path
        with disk.translated():
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
            os.close(descriptor)
            try:
                yield Path(name), target
            finally:
                Path(name).unlink(missing_ok=True)


def _placed(temporary: Path, target: Path, *, is_new: bool) -> bool:
    temporary.chmod(0o644)
    disk.sync(temporary)
    if not is_new:
        temporary.replace(target)
    else:
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
    disk.sync(target.parent)
    return True


def _is_ignored(path: Path) -> bool:
    """Say whether this is a folder, or a write of ours that never ended."""
    is_folder = path.is_dir() and not path.is_symlink()
    return is_folder or path.name.startswith(_TEMPORARY)
