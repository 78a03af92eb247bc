"""What a process may open: allowed hosts and addresses, and the credentials mounted for it.

Addresses are resolved once and judged here; whoever connects must use exactly these.
"""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perennial_serving.contract import urls
from perennial_serving.contract.results import Reason
from perennial_serving.contract.urls import Location, Refusal
from perennial_serving.errors import Invalid, Unavailable

CREDENTIAL_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "HTTPS_AUTHORIZATION",
)

Resolve = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, by the system's resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(
            Reason.SOURCE_UNAVAILABLE, "the host's name cannot be resolved"
        ) from error
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class Access:
    """The guard of every store; the credentials never appear in its text."""

    allowed_hosts: tuple[str, ...] = ()
    allow_private_networks: bool = False
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    resolve: Resolve = resolve

    def location(self, uri: str) -> Location:
        """Return the parsed URI if its form and host are allowed."""
        location = urls.parse(uri)
        if isinstance(location, Refusal):
            raise _invalid(location)
        if refusal := urls.check_host(location, self.allowed_hosts):
            raise _invalid(refusal)
        return location

    def address(self, location: Location) -> str:
        """Resolve the host once; return an address to connect to if all of them are allowed."""
        addresses = self.resolve(location.host, location.port)
        for address in addresses:
            if refusal := urls.check_address(address, allow_private=self.allow_private_networks):
                raise _invalid(refusal)
        return addresses[0]


def read_credentials(folder: Path) -> dict[str, str]:
    """Return the known keys of a mounted Secret; none if nothing is mounted."""
    return {
        key: (folder / key).read_text().strip()
        for key in CREDENTIAL_KEYS
        if (folder / key).is_file()
    }


def _invalid(refusal: Refusal) -> Invalid:
    return Invalid(refusal.reason, refusal.message)
