"""Puts a finished directory into a store: files first, the manifest last and only once."""

from functools import partial
from pathlib import Path

from perennial_serving.contract.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES
from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import Store, read
from perennial_serving.fetch.retry import persistently
from perennial_serving.fetch.store import open_store


def publish(directory: Path, uri: str, access: Access) -> bool:
    """Upload all files of a directory; False if the same manifest is there already.

    Readers see the artifact from the moment its manifest appears. Another manifest at the same
    place is Invalid: a published artifact never changes.
    """
    store = persistently(lambda: open_store(uri, access))
    text = (directory / MANIFEST_NAME).read_bytes()
    if _manifest(store) == text:
        return False
    for file in sorted(directory.rglob("*")):
        path = file.relative_to(directory).as_posix()
        if file.is_file() and path != MANIFEST_NAME:
            persistently(partial(store.upload, path, file))
    if persistently(lambda: store.write(MANIFEST_NAME, text, is_new=True)):
        return True
    if _manifest(store) != text:
        message = "another artifact is published at this place; set another output"
        raise Invalid(Reason.DIGEST_MISMATCH, message)
    return False


def _manifest(store: Store) -> bytes | None:
    try:
        return persistently(lambda: read(store, MANIFEST_NAME, limit_bytes=MAX_MANIFEST_BYTES))
    except Invalid as error:
        if error.reason == Reason.NOT_FOUND:
            return None
        raise
