"""Tests of locks that end with their holder."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from perennial_sandbox import locks
from perennial_sandbox.errors import NotReadyError

_IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 60 & wait $!; done"


def _hold(lock: Path, script: str = "echo ready; exec sleep 60") -> subprocess.Popen[str]:
    """Start a process that holds the lock file and has written its pid."""
    descriptor = locks.take(lock)
    assert descriptor is not None
    process = subprocess.Popen(
        ["/bin/sh", "-c", script], pass_fds=(descriptor,), stdout=subprocess.PIPE, text=True
    )
    os.close(descriptor)
    lock.write_text(f"{process.pid}\n")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _finish(process: subprocess.Popen[str]) -> int:
    """Collect a process that is ending."""
    with process:
        return process.wait(timeout=10)


def test_a_lock_is_held_exactly_as_long_as_its_process_lives(tmp_path: Path) -> None:
    """A killed holder frees its lock without doing anything for it."""
    lock = tmp_path / "part.pid"
    assert not locks.is_held(lock)
    process = _hold(lock)
    held = (locks.is_held(lock), locks.holder(lock), locks.take(lock))
    process.kill()
    _finish(process)
    assert held == (True, process.pid, None)
    assert (locks.is_held(lock), locks.holder(lock)) == (False, None)


def test_a_holder_that_has_not_written_its_pid_is_alive_but_unknown(tmp_path: Path) -> None:
    """Between the start of a process and its first line nobody is named, so nobody is hit."""
    lock = tmp_path / "part.pid"
    lock.write_text("12345678\n")
    descriptor = locks.take(lock)
    assert descriptor is not None
    assert (locks.is_held(lock), locks.holder(lock)) == (True, None)
    os.close(descriptor)


def test_waiting_for_a_lock_ends_with_this_process_as_its_holder(tmp_path: Path) -> None:
    """The waiter is named in the file, whatever was written there before."""
    lock = tmp_path / "part.pid"
    lock.write_text("12345678\n")
    descriptor = locks.wait_for(lock)
    assert lock.read_text() == f"{os.getpid()}\n"
    assert locks.holder(lock) == os.getpid()
    os.close(descriptor)


def test_a_polite_process_is_ended_politely(tmp_path: Path) -> None:
    """A process that ends on SIGTERM never sees SIGKILL."""
    lock = tmp_path / "part.pid"
    process = _hold(lock)
    locks.end(lock, grace_seconds=10)
    assert _finish(process) == -signal.SIGTERM


def test_a_stubborn_process_is_ended_by_force(tmp_path: Path) -> None:
    """When the grace has passed, SIGKILL follows."""
    lock = tmp_path / "part.pid"
    process = _hold(lock, "exec 2>/dev/null; " + _IGNORES_TERM.replace("sleep 60 &", "sleep 1 &"))
    locks.end(lock, grace_seconds=0.1)
    assert _finish(process) == -signal.SIGKILL


def test_without_grace_the_first_signal_kills(tmp_path: Path) -> None:
    """A part with nothing to save is not asked."""
    lock = tmp_path / "part.pid"
    process = _hold(lock)
    locks.end(lock, grace_seconds=0)
    assert _finish(process) == -signal.SIGKILL


def test_a_lock_whose_process_is_unknown_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for ever would tell nobody what is wrong."""
    monkeypatch.setattr(locks, "_KILLS", 2)
    descriptor = locks.take(tmp_path / "part.pid")
    assert descriptor is not None
    with pytest.raises(NotReadyError, match=r"part \(pid None\) cannot be ended"):
        locks.end(tmp_path / "part.pid", grace_seconds=0)
    os.close(descriptor)


def test_ending_a_part_that_never_ran_does_nothing(tmp_path: Path) -> None:
    """There is no file, so there is nobody to end."""
    locks.end(tmp_path / "part.pid", grace_seconds=10)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_while_it_is_opened_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last holder may remove it between two steps of the next one."""
    folder = tmp_path / "state"
    real_open = os.open
    vanished: list[Path] = []

    def open_late(path: Path, flags: int) -> int:
        if not vanished:
            folder.rmdir()
            vanished.append(path)
        return real_open(path, flags)

    monkeypatch.setattr(os, "open", open_late)
    with locks.folder_held(folder):
        assert locks.is_held(folder)
    assert vanished == [folder]


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    """It is somebody's; trying for ever would not turn it into a folder."""
    (tmp_path / "state").touch()
    with pytest.raises(FileExistsError), locks.folder_held(tmp_path / "state"):
        pass


def test_a_folder_that_vanishes_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system says that it exists, and a moment later it does not."""
    real_mkdir = os.mkdir
    answers: list[str] = []

    def mkdir_late(path: Path, mode: int) -> None:
        answers.append("made" if answers else "exists")
        if answers == ["exists"]:
            raise FileExistsError
        real_mkdir(path, mode)

    monkeypatch.setattr(os, "mkdir", mkdir_late)
    with locks.folder_held(tmp_path / "state"):
        assert answers == ["exists", "made"]


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    """The second comes in when the first has left, even if the first removed the folder."""
    folder = tmp_path / "state"
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with locks.folder_held(folder):
            order.append("second")

    with locks.folder_held(folder):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait()
        assert locks.is_held(folder)
        folder.rmdir()
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]
    assert folder.is_dir()
    assert not locks.is_held(folder)
