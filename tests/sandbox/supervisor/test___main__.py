"""Tests of the supervisor's process; how it takes over is seen on the real control plane."""

import signal
from pathlib import Path

import pytest

from perennial_sandbox import locks
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.supervisor import __main__ as supervisor


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a folder in which everything is to stop."""
    found = Layout(tmp_path)
    found.running.mkdir()
    found.stop_mark.touch()
    return found


def test_a_supervisor_holds_its_lock_while_it_runs(layout: Layout) -> None:
    """It names itself, and lets go at its end."""
    supervisor.main(["--directory", str(layout.directory)])
    assert layout.lock("supervisor").read_text().strip().isdecimal()
    assert not locks.is_held(layout.lock("supervisor"))


def test_a_standby_that_takes_over_makes_room_for_the_next(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its former lock is free as soon as it is the supervisor."""
    descriptor = locks.take(layout.lock("standby"))
    monkeypatch.setenv("PERENNIAL_SANDBOX_LOCK", str(descriptor))
    supervisor.main(["--directory", str(layout.directory), "--standby"])
    assert not locks.is_held(layout.lock("standby"))


def test_parts_can_be_interrupted_though_the_shell_ignored_it(layout: Layout) -> None:
    """Pods inherit how signals are treated; an ignored SIGINT would stay ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervisor.main(["--directory", str(layout.directory)])
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)
