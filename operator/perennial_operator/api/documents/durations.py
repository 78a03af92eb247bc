"""Durations as users write them: `30s`, `10m`, `24h`, `7d`. One number, one unit."""

import re
from datetime import timedelta

_SHAPE = re.compile(r"([1-9][0-9]{0,5})([smhd])", flags=re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(text: str) -> int:
    """Return the seconds of a duration; ValueError for what the schema does not admit.

    >>> seconds("10m")
    600
    """
    if not (match := _SHAPE.fullmatch(text)):
        message = f"{text!r} is no duration: write a number and a unit, like 30s, 10m, 24h or 7d"
        raise ValueError(message)
    return int(match[1]) * _SECONDS[match[2]]


def parse(text: str) -> timedelta:
    """Return the duration as a timedelta; ValueError as in `seconds`."""
    return timedelta(seconds=seconds(text))
