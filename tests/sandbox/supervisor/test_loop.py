"""Tests of the supervisor's loop, with small processes in place of the servers."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perennial_sandbox import locks
from perennial_sandbox.control_plane import record
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part
from perennial_sandbox.control_plane.record import Ports, Record
from perennial_sandbox.supervisor import loop
from perennial_sandbox.supervisor.loop import Keeper

KeeperOf = Callable[..., Keeper]
_STORE = Part("etcd", ("sleep", "60"))
_SERVER = Part("kube-apiserver", ("sleep", "60"), after_port=12001)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return a sandbox's folder with its places for logs and locks."""
    found = Layout(tmp_path)
    found.logs.mkdir()
    found.running.mkdir()
    return found


@pytest.fixture
def keeper_of(layout: Layout) -> Iterator[KeeperOf]:
    """Yield a maker of keepers; what they started is ended and collected."""
    keepers: list[Keeper] = []

    def make(*listening: int) -> Keeper:
        keepers.append(Keeper(layout, is_listening=lambda port: port in listening))
        return keepers[-1]

    yield make
    for lock in layout.running.iterdir():
        locks.end(lock, grace_seconds=0)
    for keeper in keepers:
        while keeper.children:
            keeper.tick([], now=0)


def _pid(layout: Layout, part: Part) -> int:
    """Return the pid of a part that was started a moment ago."""
    while (pid := locks.holder(layout.lock(part.name))) is None:
        assert locks.is_held(layout.lock(part.name))
    return pid


def _kill(layout: Layout, part: Part) -> int:
    """Kill a part and wait until that is seen."""
    pid = _pid(layout, part)
    os.kill(pid, signal.SIGKILL)
    while locks.is_held(layout.lock(part.name)):
        pass
    return pid


def test_a_part_waits_for_the_port_that_it_needs(layout: Layout, keeper_of: KeeperOf) -> None:
    """The API server is not started before its store listens."""
    keeper_of().tick([_STORE, _SERVER], now=0)
    assert locks.is_held(layout.lock("etcd"))
    assert not locks.is_held(layout.lock("kube-apiserver"))
    keeper_of(12001).tick([_STORE, _SERVER], now=1)
    assert locks.is_held(layout.lock("kube-apiserver"))


def test_parts_that_live_are_left_alone(layout: Layout, keeper_of: KeeperOf) -> None:
    """A steady sandbox changes nothing."""
    keeper = keeper_of(12001)
    keeper.tick([_STORE, _SERVER], now=0)
    before = (_pid(layout, _STORE), _pid(layout, _SERVER))
    keeper.tick([_STORE, _SERVER], now=100)
    assert (_pid(layout, _STORE), _pid(layout, _SERVER)) == before


def test_a_dead_part_is_started_again_after_its_pause(layout: Layout, keeper_of: KeeperOf) -> None:
    """At first after half a second."""
    keeper = keeper_of()
    keeper.tick([_STORE], now=0)
    before = _kill(layout, _STORE)
    while keeper.children:
        keeper.tick([_STORE], now=0.4)
    keeper.tick([_STORE], now=0.5)
    assert _pid(layout, _STORE) != before


def test_the_next_supervisor_finds_the_parts_of_the_last_one(
    layout: Layout, keeper_of: KeeperOf
) -> None:
    """It starts none of them again, and replaces them when they die."""
    keeper_of().tick([_STORE], now=0)
    before = _pid(layout, _STORE)
    successor = keeper_of()
    successor.tick([_STORE], now=1)
    assert _pid(layout, _STORE) == before
    _kill(layout, _STORE)
    successor.tick([_STORE], now=2)
    assert _pid(layout, _STORE) != before


def test_the_end_of_a_part_is_logged(
    layout: Layout, keeper_of: KeeperOf, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the supervisor's log sees how a part ended."""
    caplog.set_level("INFO")
    keeper = keeper_of()
    keeper.tick([_STORE], now=0)
    _kill(layout, _STORE)
    while keeper.children:
        keeper.tick([], now=1)
    assert caplog.messages[-1] == "etcd ended with code -9"


def _describe(layout: Layout) -> None:
    ports = Ports(etcd=1, etcd_peer=1, api=1, kubelet=1)
    programs = layout.directory / "programs"
    programs.mkdir()
    (programs / "etcd").write_text("#!/bin/sh\necho started\n")
    (programs / "etcd").chmod(0o755)
    python = programs / "python"
    python.write_text(f"#!/bin/sh\ntouch '{layout.stop_mark}'\n")
    python.chmod(0o755)
    description = Record(programs, python, "127.16", ports, with_node=False)
    record.write(layout, description)


def test_the_loop_runs_until_the_mark_is_set(layout: Layout, keeper_of: KeeperOf) -> None:
    """Here the standby sets it, so one round was made: the store ran, the rest waited for it."""
    _describe(layout)
    loop.run(layout, keeper_of())
    assert layout.log("etcd").read_text() == "started\n"
    assert not layout.log("kube-apiserver").exists()


def test_without_a_sandbox_the_loop_ends(layout: Layout, keeper_of: KeeperOf) -> None:
    """The folder was removed by hand: nothing is left to keep alive."""
    loop.run(layout, keeper_of())
    assert list(layout.running.iterdir()) == []
