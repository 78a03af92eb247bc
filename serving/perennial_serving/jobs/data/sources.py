"""A source's files -> one table and the digest that pins its content."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import ListedFile
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.place import Entry
from perennial_serving.jobs.data import tables
from perennial_serving.runtime.artifact import index_digest

KIND = "Content"


@dataclass(frozen=True, slots=True)
class Pinned:
    """The rows of a source and the digest of the bytes that they came from."""

    table: pa.Table
    digest: str


def read(
    entries: Sequence[Entry], load: Callable[[str], bytes], *, format_name: str, limit_bytes: int
) -> Pinned:
    """Read all files, in order of their paths; names that start with _ or . are no data.

    One file's digest is that of its bytes; several have the digest of their index.
    """
    paths = sorted(entry.path for entry in entries if _is_data(entry.path))
    if not paths:
        raise Invalid(Reason.SOURCE_MISSING, "the source has no data files")
    if sum(entry.size or 0 for entry in entries) > limit_bytes:
        raise _too_large(limit_bytes)
    found, listed, total = [], [], 0
    for path in paths:
        data = load(path)
        total += len(data)
        if total > limit_bytes:
            raise _too_large(limit_bytes)
        listed.append(ListedFile(path, len(data), hashlib.sha256(data).hexdigest()))
        found.append(tables.read(data, tables.format_of(path, format_name)))
    return Pinned(tables.joined(found), _digest(listed))


def check_version(pinned: Pinned, version: str) -> None:
    """Refuse a source that is no longer the pinned one."""
    if version and version != pinned.digest:
        message = "the source is no longer the version that was pinned; make a new run"
        raise Invalid(Reason.SNAPSHOT_EXPIRED, message, field="spec.data.source.version")


def _is_data(path: str) -> bool:
    return not any(part.startswith(("_", ".")) for part in path.split("/")) and (
        path != manifest.MANIFEST_NAME
    )


def _digest(files: Sequence[ListedFile]) -> str:
    if len(files) == 1:
        return f"sha256:{files[0].sha256}"
    return index_digest(files)


def _too_large(limit_bytes: int) -> Invalid:
    return Invalid(Reason.TOO_LARGE, f"the source is larger than {limit_bytes} bytes")
