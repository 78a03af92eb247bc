"""Kubernetes quantities such as 250m, 1.5Gi or 2e3, as exact numbers."""

import math
import re
from fractions import Fraction

_SUFFIXES: dict[str, Fraction] = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    **{letter: Fraction(1000 ** (power + 1)) for power, letter in enumerate("kMGTPE")},
    **{f"{letter}i": Fraction(1024 ** (power + 1)) for power, letter in enumerate("KMGTPE")},
}
_PATTERN = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]i?|Ki)?")


def amount(quantity: str | float) -> Fraction:
    """Return the exact number that a quantity stands for.

    >>> amount("250m") * 4
    Fraction(1, 1)
    """
    match = _PATTERN.fullmatch(str(quantity).strip())
    if match is None or (match[2] or "") not in _SUFFIXES:
        message = f"{quantity!r} is not a quantity such as 250m, 1.5Gi or 2e3"
        raise ValueError(message)
    return Fraction(match[1]) * _SUFFIXES[match[2] or ""]


def share(quantity: str | float, divisor: str | float) -> int:
    """Return the quantity in units of the divisor, rounded up; a divisor of 0 means 1.

    >>> share("1500m", "0"), share("1Gi", "1Mi")
    (2, 1024)
    """
    return math.ceil(amount(quantity) / (amount(divisor) or 1))
