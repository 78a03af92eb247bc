"""Tests of starting, finding again and ending processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from perennial_sandbox.node.processes import records, shim
from perennial_sandbox.node.processes.records import Launch, Record
from perennial_sandbox.node.testing import NOON, until

PATH = {"PATH": "/usr/bin:/bin"}
# Says that it is there by its first line of output, then waits to be ended.
STAYS = "echo up; exec sleep 1000"


class Host:
    """Starts runs in one folder and waits for their ends."""

    def __init__(self, folder: Path) -> None:
        """Start with nothing."""
        self.folder = folder
        self.shims = shim.Shims()

    def record(self, *argv: str, directory: str = "/") -> Record:
        """Write down a run."""
        number = str(len(records.runs_in(self.folder)))
        launch = Launch(argv, PATH, directory)
        return records.create(self.folder / number, launch, streak=0, now=NOON)

    def start(self, record: Record) -> asyncio.Event:
        """Start a run; the event says that it ended."""
        ended = asyncio.Event()
        assert self.shims.start(record, ended.set)
        return ended

    async def finish(self, record: Record) -> int:
        """Start a run, wait for its end and return its exit code."""
        await asyncio.wait_for(self.start(record).wait(), 10)
        return code(record)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Yield a host whose processes are ended after the test."""
    made = Host(tmp_path / "runs")
    yield made
    for run in records.runs_in(made.folder):
        shim.kill(run)


def code(record: Record) -> int:
    """Return the exit code of an ended run."""
    found = records.exit_of(record, run_id="", uses_logs=False)
    assert found is not None
    return found.code


async def is_up(record: Record) -> None:
    """Wait until the run has said its first line."""
    await until(lambda: record.log.exists() and b"up" in record.log.read_bytes())


@pytest.mark.parametrize(
    ("script", "expected"),
    [("exit 0", 0), ("exit 7", 7), ("exit 127", 127), ("kill -TERM $$", 143), ("kill -9 $$", 137)],
)
async def test_exit_codes_arrive(host: Host, script: str, expected: int) -> None:
    """Also those of signals."""
    assert await host.finish(host.record("sh", "-c", script)) == expected


async def test_both_outputs_are_the_log(host: Host) -> None:
    """In the order in which they were written; there is nothing to read from."""
    record = host.record("sh", "-c", "echo out; echo err >&2; cat; echo end")
    await host.finish(record)
    assert record.log.read_text() == "out\nerr\nend\n"


async def test_a_process_gets_its_words_environment_and_folder(host: Host, tmp_path: Path) -> None:
    """Exactly those: no shell touches them."""
    script = "import os,sys; print(sys.argv[1:], sorted(os.environ), os.getcwd())"
    record = host.record(sys.executable, "-c", script, "a b", "$HOME", "*", directory=str(tmp_path))
    await host.finish(record)
    said = record.log.read_text()
    assert said.startswith("['a b', '$HOME', '*']")
    assert "'PATH'" in said
    assert "'HOME'" not in said
    assert said.rstrip().endswith(str(tmp_path))


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        (
            Launch(("no-such-program",), PATH),
            'exec: "no-such-program": executable file not found in $PATH',
        ),
        (Launch((), PATH), 'exec: "": executable file not found in $PATH'),
        (Launch(("sh",), PATH, "/no/such"), "the working directory /no/such does not exist"),
    ],
)
async def test_what_cannot_start_says_why(host: Host, launch: Launch, message: str) -> None:
    """With the reason and the code of Kubernetes."""
    record = records.create(host.folder / "0", launch, streak=0, now=NOON)
    assert not host.shims.start(record, lambda: None)
    found = records.exit_of(record, run_id="", uses_logs=False)
    assert found is not None
    assert (found.code, found.reason, found.message) == (128, "StartError", message)


async def test_a_program_may_be_given_by_a_path_in_its_folder(host: Host, tmp_path: Path) -> None:
    """As a shell would find it."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 5\n")
    program.chmod(0o755)
    assert await host.finish(host.record("./program", directory=str(tmp_path))) == 5


async def test_a_process_can_end_with_grace(host: Host) -> None:
    """It handles the signal; its own code counts."""
    record = host.record("sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done")
    ended = host.start(record)
    await is_up(record)
    await until(lambda: shim.terminate(record.folder))
    await asyncio.wait_for(ended.wait(), 10)
    assert code(record) == 3


async def test_a_signal_right_after_the_start_is_not_lost(host: Host) -> None:
    """As soon as the process id is known, the process gets its signals."""
    for _ in range(20):
        record = host.record("sleep", "1000")
        ended = host.start(record)
        await until(lambda one=record: shim.terminate(one.folder))
        await asyncio.wait_for(ended.wait(), 10)
        assert (code(record), record.log.read_text()) == (143, "")


async def test_a_process_does_not_ignore_broken_pipes(host: Host) -> None:
    """It starts with the defaults, though the node's interpreter ignores them."""
    record = host.record("grep", "SigIgn", "/proc/self/status")
    await host.finish(record)
    ignored = int(record.log.read_text().split()[1], 16)
    assert ignored & 1 << signal.SIGPIPE - 1 == 0


