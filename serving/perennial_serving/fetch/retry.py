"""Tries again while a store is Unavailable: five tries, growing pauses with jitter."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from perennial_serving.errors import Unavailable

TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0

T = TypeVar("T")


def pauses(jitter: random.Random) -> Iterator[float]:
    """Yield the pauses between tries: each doubles, and up to a half of it is left out.

    >>> [round(pause, 1) for pause in pauses(random.Random(1))]
    [0.5, 0.6, 1.2, 3.5]
    """
    pause = FIRST_PAUSE_SECONDS
    for _ in range(TRIES - 1):
        yield pause * (1 - jitter.random() / 2)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def persistently(call: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Return what the call returns; the last Unavailable leaves if no try succeeds."""
    for pause in pauses(random.Random()):  # noqa: S311  # spreads load, protects nothing
        try:
            return call()
        except Unavailable:
            sleep(pause)
    return call()
