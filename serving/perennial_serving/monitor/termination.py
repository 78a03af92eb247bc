"""The last words of a process: its result, where Kubernetes looks for it."""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from perennial_serving.contract.results import EXIT_BUG, Outcome, Reason, Result
from perennial_serving.errors import Invalid, PerennialError

ExceptHook = Callable[[type[BaseException], BaseException, TracebackType | None], None]

_LOGGER = logging.getLogger(__name__)


def say(path: Path, result: Result) -> None:
    """Write the termination message; a log line replaces it where there is no such file."""
    text = result.encode()
    try:
        path.write_text(text)
    except OSError:
        _LOGGER.warning("no termination log at hand: %s", text)


def of_error(error: PerennialError, *, seconds: float = 0.0) -> Result:
    """Return the result of a process that ended by one of our errors."""
    outcome = Outcome.INVALID if isinstance(error, Invalid) else Outcome.UNAVAILABLE
    return Result(outcome, error.reason, error.message, seconds=seconds)


def hook(path: Path, leave: Callable[[int], object] = os._exit) -> ExceptHook:
    """Return a `sys.excepthook` for bugs: traceback to the log, last words, exit code 70."""

    def said(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _LOGGER.critical("internal error", exc_info=(kind, error, trace))
        message = "an internal error; the container's log has the traceback"
        say(path, Result(Outcome.BUG, Reason.INTERNAL, message))
        leave(EXIT_BUG)

    return said


def ended(work: Callable[[], Result], clock: Callable[[], float] = time.monotonic) -> Result:
    """Return the work's result, or that of the error it ended with, with the time it took."""
    started = clock()
    try:
        return work()
    except PerennialError as error:
        _LOGGER.error("%s", error, exc_info=error)  # noqa: TRY400  # the cause belongs to the line
        return of_error(error, seconds=clock() - started)
