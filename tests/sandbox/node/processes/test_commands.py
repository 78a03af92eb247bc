"""Tests of commands beside a container."""

import asyncio
import sys
from pathlib import Path

import psutil

from perennial_sandbox.node.processes import commands
from perennial_sandbox.node.processes.commands import Outcome
from perennial_sandbox.node.processes.records import Launch
from perennial_sandbox.node.testing import until

LAUNCH = Launch((), {"PATH": "/usr/bin:/bin", "A": "1"}, "/", {"/data": "/usr"})


async def run(*words: str, launch: Launch = LAUNCH, timeout_seconds: float = 10) -> Outcome:
    """Run a command."""
    return await commands.run(words, launch, timeout_seconds=timeout_seconds)


async def test_success_and_failure_come_with_what_was_said() -> None:
    """Both outputs count."""
    good = await run("sh", "-c", "echo $A; echo err >&2")
    bad = await run("sh", "-c", "echo no; exit 3")
    assert (good, bad) == (
        Outcome(passed=True, message="1\nerr"),
        Outcome(passed=False, message="no"),
    )


async def test_container_paths_are_local() -> None:
    """As in the container's own command."""
    assert await run("test", "-d", "/data/bin") == Outcome(passed=True)


async def test_a_program_that_does_not_exist_is_a_failure() -> None:
    """Not an error of the node."""
    found = await run("no-such-program")
    assert found == Outcome(
        passed=False, message="cannot run no-such-program: No such file or directory"
    )


async def test_a_command_that_takes_too_long_ends_with_its_children(tmp_path: Path) -> None:
    """The whole group is killed."""
    file = tmp_path / "pid"
    script = f"sleep 998 & echo $! >{file}.new; mv {file}.new {file}; wait"
    slow = asyncio.create_task(run("sh", "-c", script, timeout_seconds=0.5))
    await until(file.exists)
    child = psutil.Process(int(file.read_text()))
    assert await slow == Outcome(passed=False, message="command timed out after 0.5s")
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_endless_output_is_cut() -> None:
    """An event shows a part of it."""
    found = await run(sys.executable, "-c", "print('x' * 100_000)")
    assert found == Outcome(passed=True, message="x" * 2048)
