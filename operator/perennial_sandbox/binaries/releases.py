"""Downloads the official releases and checks each file against its publisher's checksum.

Nothing is kept that was not checked, and nothing is asked for except over HTTPS.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from perennial_sandbox.binaries import cache, versions

# Short: on a machine without a way to the publishers the next source must have its turn soon.
_TIMEOUT = httpx.Timeout(15, connect=4)
_PLATFORM = "linux"


class DownloadError(Exception):
    """The releases could not be downloaded, or are not what their publisher says."""


@dataclass(frozen=True, slots=True)
class Publishers:
    """Where the releases are."""

    kubernetes: str = "https://dl.k8s.io/release"
    etcd: str = "https://github.com/etcd-io/etcd/releases/download"


def client() -> httpx.Client:
    """Return an HTTP client with the short time-outs of a first try."""
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=True)


def download(
    place: Path, *, http: httpx.Client, publishers: Publishers, report: Callable[[str], None]
) -> None:
    """Fill the folder with all programs."""
    try:
        _kubernetes(place, http, publishers, report=report)
        _etcd(place, http, publishers, report=report)
    except (httpx.HTTPError, OSError, tarfile.TarError) as error:
        raise DownloadError(str(error) or type(error).__name__) from error


def _kubernetes(
    place: Path, http: httpx.Client, publishers: Publishers, *, report: Callable[[str], None]
) -> None:
    folder = f"{publishers.kubernetes}/v{versions.KUBERNETES}/bin/{_PLATFORM}"
    servers = [name for name in versions.REQUIRED if name != versions.ETCD_PROGRAM]
    for program in (*servers, versions.KUBECTL):
        url = f"{folder}/{cache.architecture()}/{program}"
        digest = _text(http, f"{url}.sha256").strip()
        report(f"downloading {url}")
        _checked(http, url, place / program, digest=digest)
        (place / program).chmod(0o755)


def _etcd(
    place: Path, http: httpx.Client, publishers: Publishers, *, report: Callable[[str], None]
) -> None:
    name = f"etcd-v{versions.ETCD}-{_PLATFORM}-{cache.architecture()}"
    folder = f"{publishers.etcd}/v{versions.ETCD}"
    digest = _listed(_text(http, f"{folder}/SHA256SUMS"), f"{name}.tar.gz")
    archive = place / f"{name}.tar.gz"
    report(f"downloading {folder}/{archive.name}")
    _checked(http, f"{folder}/{archive.name}", archive, digest=digest)
    _unpack(archive, f"{name}/{versions.ETCD_PROGRAM}", place / versions.ETCD_PROGRAM)
    archive.unlink()


def _listed(sums: str, name: str) -> str:
    """Return a file's digest from lines of digest and name."""
    for line in sums.splitlines():
        words = line.split()
        if len(words) == 2 and words[1].lstrip("*") == name:  # noqa: PLR2004  # digest, name
            return words[0]
    message = f"the publisher lists no checksum for {name}"
    raise DownloadError(message)


def _unpack(archive: Path, member: str, target: Path) -> None:
    """Take one program out of an archive; where else its members would go does not matter."""
    with tarfile.open(archive) as tar:
        try:
            content = tar.extractfile(member)
        except KeyError:
            content = None
        if content is None:
            message = f"{archive.name} holds no {member}"
            raise DownloadError(message)
        target.write_bytes(content.read())
    target.chmod(0o755)


def _text(http: httpx.Client, url: str) -> str:
    with _response(http, url) as response:
        return response.read().decode()


def _checked(http: httpx.Client, url: str, target: Path, *, digest: str) -> None:
    """Download a file; one that differs from its published checksum is refused."""
    found = hashlib.sha256()
    with _response(http, url) as response, target.open("wb") as file:
        for piece in response.iter_bytes():
            found.update(piece)
            file.write(piece)
    if found.hexdigest() != digest:
        target.unlink()
        message = f"{url} does not match the checksum that its publisher states"
        raise DownloadError(message)


@contextmanager
def _response(http: httpx.Client, url: str) -> Iterator[httpx.Response]:
    with http.stream("GET", url) as response:
        if any(one.url.scheme != "https" for one in (*response.history, response)):
            message = f"{url} is not served over HTTPS all the way"
            raise DownloadError(message)
        response.raise_for_status()
        yield response
