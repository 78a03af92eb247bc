"""Tests of parts that start processes of their own."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from perennial_sandbox import locks
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part
from perennial_sandbox.supervisor import launch, sealed

# Like the node: it spawns a process that inherits whatever can be inherited, and goes on.
_MODULE = """
import os, sys
if sys.argv[1:] == ["told"]:
    print(os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ, setsid=True), flush=True)
"""


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Return a sandbox's folder in which a module lies that starts a process."""
    found = Layout(tmp_path)
    found.logs.mkdir()
    found.running.mkdir()
    (tmp_path / "spawning.py").write_text(_MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return found


def test_a_part_that_ended_is_dead_though_its_processes_live(layout: Layout) -> None:
    """A killed node must be started again while its Pods run."""
    module = "perennial_sandbox.supervisor.sealed"
    part = Part("node", (sys.executable, "-m", module, "spawning", "told"))
    child = launch.start(part, layout)
    assert child is not None
    assert child.wait(timeout=60) == 0
    sleeper = psutil.Process(int(layout.log("node").read_text()))
    is_alive, is_held = sleeper.is_running(), locks.is_held(layout.lock("node"))
    sleeper.kill()
    assert (is_alive, is_held) == (True, False)


def test_the_module_is_run_as_if_it_were_called_itself(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees its own words, and the lock is closed to its children."""
    descriptor = locks.take(layout.lock("node"))
    assert descriptor is not None
    os.set_inheritable(descriptor, True)  # noqa: FBT003  # the standard library's signature
    monkeypatch.setenv("PERENNIAL_SANDBOX_LOCK", str(descriptor))
    monkeypatch.setattr(sys, "argv", ["any"])
    monkeypatch.syspath_prepend(str(layout.directory))
    sealed.main(["spawning", "quiet"])
    assert os.get_inheritable(descriptor) is False
    os.close(descriptor)
