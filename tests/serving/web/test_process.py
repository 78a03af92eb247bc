"""A serving process: it loads or says why not, answers, drains without loss, and ends."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from perennial_serving.contract import manifest
from perennial_serving.contract.results import Outcome, Reason, Result, parse
from perennial_serving.runtime import load
from perennial_serving.runtime.load import Options
from perennial_serving.settings import Settings
from perennial_serving.testing import (
    IRIS_ROW,
    infer_request,
    iris_classifier,
    iris_onnx,
    write_artifact,
    write_iris_onnx,
    write_iris_skops,
)
from perennial_serving.web.process import Process

INFER = "/v2/models/iris/infer"


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Put the garbage collector back as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def settings_of(folder: Path, digest: str, **changes: float) -> Settings:
    """Return settings for any free ports of this machine."""
    return Settings(
        host="127.0.0.1",
        data_port=0,
        admin_port=0,
        model_name="iris",
        revision="iris-1",
        model_dir=folder,
        model_digest=digest,
        drain_delay_seconds=0.05,
        **changes,  # type: ignore[arg-type]  # floats only
    )


async def run(settings: Settings) -> Result:
    """Run a process in this one, to its end."""
    async with asyncio.timeout(60):
        return await Process(settings).run()


async def test_another_model_ends_the_process(tmp_path: Path) -> None:
    """The reason is that of the check."""
    write_iris_onnx(tmp_path)
    result = await run(settings_of(tmp_path, manifest.digest(b"other")))
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.DIGEST_MISMATCH)


async def test_warm_up_rows_that_do_not_fit_end_the_process(tmp_path: Path) -> None:
    """They come with the model, so the model is wrong."""
    files = {"model.onnx": iris_onnx(), "warmup.json": json.dumps([infer_request([(1,)])]).encode()}
    digest = write_artifact(tmp_path, files, format_name="onnx")
    result = await run(settings_of(tmp_path, digest))
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.WARMUP_FAILED)


async def test_a_model_that_fails_on_its_first_rows_ends_the_process(tmp_path: Path) -> None:
    """It would fail on every request."""
    bad = write_artifact(tmp_path, {"model.onnx": _dividing_model()}, format_name="onnx")
    result = await run(settings_of(tmp_path, bad))
    assert (result.outcome, result.reason) == (Outcome.INVALID, Reason.WARMUP_FAILED)


def _dividing_model() -> bytes:
    """Return a model that loads and cannot run: its reshape never fits."""
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7])],
        [numpy_helper.from_array(np.array([-1, 7]), "shape")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = made.SerializeToString()
    return data


async def test_a_model_that_never_loads_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that the settings allow."""
    gate = threading.Event()

    def never(_directory: Path, _options: Options) -> None:
        gate.wait(60)

    monkeypatch.setattr(load, "load", never)
    result = await run(settings_of(tmp_path, manifest.digest(b""), load_timeout_seconds=0.05))
    gate.set()
    assert (result.outcome, result.reason) == (Outcome.BUG, Reason.INTERNAL)
    assert "0.05 seconds" in result.message


