"""The admin port: probes and metrics."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import threading

import numpy as np
import pytest

from perennial_serving.testing import infer_request, iris_signature
from perennial_serving.web.life import Event


async def test_a_ready_process_is_alive_and_ready(served) -> None:
    """Both probes pass; HEAD as well."""
    for path in ("/livez", "/readyz"):
        assert (await served.admin.get(path)).status_code == 200
        assert (await served.admin.head(path)).status_code == 200


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "Starting"),
        ([Event.LISTENING], "ModelLoading"),
        ([Event.LISTENING, Event.LOADED], "ModelLoading"),
        ([Event.LISTENING, Event.LOADED, Event.WARMED, Event.SIGNAL], "Draining"),
    ],
)
async def test_readiness_tells_why_not(unloaded, events: list[Event], reason: str) -> None:
    """In each state of life; the process is alive meanwhile."""
    for event in events:
        unloaded.service.happened(event)
    answer = await unloaded.admin.get("/readyz")
    assert (answer.status_code, answer.text) == (503, f"{reason}\n")
    assert (await unloaded.admin.get("/livez")).status_code == 200


async def test_metrics_are_plain_text(served) -> None:
    """With the names of model and revision."""
    await served.data.post("/v2/models/iris/infer", json=infer_request([(1, 2, 3, 4)]))
    answer = await served.admin.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    labels = 'code="200",lane="live",model="iris",protocol="json",revision="iris-1"'
    assert f"perennial_requests_total{{{labels}}} 1.0" in answer.text.splitlines()


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/drain", "/v2"])
async def test_there_is_no_other_route(served, path: str) -> None:
    """Nothing can be loaded, changed or read here."""
    assert (await served.admin.get(path)).status_code == 404


class Stuck:
    """A model whose run never ends."""

    platform = "fake"
    is_threaded = True

    def __init__(self) -> None:
        """Close the gate."""
        self.gate = threading.Event()
        self.began = threading.Event()
        self.signature = iris_signature()

    def run(self, inputs: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """Wait at the gate."""
        self.began.set()
        self.gate.wait(60)
        return [np.zeros(len(inputs["input"]), dtype=np.int64) for _ in outputs]


async def test_a_run_that_never_ends_fails_the_liveness(unloaded) -> None:
    """Only a restart helps: twice the longest time-out has passed."""
    model = Stuck()
    unloaded.load(model)
    body = infer_request([(1, 2, 3, 4)])
    headers = {"x-request-timeout-ms": "20"}
    answer = await unloaded.data.post("/v2/models/iris/infer", json=body, headers=headers)
    assert answer.status_code == 504
    assert (await unloaded.admin.get("/livez")).status_code == 200
    unloaded.ahead_seconds = 11.0
    assert (await unloaded.admin.get("/livez")).status_code == 503
    model.gate.set()
