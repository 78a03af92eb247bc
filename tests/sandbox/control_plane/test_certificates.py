"""Tests of the throw-away authority."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import NameOID

from perennial_sandbox.control_plane import certificates
from perennial_sandbox.control_plane.certificates import Bundle, Pair, Subject

_NOW = datetime.now(UTC)  # noqa: TID251  # a TLS handshake compares with the host's own clock


def _bundle() -> Bundle:
    subjects = {"server": Subject("kube-apiserver"), "client": Subject("ann", "some:group")}
    return certificates.issue(subjects, now=_NOW)


def _context(bundle: Bundle, name: str, folder: Path) -> ssl.SSLContext:
    """Return what the server or the client needs for a handshake."""
    file = folder / f"{name}.pem"
    file.write_bytes(bundle.pairs[name].certificate + bundle.pairs[name].key)
    purpose = ssl.Purpose.CLIENT_AUTH if name == "server" else ssl.Purpose.SERVER_AUTH
    context = ssl.create_default_context(purpose, cadata=bundle.authority.decode())
    context.load_cert_chain(file)
    return context


def test_server_and_client_prove_themselves_to_each_other(tmp_path: Path) -> None:
    """A strict TLS stack accepts both sides, and the client's user and group arrive."""
    bundle = _bundle()
    server = _context(bundle, "server", tmp_path)
    server.verify_mode = ssl.CERT_REQUIRED
    client = _context(bundle, "client", tmp_path)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    seen: list[object] = []

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as connection:
            peer = connection.getpeercert() or {}
            seen.append(peer["subject"])

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(ours, server_hostname="127.0.0.1"):
        thread.join(timeout=10)
    assert seen == [((("commonName", "ann"),), (("organizationName", "some:group"),))]


def test_a_subject_without_a_group_has_a_name_alone() -> None:
    """Kubernetes reads organizations as groups; none must appear by accident."""
    certificate = x509.load_pem_x509_certificate(_bundle().pairs["server"].certificate)
    names = [attribute.oid for attribute in certificate.subject]
    assert names == [NameOID.COMMON_NAME]


def test_certificates_are_valid_a_little_before_now() -> None:
    """A clock that was set back does not break a sandbox that was just made."""
    certificate = x509.load_pem_x509_certificate(_bundle().pairs["server"].certificate)
    assert certificate.not_valid_before_utc < _NOW - timedelta(minutes=30)
    assert certificate.not_valid_after_utc > _NOW + timedelta(days=365)


def test_every_sandbox_has_an_authority_of_its_own() -> None:
    """A certificate of one is worth nothing in another."""
    assert _bundle().authority != _bundle().authority


def test_the_two_halves_of_the_signing_key_belong_together() -> None:
    """The API server signs tokens with one and checks them with the other."""
    pair = certificates.signing_key()
    private = load_pem_private_key(pair.key, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert load_pem_public_key(pair.certificate) == private.public_key()


def test_a_pair_never_prints_its_key() -> None:
    """A traceback or a log line shows the certificate alone."""
    assert "secret" not in repr(Pair(b"public", b"secret"))
