"""Ends every process of a sandbox, whoever started it, and whether a supervisor is left or not."""

import contextlib
import os
from collections.abc import Iterator

import psutil

from perennial_sandbox import locks
from perennial_sandbox.control_plane import parts
from perennial_sandbox.control_plane.layout import Layout

_GRACE_SECONDS = 5
_TIDY_SECONDS = 1


def stop_all(layout: Layout) -> None:
    """Set the mark, so that nothing is started again, and end all processes."""
    layout.stop_mark.touch()
    for name in (parts.SUPERVISOR, parts.STANDBY, parts.NODE):
        locks.end(layout.lock(name), grace_seconds=_GRACE_SECONDS)
    _kill_pods(layout)
    for name in (parts.SCHEDULER, parts.CONTROLLER_MANAGER, parts.API_SERVER, parts.ETCD):
        # All that they know is removed with the folder: there is nothing to save.
        locks.end(layout.lock(name), grace_seconds=0)


def _kill_pods(layout: Layout) -> None:
    """Kill the processes of Pods, which outlive their node on purpose."""
    inside = f"{layout.node}/"
    asked = list(_processes_of_pods(inside))
    for process in asked:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()  # a moment to remove what lies outside of the folder
    psutil.wait_procs(asked, timeout=_TIDY_SECONDS)
    # A dying process may have started another one: look until there is none.
    while found := list(_processes_of_pods(inside)):
        for process in found:
            process.kill()
        psutil.wait_procs(found, timeout=1)


def _processes_of_pods(inside: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and _is_of_pod(process, inside):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def _is_of_pod(process: psutil.Process, inside: str) -> bool:
    if process.terminal() is not None or process.status() == psutil.STATUS_ZOMBIE:
        return False  # somebody who looks at a file in the folder
    told = [*process.cmdline(), *process.environ().values(), f"{process.cwd()}/"]
    return any(word.startswith(inside) for word in told)
