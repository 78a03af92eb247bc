"""One view of every store: a place under a URI, with relative paths of files below it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from perennial_serving.contract import manifest
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a store; the size is None where the store does not say."""

    path: str
    size: int | None


class Store(Protocol):
    """Files under one URI. A URI of a single file holds one entry, called as the file is."""

    def entries(self) -> list[Entry]:
        """Return all files; Invalid NotFound if there is nothing."""

    def chunks(self, path: str, /) -> Iterator[bytes]:
        """Yield a file's bytes in pieces of about 1 MiB."""

    def write(self, path: str, data: bytes, /, *, is_new: bool = False) -> bool:
        """Write a small file at once or not at all; False if it `is_new` and exists already."""

    def upload(self, path: str, file: Path, /) -> None:
        """Write a file of any size in fixed memory, at once or not at all."""


def read(store: Store, path: str, *, limit_bytes: int) -> bytes:
    """Return a small file; Invalid TooLarge if it is not small."""
    data = bytearray()
    for chunk in store.chunks(path):
        data += chunk
        if len(data) > limit_bytes:
            raise Invalid(Reason.TOO_LARGE, f"{path} is larger than {limit_bytes} bytes")
    return bytes(data)


def check_path(path: str) -> None:
    """Refuse a path that could leave its place; the manifest's name is allowed."""
    if path != manifest.MANIFEST_NAME and not manifest.is_plain_path(path):
        raise Invalid(Reason.UNSAFE_PATH, "a path in the store is not plain and relative")
