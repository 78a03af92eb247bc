"""Opens the store of a URI: one scheme, one file below `sources`."""

from perennial_serving.contract import urls
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import Store
from perennial_serving.fetch.sources.file import FileStore
from perennial_serving.fetch.sources.https import HttpsStore
from perennial_serving.fetch.sources.s3 import S3Store


def open_store(uri: str, access: Access) -> Store:
    """Return the store of a URI after its form, host and endpoint were checked."""
    location = access.location(uri)
    if location.scheme == urls.FILE:
        return FileStore(location)
    if location.scheme == urls.S3:
        return S3Store(location, access)
    return HttpsStore(location, access)
