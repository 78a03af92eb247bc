"""What to send of a container's log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK_BYTES = 64 * 1024
_FOLLOW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The options of `kubectl logs` that the node knows."""

    follows: bool = False
    previous: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None


class LogQueryError(ValueError):
    """The options ask for something that the node does not keep."""


def parsed(query: Mapping[str, str]) -> LogQuery:
    """Read the options from a query string's values."""
    for name in ("sinceTime", "sinceSeconds"):
        if name in query:
            message = f"the process node keeps no times of log lines: leave out {name}"
            raise LogQueryError(message)
    if query.get("timestamps") == "true":
        message = "the process node keeps no times of log lines: leave out timestamps"
        raise LogQueryError(message)
    return LogQuery(
        follows=query.get("follow") == "true",
        previous=query.get("previous") == "true",
        tail_lines=_number(query, "tailLines"),
        limit_bytes=_number(query, "limitBytes"),
    )


def tail_offset(file: Path, lines: int | None) -> int:
    """Return where the last lines of a file begin; None means all."""
    if lines is None:
        return 0
    position = size = file.stat().st_size
    if lines == 0:
        return size
    wanted = lines
    with file.open("rb") as source:
        while position > 0:
            step = min(_BLOCK_BYTES, position)
            source.seek(position - step)
            block = source.read(step)
            # The newline at the very end closes the last line and does not begin another.
            end = step - 1 if position == size and block.endswith(b"\n") else step
            while (end := block.rfind(b"\n", 0, end)) >= 0:
                wanted -= 1
                if wanted == 0:
                    return position - step + end + 1
            position -= step
    return 0


async def content(
    file: Path, query: LogQuery, *, is_running: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield the wanted part of a log; following ends with the container."""
    left = query.limit_bytes
    with file.open("rb") as source:
        source.seek(tail_offset(file, query.tail_lines))
        while left is None or left > 0:
            # Ask first: what is written between a read and the end would be lost.
            goes_on = query.follows and is_running()
            block = source.read(_BLOCK_BYTES if left is None else min(left, _BLOCK_BYTES))
            if block:
                left = None if left is None else left - len(block)
                yield block
            elif goes_on:
                await asyncio.sleep(_FOLLOW_SECONDS)
            else:
                return


def _number(query: Mapping[str, str], name: str) -> int | None:
    try:
        return int(query[name]) if name in query else None
    except ValueError as error:
        message = f"{name} must be a number"
        raise LogQueryError(message) from error
