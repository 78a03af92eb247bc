"""Brings an artifact into a directory: listed, capped, hashed, renamed; else nothing counts.

Without an expected digest the artifact's own is computed and reported.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from perennial_serving.contract import manifest
from perennial_serving.contract.manifest import MANIFEST_NAME, ListedFile
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, Unavailable
from perennial_serving.fetch import disk, place
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import Entry, Store
from perennial_serving.fetch.retry import persistently
from perennial_serving.fetch.store import open_store
from perennial_serving.runtime import artifact

_PARALLEL = 4
_FREE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an artifact may be."""

    size_bytes: int = 10 * 2**30
    files: int = manifest.MAX_FILES


@dataclass(frozen=True, slots=True)
class Fetched:
    """What now lies in the directory."""

    digest: str
    size_bytes: int


def download(
    uri: str, directory: Path, access: Access, *, limits: Limits = Limits(), digest: str = ""
) -> Fetched:
    """Bring the artifact of a URI into an empty directory; the digest must be the expected one."""
    source = persistently(partial(open_store, uri, access))
    entries = persistently(source.entries)
    _check_caps(entries, limits, directory)
    if any(entry.path == MANIFEST_NAME for entry in entries):
        return _described(source, directory, entries=entries, limits=limits, digest=digest)
    fetched = _undescribed(source, directory, entries=entries, limits=limits)
    if digest and fetched.digest != digest:
        message = "the artifact is not the one that was asked for"
        raise Invalid(Reason.DIGEST_MISMATCH, message)
    return fetched


def _described(
    source: Store, directory: Path, *, entries: Sequence[Entry], limits: Limits, digest: str
) -> Fetched:
    """Bring what the manifest lists; nothing else may lie there."""
    read = partial(place.read, source, MANIFEST_NAME, limit_bytes=manifest.MAX_MANIFEST_BYTES)
    text = persistently(read)
    found = manifest.digest(text)
    if digest and found != digest:
        message = "the manifest is not the one that was asked for"
        raise Invalid(Reason.DIGEST_MISMATCH, message)
    files = artifact.parse_manifest(text).files
    if sum(file.size for file in files) > limits.size_bytes:
        raise _too_large(limits.size_bytes)
    if {entry.path for entry in entries} != {MANIFEST_NAME, *(file.path for file in files)}:
        message = "the store holds other files than the manifest lists"
        raise Invalid(Reason.DIGEST_MISMATCH, message)
    _all([partial(_listed, source, directory, file) for file in files])
    with disk.translated(), disk.new_file(directory / MANIFEST_NAME) as descriptor:
        disk.write_all(descriptor, text)
    return Fetched(found, sum(file.size for file in files) + len(text))


def _undescribed(
    source: Store, directory: Path, *, entries: Sequence[Entry], limits: Limits
) -> Fetched:
    """Bring one file, or a directory that is named by the index of its files."""
    files = _all([partial(_any, source, directory, entry.path, limits=limits) for entry in entries])
    size = sum(file.size for file in files)
    if size > limits.size_bytes:
        raise _too_large(limits.size_bytes)
    if len(files) == 1:
        return Fetched(f"sha256:{files[0].sha256}", size)
    return Fetched(artifact.index_digest(files), size)


def _all(calls: Sequence[Callable[[], ListedFile]]) -> list[ListedFile]:
    """Run a few calls at a time; the first failure cancels those that did not start."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        futures = [pool.submit(call) for call in calls]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _listed(source: Store, directory: Path, file: ListedFile) -> ListedFile:
    got = persistently(partial(_streamed, source, directory, file.path, cap_bytes=file.size))
    if got != file:
        message = f"{file.path} is not the file of the manifest"
        raise Invalid(Reason.DIGEST_MISMATCH, message)
    return got


def _any(source: Store, directory: Path, path: str, *, limits: Limits) -> ListedFile:
    artifact.check_path(path)
    return persistently(partial(_streamed, source, directory, path, cap_bytes=limits.size_bytes))


def _streamed(source: Store, directory: Path, path: str, *, cap_bytes: int) -> ListedFile:
    """Write one file in fixed memory; its hash is taken on the way."""
    digest = hashlib.sha256()
    size = 0
    with disk.translated(), disk.new_file(directory / path) as descriptor:
        for chunk in source.chunks(path):
            size += len(chunk)
            if size > cap_bytes:
                raise _too_large(cap_bytes)
            digest.update(chunk)
            disk.write_all(descriptor, chunk)
    return ListedFile(path, size, digest.hexdigest())


def _check_caps(entries: Sequence[Entry], limits: Limits, directory: Path) -> None:
    if not entries:
        raise Invalid(Reason.NOT_FOUND, "there is nothing at this place; set another URI")
    if len(entries) > limits.files:
        raise Invalid(Reason.TOO_LARGE, f"the artifact has more than {limits.files} files")
    size = sum(entry.size or 0 for entry in entries)
    if size > limits.size_bytes:
        raise _too_large(limits.size_bytes)
    if size > shutil.disk_usage(directory).free * _FREE_SHARE:
        message = "the model's volume is smaller than the model"
        raise Unavailable(Reason.DISK_FULL, message, retry_after_seconds=60)


def _too_large(limit_bytes: int) -> Invalid:
    return Invalid(Reason.TOO_LARGE, f"the artifact, or a file of it, is over {limit_bytes} bytes")
