"""Tests of starting parts."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from perennial_sandbox import locks
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part
from perennial_sandbox.supervisor import launch


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a sandbox's folder with its places for logs and locks."""
    found = Layout(tmp_path)
    found.logs.mkdir()
    found.running.mkdir()
    return found


def _script(text: str) -> Part:
    return Part("etcd", ("/bin/sh", "-c", text))


def _started(part: Part, layout: Layout) -> subprocess.Popen[bytes]:
    child = launch.start(part, layout)
    assert child is not None
    return child


def test_a_part_holds_its_own_lock_and_names_itself(layout: Layout) -> None:
    """Nobody needs to remember who started it."""
    child = _started(Part("etcd", ("sleep", "60")), layout)
    while locks.holder(layout.lock("etcd")) is None:
        assert child.poll() is None
    assert locks.holder(layout.lock("etcd")) == child.pid
    child.kill()
    child.wait()
    assert not locks.is_held(layout.lock("etcd"))


def test_a_part_that_runs_is_not_started_twice(layout: Layout) -> None:
    """Two supervisors at the same moment make one process."""
    child = _started(Part("etcd", ("sleep", "60")), layout)
    assert launch.start(Part("etcd", ("sleep", "60")), layout) is None
    child.kill()
    child.wait()


def test_what_a_part_says_is_added_to_its_log(layout: Layout) -> None:
    """A restart keeps what led to it."""
    for word in ("one", "two"):
        assert _started(_script(f"echo {word}; echo {word} >&2"), layout).wait() == 0
    assert layout.log("etcd").read_text().split() == ["one", "one", "two", "two"]


def test_a_part_leads_its_own_session_in_the_sandboxs_folder(layout: Layout) -> None:
    """The terminal's Ctrl-C reaches the user's command, not the sandbox."""
    child = _started(_script("pwd; cat /proc/self/stat"), layout)
    child.wait()
    folder, stat = layout.log("etcd").read_text().splitlines()
    assert folder == str(layout.directory)
    assert stat.rpartition(")")[2].split()[3] == str(child.pid)


def test_a_part_finds_its_lock_once(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptor is told by the environment; what the part starts is not told."""
    child = _started(_script('echo "$PERENNIAL_SANDBOX_LOCK"'), layout)
    child.wait()
    told = layout.log("etcd").read_text().strip()
    monkeypatch.setenv("PERENNIAL_SANDBOX_LOCK", told)
    assert launch.own_lock() == int(told) > 2
    assert "PERENNIAL_SANDBOX_LOCK" not in os.environ


def test_a_detached_process_is_not_a_child(layout: Layout) -> None:
    """Its starter may end, and need not wait for it."""
    launch.start_detached(_script("echo $$; exec sleep 60"), layout)
    while not (said := layout.log("etcd").read_text()):
        pass
    process = psutil.Process(int(said))
    assert process.ppid() != os.getpid()
    process.kill()
