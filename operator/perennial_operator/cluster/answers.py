"""What an HTTP answer of the API server becomes: a table, pure.

Stale      the object changed since the snapshot: end the pass, look again at once
Gone       the object or its namespace is going away: drop the key
Expired    the resourceVersion of a watch or list is too old: list again
Exists     the name is taken: ours only if its root's uid fits
Unexpected a bug of ours: never repeated in a storm
"""

import json
from dataclasses import dataclass

from perennial_operator.api import reasons
from perennial_operator.errors import Invalid, PerennialError, Unavailable

_PASSING = frozenset({401, 408, 429, 500, 502, 503, 504})


class Stale(PerennialError):  # noqa: N818  # named for what it says, not for what it is
    """A precondition did not hold: the picture that the plan was made from is old."""


class Gone(PerennialError):  # noqa: N818  # as above
    """What was to be written, or its namespace, no longer exists or is being terminated."""


class Expired(PerennialError):  # noqa: N818  # as above
    """The server no longer has the history since that resourceVersion."""


class Exists(PerennialError):  # noqa: N818  # as above
    """An object of that name exists already."""


class Unexpected(Exception):  # noqa: N818  # as above; a bug: outside our tree on purpose
    """An answer that a correct request never gets."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal: its HTTP status, the Status document's text, and what was asked."""

    code: int
    message: str
    reason: str = ""
    retry_after_seconds: float | None = None
    is_status_write: bool = False

    @classmethod
    def parse(cls, code: int, body: bytes, *, retry_after: str | None = None) -> "Answer":
        """Return the answer that a response holds; a body that is no Status is its own text."""
        try:
            status = json.loads(body)
            message, reason = str(status["message"]), str(status.get("reason") or "")
        except (ValueError, TypeError, KeyError, AttributeError):
            message, reason = body[:500].decode(errors="replace"), ""
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
        return cls(code, message, reason, seconds)


def error(answer: Answer) -> Exception:
    """Return the exception that an answer stands for."""
    if answer.code in _PASSING:
        return _passing(answer)
    by_code = {403: _forbidden, 404: _absent, 409: _conflict, 410: _expired, 422: _unprocessable}
    handle = by_code.get(answer.code)
    return handle(answer) if handle else Unexpected(f"{answer.code}: {answer.message}")


def _passing(answer: Answer) -> Exception:
    if answer.code == 500 and "failed to create typed patch object" in answer.message:  # noqa: PLR2004  # HTTP
        return Unexpected(answer.message)
    return Unavailable(
        f"the API server answered {answer.code}: {answer.message}",
        retry_after_seconds=answer.retry_after_seconds,
    )


def _forbidden(answer: Answer) -> Exception:
    if "being terminated" in answer.message:
        return Gone(answer.message)
    if "exceeded quota" in answer.message:
        return Unavailable(answer.message, reason=reasons.QUOTA_EXCEEDED)
    return Unavailable(answer.message, reason=reasons.FORBIDDEN)


def _absent(answer: Answer) -> Exception:
    return Gone(answer.message)


def _conflict(answer: Answer) -> Exception:
    if answer.reason == "AlreadyExists":
        return Exists(answer.message)
    if answer.message.startswith("Apply failed"):
        return Invalid(
            reasons.FIELD_CONFLICT,
            f"another manager owns a field: {answer.message}; let it give the field up",
        )
    return Stale(answer.message)


def _expired(answer: Answer) -> Exception:
    return Expired(answer.message)


def _unprocessable(answer: Answer) -> Exception:
    if answer.is_status_write or "immutable" in answer.message:
        return Unexpected(answer.message)
    return Invalid(
        reasons.CHILD_REJECTED,
        f"the API server refused a child: {answer.message}; change the field of spec that it names",
    )
