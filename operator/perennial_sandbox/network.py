"""Gives each sandbox on this host ports and a block of loopback addresses of its own.

The claims lie in one folder per user; a claim is void once its sandbox's folder is gone.
"""

import itertools
import json
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from perennial_sandbox import locks
from perennial_sandbox.errors import RefusedError

# Below the range from which Linux takes the ports of outgoing connections: one of those may not
# sit on a port that a restarted part needs again.
_PORTS = range(12000, 32000)
_BLOCKS = range(16, 240)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one sandbox may use: 127.x and some free ports."""

    address_prefix: str
    ports: tuple[int, ...]


@contextmanager
def claims(folder: Path | None = None) -> Iterator["Claims"]:
    """Hold the claims of this user, so that two sandboxes never choose the same."""
    place = folder or Path(tempfile.gettempdir()) / f"perennial-sandbox-{os.getuid()}"
    with locks.folder_held(place):
        if place.stat().st_uid != os.getuid():
            message = f"{place} belongs to another user; remove it or set TMPDIR"
            raise RefusedError(message)
        yield Claims(place)
        with suppress(OSError):  # others have claims here
            place.rmdir()


class Claims:
    """The claims of all sandboxes, while they are held."""

    def __init__(self, folder: Path) -> None:
        """Work on the claims in this folder."""
        self._folder = folder

    def take(self, directory: Path, *, ports: int, wanted: Claim | None = None) -> Claim:
        """Claim a free block of addresses and free ports; the wanted ones if they are free."""
        self.release(directory)
        taken = self._others()
        prefixes = {claim.address_prefix for claim in taken} | _listening_prefixes()
        avoid = {port for claim in taken for port in claim.ports}
        claim = wanted
        if claim is None or claim.address_prefix in prefixes or not _are_free(claim.ports, avoid):
            claim = Claim(_free_prefix(prefixes), _free_ports(ports, avoid))
        content = {"directory": str(directory), "ports": claim.ports}
        (self._folder / claim.address_prefix).write_text(json.dumps(content))
        return claim

    def release(self, directory: Path) -> None:
        """Give back what a sandbox claimed."""
        for file, claimant, _ in self._read():
            if claimant == directory:
                file.unlink()

    def _others(self) -> list[Claim]:
        found = []
        for file, claimant, ports in self._read():
            if claimant.exists():
                found.append(Claim(file.name, ports))
            else:
                file.unlink()
        return found

    def _read(self) -> list[tuple[Path, Path, tuple[int, ...]]]:
        found = []
        for file in sorted(self._folder.iterdir()):
            content = json.loads(file.read_text())
            found.append((file, Path(content["directory"]), tuple(content["ports"])))
        return found


def _listening_prefixes() -> set[str]:
    # Another user's claims are not known here, but the sockets that listen are.
    return {
        ".".join(connection.laddr[0].split(".")[:2])
        for connection in psutil.net_connections("tcp4")
        if connection.laddr and connection.status == psutil.CONN_LISTEN
    }


def _free_prefix(taken: set[str]) -> str:
    for block in _BLOCKS:
        prefix = f"127.{block}"
        if prefix not in taken:
            return prefix
    message = f"all {len(_BLOCKS)} blocks of loopback addresses are in use; stop a sandbox"
    raise RefusedError(message)


def _free_ports(count: int, avoid: set[int]) -> tuple[int, ...]:
    candidates = random.sample(_PORTS, len(_PORTS))
    free = (port for port in candidates if _are_free((port,), avoid))
    return tuple(itertools.islice(free, count))


def _are_free(ports: tuple[int, ...], avoid: set[int]) -> bool:
    return all(port not in avoid and _is_free(port) for port in ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
