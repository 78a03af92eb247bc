"""Tests of downloads, against a local server with a certificate of our own."""

import hashlib
import http.server
import io
import ssl
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from perennial_sandbox.binaries import cache, releases, versions
from perennial_sandbox.binaries.releases import DownloadError, Publishers
from perennial_sandbox.control_plane import certificates
from perennial_sandbox.control_plane.certificates import Subject

_SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_NOW = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class Site:
    """A web server on this host: what it serves, and where."""

    authority: str
    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def publishers(self) -> Publishers:
        """The publishers, if they were here."""
        address = f"https://127.0.0.1:{self.port}"
        return Publishers(kubernetes=f"{address}/kubernetes", etcd=f"{address}/etcd")

    def path(self, program: str) -> str:
        """Return where a program of Kubernetes lies."""
        version, machine = versions.KUBERNETES, cache.architecture()
        return f"/kubernetes/v{version}/bin/linux/{machine}/{program}"


def _ignore(_line: str) -> None:
    """Take no interest in reports."""


def _handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in site.files else 404)
            content = site.files.get(self.path, b"")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Yield a server that holds all releases with right checksums."""
    bundle = certificates.issue({"server": Subject("localhost")}, now=_NOW)
    pair = tmp_path / "pair.pem"
    pair.write_bytes(bundle.pairs["server"].certificate + bundle.pairs["server"].key)
    found = Site(bundle.authority.decode())
    _publish(found)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def _publish(site: Site) -> None:
    for program in _SERVERS:
        content = f"program {program}".encode()
        site.files[site.path(program)] = content
        site.files[site.path(program) + ".sha256"] = hashlib.sha256(content).hexdigest().encode()
    _publish_etcd(site, "etcd")


def _publish_etcd(site: Site, member: str) -> None:
    name = f"etcd-v{versions.ETCD}-linux-{cache.architecture()}"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in (f"{name}/README.md", f"{name}/{member}", "../../outside"):
            entry = tarfile.TarInfo(path)
            entry.size = len(path)
            archive.addfile(entry, io.BytesIO(path.encode()))
    content = packed.getvalue()
    folder = f"/etcd/v{versions.ETCD}"
    digest = hashlib.sha256(content).hexdigest()
    site.files[f"{folder}/{name}.tar.gz"] = content
    site.files[f"{folder}/SHA256SUMS"] = f"{'0' * 64}  other\n{digest}  {name}.tar.gz\n".encode()


def _download(site: Site, place: Path) -> list[str]:
    """Download everything and return what was reported."""
    said: list[str] = []
    tls = ssl.create_default_context(cadata=site.authority)
    place.mkdir()
    with httpx.Client(verify=tls, follow_redirects=True, trust_env=False) as client:
        releases.download(place, http=client, publishers=site.publishers, report=said.append)
    return said


def test_checked_releases_become_programs(site: Site, tmp_path: Path) -> None:
    """The folder holds the programs alone, each can be executed, each was announced."""
    place = tmp_path / "programs"
    said = _download(site, place)
    assert {entry.name for entry in place.iterdir()} == {*_SERVERS, "etcd"}
    assert (place / "kubectl").read_text() == "program kubectl"
    assert (place / "etcd").read_text().endswith("/etcd")
    assert cache.is_complete(place)
    assert len(said) == 5
    assert not (tmp_path.parent / "outside").exists()


def _forge_program(site: Site) -> None:
    site.files[site.path("kube-scheduler")] = b"something else"


def _forge_archive(site: Site) -> None:
    name = next(path for path in site.files if path.endswith(".tar.gz"))
    site.files[name] += b"more"


def _forget_checksum(site: Site) -> None:
    site.files[f"/etcd/v{versions.ETCD}/SHA256SUMS"] = b"just words\n"


def _forget_file(site: Site) -> None:
    del site.files[site.path("kube-apiserver") + ".sha256"]


def _rename_member(site: Site) -> None:
    _publish_etcd(site, "etcdutl")


def _break_archive(site: Site) -> None:
    folder = f"/etcd/v{versions.ETCD}"
    name = next(path for path in site.files if path.endswith(".tar.gz"))
    site.files[name] = b"no archive"
    digest = hashlib.sha256(b"no archive").hexdigest()
    site.files[f"{folder}/SHA256SUMS"] = f"{digest} *{name.rpartition('/')[2]}\n".encode()


_DAMAGES: tuple[tuple[Callable[[Site], None], str], ...] = (
    (_forge_program, "kube-scheduler does not match the checksum"),
    (_forge_archive, "gz does not match the checksum"),
    (_forget_checksum, "lists no checksum for etcd"),
    (_forget_file, "404"),
    (_rename_member, "holds no etcd"),
    (_break_archive, "not a gzip file"),
)


@pytest.mark.parametrize("case", _DAMAGES, ids=lambda case: case[0].__name__)
def test_a_release_that_is_not_what_it_should_be_is_refused(
    case: tuple[Callable[[Site], None], str], site: Site, tmp_path: Path
) -> None:
    """Whatever is wrong, it is one kind of error, and the next source has its turn."""
    damage, complaint = case
    damage(site)
    with pytest.raises(DownloadError, match=complaint):
        _download(site, tmp_path / "programs")


def test_a_forged_program_is_not_left_in_the_folder(site: Site, tmp_path: Path) -> None:
    """Nobody can execute by chance what was refused."""
    _forge_program(site)
    with pytest.raises(DownloadError):
        _download(site, tmp_path / "programs")
    assert not (tmp_path / "programs" / "kube-scheduler").exists()


def _open_on_the_way(request: httpx.Request) -> httpx.Response:
    if request.url.scheme == "https":
        return httpx.Response(302, headers={"Location": "http://example.com/open"})
    return httpx.Response(200, content=b"x")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_plain_http_is_refused_even_if_the_content_is_right(scheme: str, tmp_path: Path) -> None:
    """A checksum that came the same open way proves nothing, also after a redirect."""
    publishers = Publishers(f"{scheme}://example.com/k", f"{scheme}://example.com/e")
    transport = httpx.MockTransport(_open_on_the_way)
    with (
        httpx.Client(transport=transport, follow_redirects=True) as client,
        pytest.raises(DownloadError, match="not served over HTTPS all the way"),
    ):
        releases.download(tmp_path, http=client, publishers=publishers, report=_ignore)


def test_a_server_with_a_foreign_certificate_is_not_trusted(site: Site, tmp_path: Path) -> None:
    """The product's own client trusts the usual authorities only."""
    with releases.client() as client, pytest.raises(DownloadError, match="certificate"):
        releases.download(tmp_path, http=client, publishers=site.publishers, report=_ignore)


def test_a_publisher_who_does_not_answer_is_given_up_soon() -> None:
    """The next source has its turn within seconds."""
    with releases.client() as client:
        assert (client.timeout.connect or 60) <= 5
        assert (client.timeout.read or 60) <= 15


def test_the_real_publishers_are_asked_over_https() -> None:
    """The defaults are the official places."""
    publishers = Publishers()
    assert publishers.kubernetes.startswith("https://")
    assert publishers.etcd.startswith("https://")
