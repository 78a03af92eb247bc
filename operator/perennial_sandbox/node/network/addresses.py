"""One loopback address per Pod, written down in the Pod's folder."""

import ipaddress
from collections.abc import Iterable
from pathlib import Path

_LAST_OFFSET = 2**16 - 1


class Addresses:
    """Hands out 127.x.y.z addresses; a freed one comes back only after all the others."""

    def __init__(self, prefix: str, pod_folders: Iterable[Path]) -> None:
        """Learn which addresses are in use from the folders of the Pods."""
        self._first = int(ipaddress.IPv4Address(f"{prefix}.0.0"))
        self._used = {text for folder in pod_folders if (text := _read(folder)) is not None}
        taken = [int(ipaddress.IPv4Address(text)) - self._first for text in self._used]
        self._last = max((one for one in taken if 0 <= one <= _LAST_OFFSET), default=0)

    def take(self, folder: Path) -> str:
        """Return the Pod's address, a new one at the first call."""
        address = _read(folder) or self._free()
        self._used.add(address)
        (folder / "address").write_text(address)
        return address

    def give_back(self, folder: Path) -> None:
        """Let the Pod's address be used again."""
        self._used.discard(_read(folder) or "")

    def _free(self) -> str:
        for _ in range(_LAST_OFFSET):
            self._last = self._last % _LAST_OFFSET + 1
            address = str(ipaddress.IPv4Address(self._first + self._last))
            # Names of networks and broadcasts surprise people, though loopback has neither.
            if address not in self._used and self._last % 256 not in {0, 255}:
                return address
        message = "all addresses of the node are in use"
        raise RuntimeError(message)


def _read(folder: Path) -> str | None:
    try:
        return str(ipaddress.IPv4Address((folder / "address").read_text().strip()))
    except (OSError, ValueError):
        return None
