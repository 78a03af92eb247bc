"""Tests of the guard of memory limits."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field

from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.worker import memory_guard

HUGE, TINY = "64Gi", "1Mi"


@dataclass
class Suspect:
    """A container with a limit, and a process tree."""

    container: Container
    shim_pid: int | None
    killed: asyncio.Event = field(default_factory=asyncio.Event)

    def kill_for_memory(self) -> None:
        """Note the execution."""
        self.killed.set()


def suspect(pid: int | None, limit: str | None) -> Suspect:
    """Return a container with a limit and a process."""
    resources = {"limits": {"memory": limit}} if limit else {}
    return Suspect(Container("c", resources=resources), pid)


async def test_only_what_exceeds_its_limit_is_ended() -> None:
    """Containers without limit or process are not looked at."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
    try:
        suspects = [
            suspect(process.pid, TINY),
            suspect(process.pid, HUGE),
            suspect(process.pid, None),
            suspect(None, TINY),
        ]
        async with asyncio.timeout(10):
            task = asyncio.create_task(memory_guard.guard_forever(lambda: suspects[:1]))
            await suspects[0].killed.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        memory_guard.check(suspects[1:])
    finally:
        process.kill()
        await process.wait()
    assert [one.killed.is_set() for one in suspects] == [True, False, False, False]


def test_without_limits_nothing_is_looked_at() -> None:
    """The usual case costs nothing."""
    alone = suspect(1, None)
    memory_guard.check([alone])
    assert not alone.killed.is_set()