async def test_nothing_is_needed_from_the_containers_path(host: Host) -> None:
    """The exit code arrives even if that path leads nowhere."""
    launch = Launch(("/bin/sh", "-c", "exit 3"), {"PATH": "/no/such"})
    record = records.create(host.folder / "0", launch, streak=0, now=NOON)
    assert await host.finish(record) == 3


async def test_a_process_that_ends_itself_by_its_group_is_still_recorded(host: Host) -> None:
    """The shell survives signals to the group that it shares with the process."""
    assert (
        await host.finish(host.record("sh", "-c", "trap 'exit 4' TERM; kill -TERM 0; sleep 9")) == 4
    )


async def test_killing_ends_all_descendants(host: Host) -> None:
    """Also those in a session of their own."""
    record = host.record("sh", "-c", "setsid sleep 999 & echo up; wait")
    ended = host.start(record)
    await is_up(record)
    root = shim.running_shim(record.folder)
    assert root is not None
    members = await descendants(root, 2)
    shim.kill(record.folder)
    await asyncio.wait_for(ended.wait(), 10)
    _, alive = psutil.wait_procs(members, timeout=5)
    assert (code(record), alive) == (137, [])


async def descendants(root: int, least: int) -> list[psutil.Process]:
    """Return the descendants of a process once there are enough."""
    await until(lambda: len(psutil.Process(root).children(recursive=True)) >= least)
    return psutil.Process(root).children(recursive=True)


async def test_what_a_process_leaves_behind_ends_with_it(host: Host) -> None:
    """As in a container, whose first process is its life."""
    record = host.record("sh", "-c", "sleep 999 & echo $!")
    assert await host.finish(record) == 0
    left = int(record.log.read_text())
    await until(lambda: state_of(left) in {"gone", psutil.STATUS_ZOMBIE})


def state_of(pid: int) -> str:
    """Return the state of a process, "gone" if there is none."""
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return "gone"


async def test_a_run_is_found_again(host: Host) -> None:
    """A second life of the node learns the end of what the first one started."""
    record = host.record("sh", "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.01; done")
    ended = host.start(record)
    await is_up(record)
    second, seen = shim.Shims(), asyncio.Event()
    second.adopt(record, seen.set)
    await until(lambda: shim.terminate(record.folder))
    await asyncio.wait_for(asyncio.gather(seen.wait(), ended.wait()), 10)
    assert code(record) == 6


async def test_an_end_in_the_meantime_is_kept(host: Host) -> None:
    """Adopting an ended run changes nothing."""
    record = host.record("sh", "-c", "exit 9")
    await host.finish(record)
    shim.Shims().adopt(record, lambda: None)
    assert code(record) == 9


async def test_a_run_that_vanished_counts_as_killed(host: Host) -> None:
    """After a crash of the host nothing else is known."""
    record = host.record("sh", "-c", STAYS)
    shim.Shims().adopt(record, lambda: None)
    found = records.exit_of(record, run_id="", uses_logs=False)
    assert found is not None
    assert (found.code, found.reason) == (137, "ContainerStatusUnknown")


async def test_a_shim_killed_from_outside_settles_the_run(host: Host) -> None:
    """The node is told, and the process does not stay behind."""
    record = host.record("sh", "-c", STAYS)
    ended = host.start(record)
    await is_up(record)
    root = shim.running_shim(record.folder)
    assert root is not None
    os.killpg(root, signal.SIGKILL)
    await asyncio.wait_for(ended.wait(), 10)
    shim.settle(record)
    shim.settle(record)
    assert code(record) == 137


async def test_a_late_shim_does_not_start_what_was_given_up(host: Host) -> None:
    """The node decided that the run is over before the shell began."""
    record = host.record("sh", "-c", "echo up")
    records.end(record.folder, 137)
    ended = host.start(record)
    await asyncio.wait_for(ended.wait(), 10)
    assert (code(record), record.log.read_text()) == (137, "")


async def test_a_foreign_process_with_the_same_id_is_left_alone(host: Host) -> None:
    """Ids are reused; only the command line proves that it is ours."""
    record = host.record("sh")
    (record.folder / "shim").write_text(str(os.getpid()))
    (record.folder / "pid").write_text(str(os.getpid()))
    shim.kill(record.folder)
    found = (shim.running_shim(record.folder), shim.terminate(record.folder))
    assert found == (None, False)


async def test_an_ended_run_cannot_be_ended(host: Host) -> None:
    """Neither way; its process id may belong to somebody else."""
    record = host.record("sh", "-c", "exit 0")
    await host.finish(record)
    shim.kill(record.folder)
    assert not shim.terminate(record.folder)


async def test_a_released_run_goes_on(host: Host) -> None:
    """Without the node; nobody is told of their end any more."""
    record = host.record("sh", "-c", STAYS)
    ended = host.start(record)
    await is_up(record)
    host.shims.release(record)
    host.shims.release(record)
    shim.kill(record.folder)
    await until((record.folder / "exit").exists)
    assert not ended.is_set()
