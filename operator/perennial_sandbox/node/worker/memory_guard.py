"""Ends containers that use more memory than their limit, as the kernel does in a cgroup."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from perennial_sandbox.node.pods.plan import Container
from perennial_sandbox.node.processes import memory

_log = logging.getLogger(__name__)
_PERIOD_SECONDS = 0.5


class Limited(Protocol):
    """A container that may have a memory limit."""

    @property
    def container(self) -> Container:
        """The container's plan."""

    @property
    def shim_pid(self) -> int | None:
        """The root of its processes, None if none runs."""

    def kill_for_memory(self) -> None:
        """End it because it uses too much."""


async def guard_forever(drivers: Callable[[], Iterable[Limited]]) -> None:
    """Look twice a second at the containers that have a limit."""
    while True:
        check(drivers())
        await asyncio.sleep(_PERIOD_SECONDS)


def check(drivers: Iterable[Limited]) -> None:
    """End every container above its limit."""
    limited = {
        pid: (driver, limit)
        for driver in drivers
        if (limit := driver.container.memory_limit_bytes) is not None
        and (pid := driver.shim_pid) is not None
    }
    if not limited:
        return
    used = memory.resident_bytes(set(limited), memory.scan())
    for pid, (driver, limit) in limited.items():
        # Pages that processes share count once: ask the slow way before an execution.
        if used[pid] > limit and memory.proportional_bytes(pid) > limit:
            _log.info("container %s exceeds its %d bytes", driver.container.name, limit)
            driver.kill_for_memory()
