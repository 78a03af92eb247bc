"""The one parser and guard of every URL that the product opens; pure, standard library only.

`parse` accepts one canonical form and nothing else, so no second parser can read it differently.
`check_host` holds the allow-list, `check_address` judges what the name resolved to.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from perennial_serving.contract.results import Reason

FILE = "file"
HTTP = "http"
HTTPS = "https"
S3 = "s3"
DEFAULT_PORTS = {HTTP: 80, HTTPS: 443}

_LENGTH_LIMIT = 2048
_HOST_LIMIT = 253
_DECODINGS = 3
_URI = re.compile(r"([a-z][a-z0-9]*)://([^/?#]*)([^?#]*)(\?[^#]*)?", re.ASCII)
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]!$&'()*+,;=%@]*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})", re.ASCII)
_PORT_LIMIT = 65535

_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.0.23",
        "100.100.100.200",
        "fd00:ec2::254",
    )
)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed URL: `host` is the bucket for s3 and empty for file; `path` starts with a slash."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def origin(self) -> str:
        """Return scheme, host and port, as an allow-list or a Host header writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.port in {0, DEFAULT_PORTS.get(self.scheme, 0)}:
            return f"{self.scheme}://{host}"
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a URL is not opened, without the URL itself."""

    reason: str
    message: str


def parse(uri: str) -> Location | Refusal:
    """Return the parts of a URL in canonical form, or why it has none.

    >>> parse("https://Models.example/a/b.onnx")
    Location(scheme='https', host='models.example', port=443, path='/a/b.onnx', query='')
    >>> parse("https://user@models.example/a").message
    'write the host without a user name'
    """
    found = _URI.fullmatch(uri)
    if finding := _finding(uri, found):
        return _refused(finding)
    assert found is not None  # noqa: S101  # a text that is no URL is a finding
    scheme, authority, path, query = found.group(1, 2, 3, 4)
    if scheme == FILE:
        return _file(authority, path, query)
    if scheme == S3:
        return _bucket(authority, path, query)
    return _web(scheme, authority, Location(scheme, "", 0, path or "/", (query or "")[1:]))


def _finding(uri: str, found: re.Match[str] | None) -> str:
    if len(uri) > _LENGTH_LIMIT or not _CHARACTERS.fullmatch(uri):
        return "write plain ASCII without spaces, backslashes or fragments"
    if found is None or found.group(1) not in {FILE, HTTP, HTTPS, S3}:
        return "write file://, https:// or s3://"
    if "@" in found.group(2):
        return "write the host without a user name"
    return _path_finding(found.group(3), found.group(1))


def check_host(location: Location, hosts: Iterable[str]) -> Refusal | None:
    """Refuse a web location whose host is not listed.

    Entries are `host`, `host:port`, or `http://host[:port]`, the only way to go without TLS.

    >>> check_host(parse("https://models.example:8443/a"), ["models.example"]).reason
    <Reason.URI_REFUSED: 'UriRefused'>
    """
    if location.scheme not in DEFAULT_PORTS:
        return None
    entry = location.origin.removeprefix("https://")
    if entry in {host.lower().removeprefix("https://") for host in hosts}:
        return None
    message = "its host is not allowed; ask an administrator to list it in security.allowedHosts"
    return _refused(message)


def check_address(address: str, *, allow_private: bool) -> Refusal | None:
    """Refuse an address that a model or data set must not come from.

    `allow_private` opens loopback and private networks, for listed hosts only; link-local and
    metadata addresses stay closed.

    >>> check_address("::ffff:169.254.169.254", allow_private=True).reason
    <Reason.ADDRESS_REFUSED: 'AddressRefused'>
    """
    try:
        parsed = _unwrapped(ipaddress.ip_address(address))
    except ValueError:
        return _closed("not an address")
    if parsed in _METADATA or parsed.is_link_local:
        return _closed("link-local or for instance metadata")
    if parsed.is_multicast or parsed.is_unspecified or _is_reserved(parsed):
        return _closed("not one of a host")
    if not allow_private and not parsed.is_global:
        return _closed("private")
    return None


def _is_reserved(address: _Address) -> bool:
    """Say whether the address is for future use; ::1 counts as reserved, but is loopback."""
    return address.is_reserved and not address.is_loopback


def _unwrapped(address: _Address) -> _Address:
    """Return the IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id is not None:
        raise ValueError(address.scope_id)
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and _ends_in_ipv4(address):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _ends_in_ipv4(address: ipaddress.IPv6Address) -> bool:
    """Say whether the last four bytes are an IPv4 address (NAT64, or the old compatible form)."""
    return address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1)


def _refused(message: str) -> Refusal:
    return Refusal(Reason.URI_REFUSED, message)


def _closed(kind: str) -> Refusal:
    return Refusal(Reason.ADDRESS_REFUSED, f"the host's address is {kind}")


def _path_finding(path: str, scheme: str) -> str:
    if scheme in {FILE, S3} and "%" in path:
        return "write the path without percent signs"
    if "%" in _ESCAPE.sub("", path):
        return "write %25 for a percent sign"
    plain = path
    for _ in range(_DECODINGS):
        plain = _ESCAPE.sub(lambda escape: chr(int(escape.group(1), 16)), plain)
        if "\\" in plain or any(character < " " or character == "\x7f" for character in plain):
            return "write the path without backslashes and control characters"
        if any(part in {".", ".."} for part in plain.split("/")) or "//" in plain:
            return "write the path without empty, . and .. parts"
        if plain.count("/") != path.count("/"):
            return "write slashes as they are"
    return ""


def _file(authority: str, path: str, query: str | None) -> Location | Refusal:
    if authority or query is not None or path in {"", "/"}:
        return _refused("write file:///path")
    return Location(FILE, "", 0, path)


def _bucket(authority: str, path: str, query: str | None) -> Location | Refusal:
    if not _BUCKET.fullmatch(authority) or ".." in authority or query is not None:
        return _refused("write s3://bucket/key")
    if path in {"", "/"}:
        return _refused("write a key behind the bucket: s3://bucket/key")
    return Location(S3, authority, 0, path)


def _web(scheme: str, authority: str, rest: Location) -> Location | Refusal:
    host, port = _host_and_port(authority.lower())
    number = int(port) if _PORT.fullmatch(port) else 0
    if port == "":
        number = DEFAULT_PORTS[scheme]
    if not 0 < number <= _PORT_LIMIT or port == str(DEFAULT_PORTS[scheme]):
        return _refused("write the port as a plain number, and not at all if it is the default")
    if not _is_host(host):
        return _refused("write the host as a DNS name or a plain address")
    return replace(rest, host=host.strip("[]"), port=number)


def _host_and_port(authority: str) -> tuple[str, str]:
    """Split at the first colon behind the host; a colon without a port gives the port `:`."""
    end = authority.find("]") + 1
    colon = authority.find(":", end)
    if colon < 0:
        return authority, ""
    return authority[:colon], authority[colon + 1 :] or ":"


def _is_host(host: str) -> bool:
    """Say whether this is a DNS name or an address in the one form that all parsers share."""
    if host.startswith("["):
        return _is_canonical(host[1:-1], version=6)
    labels = host.split(".")
    if len(host) > _HOST_LIMIT or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    if labels[-1][0].isdigit():
        return _is_canonical(host, version=4)
    return True


def _is_canonical(host: str, *, version: int) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.version == version and str(address) == host and "%" not in host
