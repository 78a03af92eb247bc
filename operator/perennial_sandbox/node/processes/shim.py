"""Starts a container's process below a small shell, finds it again, and ends it.

The shell is the leader of a session of its own, so it outlives the node's process, and it writes
the exit code to a file, so the code outlives it as well.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from perennial_sandbox.node.processes import records

# Only what is built into the shell: the container's PATH may lead nowhere. The second shell becomes
# the process, so nothing stands between its pid and its signals. The traps keep the first one
# alive if the process signals its whole group; unlike ignored signals they are not inherited.
_SCRIPT = """
folder=$1; cd "$2" || exit 1; shift 2
echo $$ >"$folder/shim" || exit 1
# The node gave this run up before it began.
[ -e "$folder/exit" ] && exit 1
trap : HUP INT TERM
# Nothing that the shell says itself belongs into the log.
exec 3>&2 2>/dev/null
(exec /bin/sh -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" "$@" 2>&3 3>&-)
echo $? >"$folder/exit"
# Whatever the process left behind ends with it.
kill -KILL 0
"""
# What an interpreter ignores its children would ignore, too: pipes would not end.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_START_FAILED = 128
_KILLED = 137


class Shims:
    """The shims of this node's containers; tells when one ends."""

    def __init__(self) -> None:
        """Know no shim yet."""
        self._handles: dict[Path, int] = {}

    def start(self, record: records.Record, ended: Callable[[], None]) -> bool:
        """Start a run; False if it cannot start, which is then written as its end."""
        launch = record.launch
        problem = _start_problem(launch)
        if problem:
            records.note_cause(record.folder, "StartError", problem)
            records.end(record.folder, _START_FAILED)
            return False
        self._watch(record, _spawn(record), ended)
        return True

    def adopt(self, record: records.Record, ended: Callable[[], None]) -> None:
        """Watch a run of an earlier life of the node; one that vanished is settled."""
        shim = running_shim(record.folder)
        if shim is None:
            settle(record)
        else:
            self._watch(record, shim, ended)

    def release(self, record: records.Record) -> None:
        """Stop watching a run; its process goes on."""
        handle = self._handles.pop(record.folder, None)
        if handle is not None:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)

    def _watch(self, record: records.Record, pid: int, ended: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            loop.call_soon(ended)
            return
        self._handles[record.folder] = handle
        loop.add_reader(handle, self._ended, record, pid, ended)

    def _ended(self, record: records.Record, pid: int, ended: Callable[[], None]) -> None:
        self.release(record)
        with contextlib.suppress(ChildProcessError):  # of an earlier life: somebody else's child
            os.waitpid(pid, os.WNOHANG)
        ended()


def settle(record: records.Record) -> None:
    """Write the end of a run that is over without an exit code: it was killed from outside."""
    if records.number_in(record.folder, "exit") is not None:
        return
    message = "the process vanished without an exit code"
    records.note_cause(record.folder, "ContainerStatusUnknown", message)
    records.end(record.folder, _KILLED)
    # A shim that began in this very moment does not go on.
    kill(record.folder)


def running_shim(folder: Path) -> int | None:
    """Return the shim's process id if it still runs this very run."""
    pid = records.number_in(folder, "shim")
    if pid is None:
        return None
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return pid if os.fsencode(folder) in words else None


def terminate(folder: Path) -> bool:
    """Ask the container's process to end; False if it has no process to ask (yet)."""
    pid = records.number_in(folder, "pid")
    if pid is None or running_shim(folder) is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    return True


def kill(folder: Path) -> None:
    """End the container's process and all its descendants now; the shim writes the exit code."""
    shim = running_shim(folder)
    if shim is None:
        return
    try:
        root = psutil.Process(shim)
        # A shim without children has only just begun, or ends anyway.
        members = root.children(recursive=True) or [root]
    except psutil.NoSuchProcess:
        return
    for member in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


def _spawn(record: records.Record) -> int:
    """Start the shim as the leader of a new session and return its process id."""
    launch = record.launch
    words = ["sh", "-c", _SCRIPT, "sh", str(record.folder), launch.directory, *launch.argv]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions: list[tuple[object, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(record.log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    environment = dict(launch.environment)
    return os.posix_spawn(
        "/bin/sh",
        words,
        environment,
        file_actions=actions,
        setsid=True,
        setsigdef=_IGNORED_BY_PYTHON,
    )


def _start_problem(launch: records.Launch) -> str:
    program = launch.argv[0] if launch.argv else ""
    if not Path(launch.directory).is_dir():
        return f"the working directory {launch.directory} does not exist"
    found = shutil.which(program, path=launch.environment.get("PATH", ""))
    if found or (program and Path(launch.directory, program).is_file()):
        return ""
    return f'exec: "{program}": executable file not found in $PATH'
