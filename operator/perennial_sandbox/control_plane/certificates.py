"""The sandbox's throw-away certificate authority and what it signs.

The authority's key is never written: certificates of one sandbox are made together, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=3650)
# A clock that is set back a little must not make the certificates invalid.
_BACKDATED = timedelta(hours=1)
_HOSTS = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_ADDRESSES = ("127.0.0.1", "10.96.0.1")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate stands for: a user and its group in Kubernetes' eyes."""

    user: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """The authority's certificate and all signed pairs by name."""

    authority: bytes
    pairs: Mapping[str, Pair]


def issue(subjects: Mapping[str, Subject], *, now: datetime) -> Bundle:
    """Make a fresh authority and one certificate for each subject."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(Subject("perennial-sandbox"))
    authority = (
        _draft(name, key, now=now)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_authority_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    signer = (authority, key)
    pairs = {name: _signed(subject, signer, now=now) for name, subject in subjects.items()}
    return Bundle(_pem(authority), pairs)


def signing_key() -> Pair:
    """Return a key pair for service account tokens: the public half in place of a certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Pair(public, _key_pem(key))


def _signed(
    subject: Subject, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey], *, now: datetime
) -> Pair:
    authority, authority_key = signer
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    hosts = [x509.DNSName(host) for host in _HOSTS]
    addresses = [x509.IPAddress(IPv4Address(address)) for address in _ADDRESSES]
    certificate = (
        _draft(_name(subject), key, now=now)
        .issuer_name(authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName([*hosts, *addresses]), critical=False)
        .add_extension(_issuer_of(authority), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Pair(_pem(certificate), _key_pem(key))


def _draft(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, *, now: datetime
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID)
        .add_extension(identifier, critical=False)
    )


def _issuer_of(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _name(subject: Subject) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, subject.user)]
    if subject.group is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.group))
    return x509.Name(parts)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
