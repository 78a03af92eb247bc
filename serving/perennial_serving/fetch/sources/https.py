"""Files over https (http only for hosts listed so). A URL that ends in / holds a manifest."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME
from perennial_serving.contract.results import Reason
from perennial_serving.contract.urls import Location
from perennial_serving.errors import Invalid
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.client import Client
from perennial_serving.fetch.place import CHUNK_BYTES, Entry, check_path, read
from perennial_serving.runtime import artifact


class HttpsStore:
    """One file, or the files that the manifest below a URL lists. Read-only."""

    def __init__(self, location: Location, access: Access) -> None:
        """Take a web location whose host is allowed."""
        self._location = location
        self._is_place = location.path.endswith("/")
        self._client = Client(access)

    def entries(self) -> list[Entry]:
        """Return the one file, or what the manifest lists: the web has no listing."""
        if not self._is_place:
            return [Entry(self._location.path.rpartition("/")[2], None)]
        text = read(self, MANIFEST_NAME, limit_bytes=manifest.MAX_MANIFEST_BYTES)
        listed = artifact.parse_manifest(text).files
        return [Entry(MANIFEST_NAME, len(text)), *(Entry(file.path, file.size) for file in listed)]

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield the body as it comes."""
        check_path(path)
        location = self._location
        if self._is_place:
            location = replace(location, path=location.path + path)
        with self._client.stream(location) as answer:
            yield from answer.iter_raw(CHUNK_BYTES)

    def write(self, _path: str, _data: bytes, *, is_new: bool = False) -> bool:  # noqa: ARG002  # the port's name
        """Refuse: the web is read-only."""
        raise _read_only()

    def upload(self, _path: str, _file: Path) -> None:
        """Refuse: the web is read-only."""
        raise _read_only()


def _read_only() -> Invalid:
    return Invalid(Reason.URI_REFUSED, "https is read-only; write to s3:// or file://")
