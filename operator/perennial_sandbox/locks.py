"""Locks that the kernel releases by itself when their holder dies, however it dies.

A folder can be held by one process. A part's lock file is held by the part's own process for as
long as it lives, and says its pid: so whether a part runs never depends on who started it.
Knows nothing of what the parts are.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perennial_sandbox.errors import NotReadyError

_LOOK_AGAIN_SECONDS = 0.02
_KILLS = 100


@contextmanager
def folder_held(folder: Path) -> Iterator[None]:
    """Create the folder if need be, and let nobody else hold it at the same time."""
    descriptor = _held_folder(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _held_folder(folder: Path) -> int:
    while True:
        descriptor = _opened(folder)
        if descriptor is None:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held it before may have removed it; then the descriptor is one of nothing.
        with suppress(FileNotFoundError):
            if folder.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def _opened(folder: Path) -> int | None:
    """Make the folder if need be and open it; None if it was removed in between."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    except FileExistsError:
        if folder.exists():  # a file
            raise
        return None


def is_held(lock: Path) -> bool:
    """Whether the process that the lock file stands for is alive."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def take(lock: Path) -> int | None:
    """Take the lock file for a process that will inherit the descriptor; None if it is held."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    # Until the new holder has written its pid, nobody must take the old one for it.
    os.ftruncate(descriptor, 0)
    return descriptor


def wait_for(lock: Path) -> int:
    """Wait until the lock file is free, hold it and write this process's pid into it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def holder(lock: Path) -> int | None:
    """Return the pid of the process that holds the lock file."""
    if not is_held(lock):
        return None
    try:
        return int(lock.read_text())
    except (FileNotFoundError, ValueError):
        return None


def end(lock: Path, *, grace_seconds: float) -> None:
    """End the process that holds the lock file: politely at first, by force after the grace."""
    if grace_seconds > 0:
        _send(lock, signal.SIGTERM)
        if _is_free_within(lock, grace_seconds):
            return
    for _ in range(_KILLS):
        # Again and again: a process that is only now starting has not written its pid yet.
        _send(lock, signal.SIGKILL)
        if _is_free_within(lock, 0.1):
            return
    message = f"{lock.stem} (pid {holder(lock)}) cannot be ended"
    raise NotReadyError(message)


def _send(lock: Path, number: signal.Signals) -> None:
    pid = holder(lock)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _is_free_within(lock: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_held(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_AGAIN_SECONDS)
    return True
