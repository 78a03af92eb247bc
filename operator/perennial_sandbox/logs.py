"""Reads the logs of a sandbox's parts, and follows them while they grow."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.errors import RefusedError

_LOOK_AGAIN_SECONDS = 0.2


def files(directory: Path, part: str | None = None) -> dict[str, Path]:
    """Return the log file of the part, or of every part that has written one."""
    found = {file.stem: file for file in sorted(Layout(directory.absolute()).logs.glob("*.log"))}
    if part is None:
        return found
    if part not in found:
        known = ", ".join(found) or "none: no sandbox is up there"
        message = f"there is no log of {part}; parts with a log: {known}"
        raise RefusedError(message)
    return {part: found[part]}


def last_lines(file: Path, count: int) -> list[str]:
    """Return the end of a log."""
    with file.open(errors="replace") as log:
        return [line.rstrip("\n") for line in deque(log, maxlen=count)]


def follow(
    logs: Mapping[str, Path], *, pause: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, str]]:
    """Yield (part, line) for each line that is added from now on, until the logs are removed."""
    positions = {part: file.stat().st_size for part, file in logs.items()}
    while any(file.exists() for file in logs.values()):
        for part, file in logs.items():
            for line in _added(file, positions[part]):
                positions[part] += len(line)
                yield part, line.decode(errors="replace").rstrip("\n")
        pause(_LOOK_AGAIN_SECONDS)


def _added(file: Path, position: int) -> list[bytes]:
    """Return whole lines only: the rest of a line comes with the next look."""
    if not file.exists():
        return []
    with file.open("rb") as log:
        log.seek(position)
        return [line for line in log if line.endswith(b"\n")]
