"""A small https server with a certificate authority of its own."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from perennial_serving.fetch.access import Access

NAMES = ("models.example", "other.example", "localhost")
SINCE, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC) + timedelta(36500)
Page = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """What the server answers, what it was asked, and where it listens."""

    port: int
    pages: dict[str, list[Page]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    addresses: dict[str, list[str]] = field(default_factory=dict)

    def page(self, path: str, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        """Add an answer to a path; several are given one after the other, the last for ever."""
        self.pages.setdefault(path, []).append((status, headers, body))

    def url(self, path: str, host: str = NAMES[0]) -> str:
        """Return the URL of a path."""
        return f"https://{host}:{self.port}{path}"

    def resolve(self, host: str, _port: int) -> list[str]:
        """Resolve as the test says, else to this machine."""
        self.resolved.append(host)
        return self.addresses.get(host, ["127.0.0.1"])

    def access(self, *, authorization: str = "", is_private: bool = True) -> Access:
        """Return a guard that allows the first host."""
        return Access(
            allowed_hosts=(f"{NAMES[0]}:{self.port}",),
            allow_private_networks=is_private,
            credentials={"HTTPS_AUTHORIZATION": authorization} if authorization else {},
            resolve=self.resolve,
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """Return a certificate; the authority's own if both keys are one."""
    is_authority = key is issuer
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer, hashes.SHA256())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the authority's certificate, and the server's with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    encoding = serialization.Encoding.PEM
    root = _certificate("authority", authority, authority).public_bytes(encoding)
    leaf = _certificate("server", server, authority).public_bytes(encoding)
    secret = server.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(root)
    (folder / "server.pem").write_bytes(leaf + secret)
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture
def site(certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Give a running https server, trusted by this process."""
    authority, server_file = certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    made = Site(port=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers["Host"], self.headers["Authorization"]))
            pages = made.pages.get(self.path, [(404, {}, b"")])
            status, headers, body = pages.pop(0) if len(pages) > 1 else pages[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # their name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
