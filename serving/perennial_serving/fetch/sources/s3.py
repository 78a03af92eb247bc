"""Objects of S3 and of stores that speak its protocol, through obstore."""

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore import exceptions
from obstore.store import S3Store as ObjectStore

from perennial_serving.contract import urls
from perennial_serving.contract.results import Reason
from perennial_serving.contract.urls import Location
from perennial_serving.errors import Invalid, PerennialError, Unavailable
from perennial_serving.fetch.access import Access
from perennial_serving.fetch.place import CHUNK_BYTES, Entry, check_path

if TYPE_CHECKING:
    from obstore import GetResult  # exists for type checkers only

_DEFAULT_REGION = "us-east-1"
_STATUS = re.compile(r"status code: (\d{3})")
_DENIED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)


class S3Store:
    """The objects below a prefix, or one object."""

    def __init__(self, location: Location, access: Access) -> None:
        """Check the endpoint like any other URL, then make the client."""
        self._key = location.path.strip("/")
        self._store = _client(location.host, access)

    def entries(self) -> list[Entry]:
        """Return the objects below the prefix; without any, the object itself."""
        with _translated():
            batches = obstore.list(self._store, prefix=f"{self._key}/")
            found = [meta for batch in batches for meta in batch]
            if not found:
                size = obstore.head(self._store, self._key)["size"]
                return [Entry(self._key.rpartition("/")[2], size)]
        entries = [Entry(meta["path"][len(self._key) + 1 :], meta["size"]) for meta in found]
        for entry in entries:
            check_path(entry.path)
        return sorted(entries, key=lambda entry: entry.path)

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield an object's bytes."""
        with _translated():
            answer = self._opened(path)
            for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)

    def _opened(self, path: str) -> "GetResult":
        """Open the object below the prefix, or the object that the URI itself names."""
        try:
            return obstore.get(self._store, self._full(path))
        except (exceptions.NotFoundError, FileNotFoundError):
            if path != self._key.rpartition("/")[2]:
                raise
            return obstore.get(self._store, self._key)

    def write(self, path: str, data: bytes, *, is_new: bool = False) -> bool:
        """Put the object; a new one by a conditional request."""
        mode: Any = "create" if is_new else "overwrite"
        with _translated():
            try:
                obstore.put(self._store, self._full(path), data, mode=mode)
            except exceptions.AlreadyExistsError:
                return False
        return True

    def upload(self, path: str, file: Path) -> None:
        """Put a file in parts; it appears when all of them are there."""
        with _translated():
            obstore.put(self._store, self._full(path), file, max_concurrency=2)

    def _full(self, path: str) -> str:
        check_path(path)
        return f"{self._key}/{path}"


def _client(bucket: str, access: Access) -> ObjectStore:
    keys = access.credentials
    config: dict[str, Any] = {
        "region": keys.get("AWS_REGION", _DEFAULT_REGION),
        "virtual_hosted_style_request": False,
        # Without keys the client would ask the instance's metadata address for some.
        "skip_signature": "AWS_ACCESS_KEY_ID" not in keys,
    }
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        if name in keys:
            config[name.removeprefix("AWS_").lower()] = keys[name]
    if endpoint := keys.get("AWS_ENDPOINT_URL"):
        config["endpoint"] = _checked(endpoint, access)
    options: dict[str, Any] = {
        "allow_http": config.get("endpoint", "").startswith("http://"),
        "connect_timeout": timedelta(seconds=10),
        "timeout": timedelta(minutes=15),
    }
    if certificates := os.environ.get("SSL_CERT_FILE"):
        options["root_certificate"] = Path(certificates).read_bytes()
    return ObjectStore(
        bucket,
        config=config,  # type: ignore[arg-type]  # built key by key
        client_options=options,  # type: ignore[arg-type]  # see config
        retry_config={"max_retries": 0},
    )


def _checked(endpoint: str, access: Access) -> str:
    """Return the endpoint if its host and addresses are allowed."""
    location = access.location(endpoint)
    if location.scheme not in urls.DEFAULT_PORTS or location.path != "/" or location.query:
        raise Invalid(Reason.URI_REFUSED, "write AWS_ENDPOINT_URL as https://host[:port]")
    access.address(location)
    return location.origin


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exceptions.BaseError, OSError) as error:
        raise _ours(error) from error


def _ours(error: Exception) -> PerennialError:
    """Return our error; a failed listing tells its status in its text only."""
    found = _STATUS.search(str(error))
    status = found.group(1) if found else ""
    if status == "404" or isinstance(error, exceptions.NotFoundError | FileNotFoundError):
        message = "there is nothing at this place of the bucket; set another URI"
        return Invalid(Reason.NOT_FOUND, message)
    if status in {"401", "403"} or isinstance(error, _DENIED):
        message = "the bucket refuses the credentials, or needs some"
        return Invalid(Reason.ACCESS_DENIED, message)
    return Unavailable(Reason.SOURCE_UNAVAILABLE, "the object store does not answer")
