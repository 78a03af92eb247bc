"""Tests of ending everything, with small processes in place of the servers."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial_sandbox import locks
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.control_plane.parts import Part
from perennial_sandbox.supervisor import launch, stopping

_NAMES = (
    "supervisor",
    "standby",
    "node",
    "kube-scheduler",
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """Yield a sandbox's folder; whatever a test leaves in it is ended."""
    found = Layout(tmp_path)
    for folder in (found.logs, found.running, found.node):
        folder.mkdir()
    yield found
    for lock in found.running.iterdir():
        locks.end(lock, grace_seconds=0)


def _pod(layout: Layout, *, cwd: Path | None = None, **environment: str) -> "subprocess.Popen[str]":
    """Start a process as the node does: in a session of its own, below no terminal."""
    return subprocess.Popen(
        ["/bin/sh", "-c", "echo ready; exec sleep 60"],
        cwd=cwd or layout.directory,
        env={**os.environ, **environment},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )


def _is_ready(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "ready\n"


def test_every_part_ends_and_the_mark_stays(layout: Layout) -> None:
    """Until the folder is removed, no supervisor may start anything again."""
    children = [launch.start(Part(name, ("sleep", "60")), layout) for name in _NAMES]
    stopping.stop_all(layout)
    assert all(child and child.wait(timeout=10) < 0 for child in children)
    assert not any(locks.is_held(lock) for lock in layout.running.iterdir())
    assert layout.stop_mark.exists()


def test_stopping_what_is_stopped_does_nothing(layout: Layout) -> None:
    """It may be repeated after an interruption."""
    stopping.stop_all(layout)
    stopping.stop_all(layout)
    assert list(layout.running.iterdir()) == []


@pytest.mark.parametrize("trace", ["environment", "folder"])
def test_processes_of_pods_end_by_any_trace_of_the_sandbox(layout: Layout, trace: str) -> None:
    """A process that left its session still has the sandbox's paths."""
    inside = layout.node / "pods"
    inside.mkdir()
    if trace == "folder":
        process = _pod(layout, cwd=inside)
    else:
        process = _pod(layout, MESSAGE=f"{inside}/1/message")
    with process:
        assert _is_ready(process)
        stopping.stop_all(layout)
        process.wait(timeout=10)


def test_processes_of_others_live_on(layout: Layout) -> None:
    """A process in another folder, or in the sandbox's own folder but of no Pod, is not ours."""
    others = [
        _pod(layout, cwd=layout.directory.parent, OTHER=f"{layout.directory}-2/node/x"),
        _pod(layout, KUBECONFIG=str(layout.kubeconfig)),
    ]
    assert all(_is_ready(other) for other in others)
    stopping.stop_all(layout)
    alive = [other.poll() is None for other in others]
    for other in others:
        with other:
            other.kill()
    assert alive == [True, True]