async def test_a_signal_while_loading_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: nobody was promised an answer."""
    gate = threading.Event()

    def signaling(_directory: Path, _options: Options) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        gate.wait(60)

    monkeypatch.setattr(load, "load", signaling)
    result = await run(settings_of(tmp_path, manifest.digest(b"")))
    gate.set()
    assert result.outcome is Outcome.OK


@pytest.mark.parametrize("signals", [1, 2, 4])
async def test_a_signal_drains_and_ends_the_process(tmp_path: Path, signals: int) -> None:
    """The second stops at once, later ones leave what hangs."""
    process = Process(settings_of(tmp_path, write_iris_onnx(tmp_path)))
    running = asyncio.ensure_future(process.run())
    async with asyncio.timeout(60):
        while process._service.unready:  # noqa: ASYNC110, SLF001  # no event tells it outside
            await asyncio.sleep(0.01)
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
        assert (await running).outcome is Outcome.OK


@dataclass
class Running:
    """A process of its own, its ports and its log."""

    process: subprocess.Popen[str]
    log: Path
    lines: list[dict[str, object]] = field(default_factory=list)

    def line(self, message: str) -> dict[str, object]:
        """Wait for a log line."""
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.lines.append(json.loads(text))
            if self.lines[-1]["message"] == message:
                return self.lines[-1]
        message = f"the process ended before it said {message!r}: {self.lines}"
        raise AssertionError(message)

    def end(self) -> tuple[int, Result | None]:
        """Wait for the end; return the exit code and the last words."""
        assert self.process.stderr is not None
        self.process.stderr.read()
        code = self.process.wait(60)
        return code, parse(self.log.read_text()) if self.log.exists() else None


@contextmanager
def started(folder: Path, digest: str, **variables: str) -> Iterator[Running]:
    """Start the real program on free ports."""
    log = folder.parent / "termination-log"
    environment = {
        "HOST": "127.0.0.1",
        "DATA_PORT": "0",
        "ADMIN_PORT": "0",
        "MODEL_NAME": "iris",
        "REVISION": "iris-1",
        "MODEL_DIR": str(folder),
        "MODEL_DIGEST": digest,
        "TERMINATION_LOG": str(log),
        "DRAIN_DELAY_SECONDS": "1",
    } | variables
    command = [sys.executable, "-m", "perennial_serving", "serve"]
    named = {f"PERENNIAL_{name}": value for name, value in environment.items()}
    with subprocess.Popen(
        command, env=os.environ | named, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Running(process, log)
        finally:
            process.kill()


@pytest.mark.e2e
@pytest.mark.parametrize("write", [write_iris_onnx, write_iris_skops])
def test_a_model_is_served_from_start_to_end(tmp_path: Path, write: object) -> None:
    """Ready, right answers, drained, exit 0 without last words."""
    assert callable(write)
    with started(tmp_path / "model", write(tmp_path / "model")) as running:
        ports = running.line("listening")
        running.line("ready")
        data = f"http://127.0.0.1:{ports['data_port']}"
        with httpx.Client() as client:
            answer = client.post(f"{data}{INFER}", json=infer_request([IRIS_ROW])).json()
            expected = iris_classifier().predict_proba([IRIS_ROW])[0]
            assert answer["outputs"][1]["data"] == pytest.approx(expected, abs=1e-6)
            metrics = client.get(f"http://127.0.0.1:{ports['admin_port']}/metrics").text
            assert "perennial_model_ready" in metrics
        running.process.terminate()
        assert running.end() == (0, None)


@pytest.mark.e2e
def test_a_changed_model_is_never_ready(tmp_path: Path) -> None:
    """Exit 65 with the reason."""
    digest = write_iris_onnx(tmp_path / "model")
    (tmp_path / "model/model.onnx").write_bytes(iris_onnx() + b"\x00")
    with started(tmp_path / "model", digest) as running:
        code, said = running.end()
    assert said is not None
    assert (code, said.outcome, said.reason) == (65, Outcome.INVALID, Reason.DIGEST_MISMATCH)


@pytest.mark.e2e
def test_a_bug_ends_with_seventy(tmp_path: Path) -> None:
    """The port is taken: a traceback in the log, generic last words."""
    digest = write_iris_onnx(tmp_path / "model")
    with started(tmp_path / "model", digest) as first:
        port = str(first.line("listening")["data_port"])
        with started(tmp_path / "model", digest, DATA_PORT=port) as second:
            code, said = second.end()
    assert said is not None
    assert (code, said.outcome, said.reason) == (70, Outcome.BUG, Reason.INTERNAL)
    assert port not in said.message


@dataclass
class Load:
    """Clients that ask one request after the other until they are told to go elsewhere."""

    data: str
    admin: str
    codes: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    moved: int = 0

    def on_kept_connection(self) -> None:
        """Ask on one connection until an answer closes it, as a client behind no router."""
        with httpx.Client() as client:
            while self._ask(client) != "close":
                pass
        self.moved += 1

    def on_new_connections(self) -> None:
        """Connect for each request while the process is ready, as a router without a pool."""
        while httpx.get(f"{self.admin}/readyz").status_code == 200:
            with httpx.Client() as client:
                self._ask(client)
        self.moved += 1

    def _ask(self, client: httpx.Client) -> str:
        """Ask once; return what the answer says about its connection."""
        try:
            answer = client.post(f"{self.data}{INFER}", json=infer_request([IRIS_ROW]))
        except httpx.TransportError as error:
            self.lost.append(repr(error))
            return "close"
        self.codes.append(answer.status_code)
        return str(answer.headers.get("connection"))


@pytest.mark.e2e
def test_a_drain_under_load_loses_nothing(tmp_path: Path) -> None:
    """Every request that was sent is answered with 200, and every client is told to move."""
    digest = write_iris_onnx(tmp_path / "model")
    with started(tmp_path / "model", digest, DRAIN_DELAY_SECONDS="3") as running:
        ports = running.line("listening")
        running.line("ready")
        clients = Load(
            data=f"http://127.0.0.1:{ports['data_port']}",
            admin=f"http://127.0.0.1:{ports['admin_port']}",
        )
        work = [clients.on_kept_connection] * 3 + [clients.on_new_connections] * 2
        threads = [threading.Thread(target=ask) for ask in work]
        for thread in threads:
            thread.start()
        time.sleep(1)
        running.process.terminate()
        for thread in threads:
            thread.join(60)
        code, _ = running.end()
    assert (code, clients.lost, set(clients.codes)) == (0, [], {200})
    assert clients.moved == 5
