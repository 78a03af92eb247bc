"""Workers survive bugs, rest when asked, and log what matters."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from perennial_operator.loop.agenda import TIMER, Agenda
from perennial_operator.loop.passes import Ended, Passes
from perennial_operator.loop.work_queue import Outcome, Result, WorkQueue
from perennial_operator.loop.worker import Clock, Workers, shown
from perennial_operator.plan.snapshot import Key

KEY = Key("md", "default", "churn")
DROPPED = Result(Outcome.DROPPED)


class ScriptedPasses(Passes):
    """Runs what the test says."""

    def __init__(self, body: Callable[[Key], Awaitable[Ended]]) -> None:
        """Keep the body."""
        self._body = body
        self.bugs: list[Key] = []

    async def run(self, key: Key, *, now: datetime) -> Ended:
        """Run the body."""
        assert now.tzinfo
        return await self._body(key)

    def report_bug(self, key: Key, *, now: datetime) -> None:
        """Keep the key."""
        del now
        self.bugs.append(key)


class Scene:
    """Two workers over an agenda."""

    def __init__(self, body: Callable[[Key], Awaitable[Ended]]) -> None:
        """Start nothing yet."""
        queue = WorkQueue(workers=2, jitter=lambda: 1.0)
        self.agenda = Agenda(queue, monotonic=asyncio.get_running_loop().time)
        self.passes = ScriptedPasses(body)
        self.workers = Workers(self.agenda, self.passes, clock=Clock(), count=2)

    async def work(self, *keys: Key) -> None:
        """Let the workers take these keys, then end them."""
        for key in keys:
            self.agenda.queue(key, source=TIMER)
        task = asyncio.create_task(self.workers.run())
        for _ in range(20):
            await asyncio.sleep(0)
        await self.workers.rest(timeout_seconds=1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_are_worked_on() -> None:
    """Each once; silent ends leave no log line."""
    seen: list[Key] = []

    async def body(key: Key) -> Ended:
        seen.append(key)
        return Ended("noop", DROPPED)

    await Scene(body).work(KEY, Key("router", "default", ""))
    assert seen == [KEY, Key("router", "default", "")]


async def test_a_bug_in_one_pass_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback, reported, and waits long."""
    seen: list[Key] = []

    async def body(key: Key) -> Ended:
        seen.append(key)
        if key == KEY:
            message = "a bug"
            raise ValueError(message)
        return Ended("noop", DROPPED)

    scene = Scene(body)
    await scene.work(KEY, Key("md", "default", "other"))
    assert len(seen) == 2
    assert scene.passes.bugs == [KEY]
    assert "ValueError: a bug" in caplog.text


@pytest.mark.parametrize(
    ("word", "level"), [("changed", logging.INFO), ("unavailable", logging.WARNING)]
)
async def test_a_pass_that_wrote_or_failed_is_one_line(
    caplog: pytest.LogCaptureFixture, word: str, level: int
) -> None:
    """With the key, the generation and the result."""
    caplog.set_level(logging.INFO)
    outcome = Outcome.RETRY if word == "unavailable" else Outcome.DROPPED

    async def body(_key: Key) -> Ended:
        return Ended(word, Result(outcome), "why", "u", 3)

    await Scene(body).work(KEY)
    line = caplog.records[0]
    assert (line.levelno, line.message) == (level, "pass")
    facts = ("key", "uid", "generation", "result", "detail")
    assert [getattr(line, each) for each in facts] == ["md/default/churn", "u", 3, word, "why"]


async def test_resting_waits_for_running_passes_only_so_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And no further pass is started."""
    started: list[Key] = []
    may_end = asyncio.Event()

    async def body(key: Key) -> Ended:
        started.append(key)
        await may_end.wait()
        return Ended("noop", DROPPED)

    scene = Scene(body)
    scene.agenda.queue(KEY, source=TIMER)
    task = asyncio.create_task(scene.workers.run())
    for _ in range(5):
        await asyncio.sleep(0)
    await scene.workers.rest(timeout_seconds=0.01)
    assert "cut off" in caplog.text
    may_end.set()
    scene.agenda.queue(Key("md", "default", "late"), source=TIMER)
    await scene.workers.rest(timeout_seconds=1)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    assert started == [KEY]


def test_time_never_goes_back() -> None:
    """Within a process."""
    clock = Clock()
    first = clock()
    assert first.tzinfo
    assert clock() >= first


def test_keys_are_shown_as_paths() -> None:
    """A router has only a namespace."""
    assert (shown(KEY), shown(Key("router", "a", ""))) == ("md/default/churn", "router/a")
