"""Short commands beside a container: exec probes and hooks."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from perennial_sandbox.node.pods.environment import rewritten
from perennial_sandbox.node.processes.records import Launch

_OUTPUT_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a command succeeded, and what it said."""

    passed: bool
    message: str = ""


async def run(words: Sequence[str], launch: Launch, *, timeout_seconds: float) -> Outcome:
    """Run a command in a container's environment; its whole group ends with it."""
    argv = [rewritten(word, launch.folders) for word in words]
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=launch.directory,
            env=dict(launch.environment),
            start_new_session=True,
        )
    except OSError as error:
        return Outcome(passed=False, message=f"cannot run {words[0]}: {error.strerror}")
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout_seconds)
    except TimeoutError:
        return Outcome(passed=False, message=f"command timed out after {timeout_seconds:g}s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    said = output[:_OUTPUT_BYTES].decode(errors="replace").strip()
    return Outcome(passed=process.returncode == 0, message=said)
