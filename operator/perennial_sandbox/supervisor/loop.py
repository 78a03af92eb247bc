"""The supervisor's loop: look which parts are alive, start those that are not."""

import logging
import socket
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from perennial_sandbox import locks
from perennial_sandbox.control_plane import parts, record
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part
from perennial_sandbox.supervisor import launch
from perennial_sandbox.supervisor.pauses import Pause

if TYPE_CHECKING:
    from subprocess import Popen

_log = logging.getLogger(__name__)
_LOOK_AGAIN_SECONDS = 0.2


def run(layout: Layout, keeper: "Keeper") -> None:
    """Keep all parts alive until the sandbox is to stop or is gone."""
    while not layout.stop_mark.exists():
        description = record.read(layout)
        if description is None:
            return
        keeper.tick(parts.all_parts(layout, description), now=time.monotonic())
        time.sleep(_LOOK_AGAIN_SECONDS)


class Keeper:
    """Remembers what it started, and when; `children` are those that it has not seen end."""

    def __init__(
        self, layout: Layout, *, is_listening: Callable[[int], bool] | None = None
    ) -> None:
        """Take over whatever runs already."""
        self._layout = layout
        self._is_listening = is_listening or _accepts
        self._pauses: dict[str, Pause] = {}
        self.children: dict[str, Popen[bytes]] = {}

    def tick(self, wanted: Iterable[Part], *, now: float) -> None:
        """Start each part that is dead, may start, and finds what it needs."""
        self._reap()
        for part in wanted:
            pause = self._pauses.get(part.name, Pause())
            if self._lives(part.name) or not pause.is_over(now):
                continue
            if part.after_port is not None and not self._is_listening(part.after_port):
                continue
            self._start(part, pause.started(now))

    def _lives(self, name: str) -> bool:
        return name in self.children or locks.is_held(self._layout.lock(name))

    def _start(self, part: Part, pause: Pause) -> None:
        child = launch.start(part, self._layout)
        if child is None:
            return
        self._pauses[part.name] = pause
        self.children[part.name] = child
        _log.info("started %s, pid %d", part.name, child.pid)

    def _reap(self) -> None:
        for name, child in list(self.children.items()):
            code = child.poll()
            if code is not None:
                _log.info("%s ended with code %d", name, code)
                del self.children[name]


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
