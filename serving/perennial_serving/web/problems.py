"""Reasons -> HTTP status, and the one form of error bodies."""

from collections.abc import Mapping

import orjson

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, PerennialError

STATUSES: Mapping[str, int] = {
    Reason.NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.TIMEOUT: 408,
    Reason.BODY_TOO_LARGE: 413,
    Reason.TOO_MANY_ROWS: 413,
    Reason.ENCODING_UNSUPPORTED: 415,
    Reason.MEDIA_TYPE_UNSUPPORTED: 415,
    Reason.INTERNAL: 500,
    Reason.STARTING: 503,
    Reason.MODEL_LOADING: 503,
    Reason.DRAINING: 503,
    Reason.OVERLOADED: 503,
    Reason.DEADLINE_UNREACHABLE: 503,
    Reason.DEADLINE_EXCEEDED: 504,
    Reason.VERSION_UNSUPPORTED: 505,
}
_INVALID = 400
_UNAVAILABLE = 503


def status_of(error: PerennialError) -> int:
    """Return the status of one of our errors.

    >>> status_of(Invalid(Reason.SHAPE_INVALID, "expected [-1, 4]"))
    400
    """
    return STATUSES.get(error.reason, _INVALID if isinstance(error, Invalid) else _UNAVAILABLE)


def body(reason: str, message: str) -> bytes:
    """Return the body of an error.

    >>> body("NotFound", "there is no such route")
    b'{"error":"there is no such route","code":"NotFound"}'
    """
    return orjson.dumps({"error": message, "code": reason})
