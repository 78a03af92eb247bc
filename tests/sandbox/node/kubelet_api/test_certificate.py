"""Tests of the certificate of the node's server."""

import ssl
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from perennial_sandbox.node import clock
from perennial_sandbox.node.kubelet_api import certificate


def test_key_and_certificate_are_in_one_private_file(tmp_path: Path) -> None:
    """Valid now, named as asked, readable by nobody else."""
    file = tmp_path / "pair.pem"
    certificate.write_certificate(file, "node-1")
    found = x509.load_pem_x509_certificate(file.read_bytes())
    name = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert (name, file.stat().st_mode & 0o077) == ("node-1", 0)
    assert found.not_valid_before_utc < clock.now() < found.not_valid_after_utc


def test_a_server_demands_a_certificate(tmp_path: Path) -> None:
    """A new one is made at every start of the node."""
    ca, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    certificate.write_certificate(ca, "ca")
    first = certificate.server_context(own, "node", client_ca=ca)
    before = own.read_bytes()
    certificate.server_context(own, "node", client_ca=ca)
    assert (first.verify_mode, own.read_bytes() != before) == (ssl.CERT_REQUIRED, True)
