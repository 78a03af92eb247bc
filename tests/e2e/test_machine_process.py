"""The process: kopf's contract, health, exit codes, and a restart that writes nothing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import kopf
import pytest
from machine_stage import MachineStage

from perennial_operator.cluster import kinds
from perennial_operator.handlers import login, startup
from perennial_sandbox.sandbox import Running

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(installed: Running) -> MachineStage:
    """Return a namespace of its own."""
    return MachineStage(installed)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def operator(stage: MachineStage, folder: Path, **settings: str) -> Iterator["Operator"]:
    """Run the operator as a process that watches one namespace."""
    key = folder / "key"
    key.write_bytes(b"k" * 32)
    ports = {"PERENNIAL_METRICS_PORT": free_port(), "PERENNIAL_HEALTH_PORT": free_port()}
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(stage.running.kubeconfig),
        "PERENNIAL_HOST": "127.0.0.1",
        "PERENNIAL_KEY_FILE": str(key),
        "PERENNIAL_WATCH_NAMESPACES": stage.namespace,
        **{name: str(port) for name, port in ports.items()},
        **settings,
    }
    log = (folder / "log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "perennial_operator"], env=environment, stderr=log
    )
    try:
        yield Operator(process, *ports.values())
    finally:
        log.close()
        process.kill()
        process.wait()


class Operator:
    """A running operator."""

    def __init__(self, process: subprocess.Popen[bytes], metrics_port: int, health: int) -> None:
        """Know where it answers."""
        self.process = process
        self._metrics = f"http://127.0.0.1:{metrics_port}"
        self._health = f"http://127.0.0.1:{health}"

    def answers(self, path: str) -> int:
        """Return the HTTP status of a path, 0 if nobody listens."""
        server = self._health if path == "/healthz" else self._metrics
        try:
            return httpx.get(server + path, timeout=5).status_code
        except httpx.TransportError:
            return 0

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = httpx.get(self._metrics + "/metrics", timeout=5).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def await_ready(self) -> None:
        """Wait until it is ready and alive."""
        wait(lambda: self.answers("/readyz") == 200 and self.answers("/healthz") == 200)

    def end(self) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def wait(holds: Any, *, seconds: float = 40) -> None:  # noqa: ANN401  # a check
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.2)


def is_judged(stage: MachineStage) -> bool:
    """Whether the model's status judges its generation."""
    root = stage.get(kinds.MODEL_DEPLOYMENT, "churn") or {}
    return bool((root.get("status") or {}).get("observedGeneration"))


def test_a_restart_over_converged_objects_writes_nothing(
    stage: MachineStage, tmp_path: Path
) -> None:
    """The planners are the product's own; SIGTERM ends it at once, and well."""
    stage.model()
    with operator(stage, tmp_path) as first:
        first.await_ready()
        wait(lambda: is_judged(stage))
        wait(lambda: stage.get(kinds.DEPLOYMENT, "perennial-router"))
        time.sleep(5)
        assert first.metric("perennial_operator_bugs_total") == 0
        assert first.metric("perennial_operator_writes_total") > 5
        assert first.end() == 0
    with operator(stage, tmp_path) as second:
        second.await_ready()
        wait(lambda: second.metric("perennial_operator_reconcile_total") >= 2)
        time.sleep(5)
        assert second.metric("perennial_operator_writes_total") == 0
        assert second.end() == 0


def test_wrong_settings_end_with_their_exit_code(stage: MachineStage, tmp_path: Path) -> None:
    """The log names the variable."""
    with operator(stage, tmp_path, PERENNIAL_WORKERS="many") as wrong:
        assert wrong.process.wait(30) == 78
    assert "PERENNIAL_WORKERS" in (tmp_path / "log").read_text()


async def host(stage: MachineStage, registry: kopf.OperatorRegistry, **options: Any) -> None:  # noqa: ANN401  # kopf's
    """Run kopf as the product does."""
    login.register(registry, stage.credentials)
    await kopf.operator(
        registry=registry,
        settings=startup.settings(),
        standalone=True,
        namespaces=[stage.namespace],
        **options,
    )


async def test_a_failed_watcher_ends_the_host(
    stage: MachineStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blind with green liveness is the worst that could be (kopf issue 1276)."""

    async def broken(**_: Any) -> None:  # noqa: ANN401  # kopf's
        message = "a bug in a watcher"
        raise ValueError(message)

    monkeypatch.setattr("kopf._core.reactor.queueing.watcher", broken)
    registry = kopf.OperatorRegistry()

    async def seen(**_: Any) -> None:  # noqa: ANN401  # kopf's
        """Never called."""

    kind = kinds.MODEL_DEPLOYMENT
    kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(seen)
    with pytest.raises(ValueError, match="a bug in a watcher"):
        await asyncio.wait_for(host(stage, registry), 20)


async def test_a_failed_probe_answers_500(stage: MachineStage) -> None:
    """At once: a probe that kopf would repeat hangs."""
    registry = kopf.OperatorRegistry()

    def alive(**_: Any) -> None:  # noqa: ANN401  # kopf's
        message = "a part is gone"
        raise RuntimeError(message)

    kopf.on.probe(id="machine", registry=registry, errors=kopf.ErrorsMode.PERMANENT)(alive)
    port, stop = free_port(), asyncio.Event()
    endpoint = f"http://127.0.0.1:{port}/healthz"
    task = asyncio.create_task(host(stage, registry, liveness_endpoint=endpoint, stop_flag=stop))
    async with httpx.AsyncClient() as client:
        status = 0
        for _ in range(100):
            try:
                status = (await client.get(endpoint)).status_code
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert status == 500
