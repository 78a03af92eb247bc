"""Lengths of time as specs write them."""

import re

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]*)([smhd])", re.ASCII)


def in_seconds(text: str) -> int:
    """Return the seconds of a duration; 0 for none.

    >>> in_seconds("14d"), in_seconds("")
    (1209600, 0)
    """
    if not text:
        return 0
    found = _DURATION.fullmatch(text)
    if found is None:
        message = "a duration is a whole number with s, m, h or d, as in 14d"
        raise Invalid(Reason.SETTINGS_INVALID, message)
    return int(found.group(1)) * _UNITS[found.group(2)]
