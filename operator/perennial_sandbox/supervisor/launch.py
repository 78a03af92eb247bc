"""Starts one part as a process that holds the part's lock for as long as it lives."""

import os
import subprocess

from perennial_sandbox import locks
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part

_DESCRIPTOR = "PERENNIAL_SANDBOX_LOCK"
# The process itself writes its pid, so the lock file is right even if its starter dies now.
_WRITE_PID_THEN_RUN = 'echo $$ >"$0"; exec "$@"'


def start(part: Part, layout: Layout) -> subprocess.Popen[bytes] | None:
    """Start a part; None if it runs already."""
    lock = layout.lock(part.name)
    descriptor = locks.take(lock)
    if descriptor is None:
        return None
    command = ["/bin/sh", "-c", _WRITE_PID_THEN_RUN, str(lock), *part.command]
    try:
        with layout.log(part.name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # the command line is our own
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=layout.directory,
                env={**os.environ, _DESCRIPTOR: str(descriptor)},
                pass_fds=(descriptor,),
                start_new_session=True,
            )
    finally:
        os.close(descriptor)


def start_detached(part: Part, layout: Layout) -> None:
    """Start a process that is nobody's child, so that its starter can leave it alone."""
    command = ["/bin/sh", "-c", '"$@" & exit', "sh", *part.command]
    with layout.log(part.name).open("ab") as log:
        subprocess.run(  # noqa: S603  # the command line is our own
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=layout.directory,
            start_new_session=True,
            check=True,
        )


def own_lock() -> int:
    """Return the descriptor of the lock under which this process was started, once."""
    return int(os.environ.pop(_DESCRIPTOR))
