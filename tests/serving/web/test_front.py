"""The data port: every answer has our form, every kind of trouble its status and count."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import asyncio
import json
import threading
from typing import Any

import numpy as np
import pytest

from perennial_serving.codec.tensors import FREE, Signature, TensorSpec
from perennial_serving.contract.results import Reason
from perennial_serving.testing import IRIS_ROW, infer_request, iris_classifier
from perennial_serving.web.front import Caps, Front
from perennial_serving.web.life import Event

INFER = "/v2/models/iris/infer"
GOOD = infer_request([IRIS_ROW])


class Scripted:
    """A model that does what the first number of its first row says."""

    platform = "fake"
    NAN, FAIL = 1.0, 2.0

    def __init__(self, *, is_threaded: bool) -> None:
        """Open the gate."""
        self.is_threaded = is_threaded
        self.gate = threading.Event()
        self.gate.set()
        self.rows = 0
        self.signature = Signature(
            (TensorSpec("input", "FP32", (FREE, 4)),), (TensorSpec("y", "FP32", (FREE,)),)
        )

    def run(self, inputs: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """Answer zeros, NaN, or not at all."""
        assert self.gate.wait(30)
        rows = inputs["input"]
        self.rows += len(rows)
        if (rows[:, 0] == self.FAIL).any():
            message = "secret /path/of/the/model"
            raise RuntimeError(message)
        value = np.nan if rows[0, 0] == self.NAN else 0.0
        return [np.full(len(rows), value, dtype=np.float32) for _ in outputs]


def row(first: float) -> dict[str, Any]:
    """Return a request of one row."""
    return infer_request([(first, 0, 0, 0)])


@pytest.mark.parametrize(
    "path", [INFER, "/v2/models/iris/versions/iris-1/infer", "/v2/models/%69ris/infer"]
)
async def test_a_prediction_is_that_of_the_model(served, path: str) -> None:
    """With and without a version, however the path is encoded."""
    answer = await served.data.post(path, json=GOOD | {"id": "abc"})
    assert answer.status_code == 200
    document = answer.json()
    label, probabilities = document.pop("outputs")
    assert document == {"model_name": "iris", "model_version": "iris-1", "id": "abc"}
    assert label == {"name": "label", "datatype": "INT64", "shape": [1], "data": [0]}
    expected = iris_classifier().predict_proba([IRIS_ROW])[0]
    assert probabilities["data"] == pytest.approx(expected, abs=1e-6)
    assert answer.headers["x-request-id"] == "abc"
    assert answer.headers["x-perennial-revision"] == "iris-1"
    assert served.service.recorder.requests == {("live", "json", 200): 1}
    assert served.service.admission.in_flight == 0


async def test_no_rows_are_answered_without_the_model(served) -> None:
    """200 with empty outputs."""
    answer = await served.data.post(INFER, json=infer_request([]))
    assert [output["shape"] for output in answer.json()["outputs"]] == [[0], [0, 3]]
    assert served.service.serving.driver.counts.rows == 0


async def test_stages_and_lanes_are_counted(served) -> None:
    """A mirrored copy counts in its own lane."""
    await served.data.post(INFER, json=GOOD, headers={"x-perennial-lane": "shadow"})
    stages = served.service.recorder.stages
    assert {key: stage.count for key, stage in stages.items()} == {
        ("shadow", name): 1 for name in ("decode", "queue", "run", "encode")
    }


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "MalformedJson"),
        (json.dumps(infer_request([(1, 2, 3)])).encode(), {}, 400, "ShapeInvalid"),
        (json.dumps(GOOD).encode(), {"content-encoding": "gzip"}, 415, "EncodingUnsupported"),
        (
            json.dumps(GOOD).encode(),
            {"content-type": "multipart/form-data"},
            415,
            "MediaTypeUnsupported",
        ),
        (b" " * 100_001, {}, 413, "BodyTooLarge"),
        (b"", {"transfer-encoding": "gzip, chunked"}, 400, "FramingInvalid"),
    ],
)
async def test_a_mistake_is_refused_and_counted(
    served, content: bytes, headers: dict[str, str], *, status: int, code: str
) -> None:
    """By its reason; a good request is answered right after."""
    answer = await served.data.post(INFER, content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert served.service.recorder.invalid == {("live", code): 1}
    assert served.service.recorder.requests == {("live", "json", status): 1}
    assert (await served.data.post(INFER, json=GOOD)).status_code == 200


async def test_a_get_is_told_to_post(served) -> None:
    """405 with Allow."""
    answer = await served.data.get(INFER)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_before_the_model_is_loaded_requests_wait_elsewhere(unloaded) -> None:
    """503 with a time to come back."""
    unloaded.service.happened(Event.LISTENING)
    answer = await unloaded.data.post(INFER, json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "ModelLoading")
    assert answer.headers["retry-after"] == "1"
    assert unloaded.service.recorder.rejected == {("live", "not_ready"): 1}


async def test_a_draining_process_answers_and_says_goodbye(served) -> None:
    """Until it stops; then it refuses with a mark that routers know."""
    served.service.happened(Event.SIGNAL)
    answer = await served.data.post(INFER, json=GOOD)
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    served.service.happened(Event.DRAINED)
    answer = await served.data.post(INFER, json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (503, "Draining")
    assert answer.headers["x-perennial-draining"] == "1"


async def came_in(served, count: int) -> None:
    """Let the loop turn until so many requests were let in."""
    async with asyncio.timeout(30):
        while served.service.admission.in_flight < count:  # noqa: ASYNC110  # no event tells it
            await asyncio.sleep(0)


async def test_too_many_requests_at_once_are_refused(unloaded) -> None:
    """Those that came in are answered; the place of each is free again."""
    model = Scripted(is_threaded=True)
    model.gate.clear()
    unloaded.load(model)
    waiting = [asyncio.ensure_future(unloaded.data.post(INFER, json=row(0))) for _ in range(4)]
    await came_in(unloaded, 4)
    answer = await unloaded.data.post(INFER, json=row(0))
    assert (answer.status_code, answer.json()["code"]) == (503, "Overloaded")
    model.gate.set()
    assert {done.status_code for done in await asyncio.gather(*waiting)} == {200}
    assert unloaded.service.admission.in_flight == 0


@pytest.mark.parametrize("is_threaded", [True, False])
async def test_a_model_that_fails_tells_nothing(
    unloaded, caplog: pytest.LogCaptureFixture, *, is_threaded: bool
) -> None:
    """500 with an id that the log line shares; the text of the error stays inside."""
    unloaded.load(Scripted(is_threaded=is_threaded))
    answer = await unloaded.data.post(INFER, json=row(Scripted.FAIL))
    assert (answer.status_code, answer.json()["code"]) == (500, "Internal")
    assert "secret" not in answer.text
    request_id = answer.headers["x-request-id"]
    assert request_id in answer.json()["error"]
    (record,) = (r for r in caplog.records if r.name.startswith("perennial"))
    assert vars(record)["request_id"] == request_id
    assert unloaded.service.recorder.bugs == {"live": 1}
    assert (await unloaded.data.post(INFER, json=row(0))).status_code == 200


async def test_numbers_that_json_cannot_hold_are_counted(unloaded) -> None:
    """Null in the answer."""
    unloaded.load(Scripted(is_threaded=False))
    answer = await unloaded.data.post(INFER, json=row(Scripted.NAN))
    assert answer.json()["outputs"][0]["data"] == [None]
    assert unloaded.service.recorder.nonfinite == {"live": 1}


@pytest.mark.parametrize("wish", ["header", "body"])
async def test_a_deadline_is_kept(unloaded, wish: str) -> None:
    """From a header or from the body: 504, and the place is free."""
    model = Scripted(is_threaded=True)
    model.gate.clear()
    unloaded.load(model)
    headers = {"x-request-timeout-ms": "20"} if wish == "header" else {}
    body = row(0) | ({"parameters": {"timeout": 20_000}} if wish == "body" else {})
    answer = await unloaded.data.post(INFER, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (504, "DeadlineExceeded")
    assert unloaded.service.recorder.deadline_exceeded == {("live", "run"): 1}
    assert unloaded.service.admission.in_flight == 0
    model.gate.set()


async def test_a_result_after_the_deadline_is_dropped(
    unloaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the run was on the loop."""
    unloaded.load(Scripted(is_threaded=False))
    monkeypatch.setattr(Scripted, "run", lambda _self, inputs, outputs: slow(inputs, outputs))
    answer = await unloaded.data.post(INFER, json=row(0), headers={"x-request-timeout-ms": "1"})
    assert answer.status_code == 504


def slow(inputs: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
    """Answer after two milliseconds of work."""
    threading.Event().wait(0.002)
    return [np.zeros(len(inputs["input"]), dtype=np.float32) for _ in outputs]


def scope(path: str = INFER) -> dict[str, Any]:
    """Return the scope of a request."""
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "http_version": "1.1",
        "headers": [(b"host", b"iris"), (b"content-length", b"5")],
    }


class Leaving:
    """A client that sends its body and hangs up."""

    def __init__(self, body: bytes) -> None:
        """Nothing was sent yet."""
        self.messages = [{"type": "http.request", "body": body, "more_body": False}]
        self.sent: list[object] = []

    async def receive(self) -> dict[str, Any]:
        """Return the body, then the end."""
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: object) -> None:
        """Keep what was sent to nobody."""
        self.sent.append(message)


async def test_a_client_that_left_is_not_answered(unloaded) -> None:
    """Its rows never reach the model, its place is free, and it is counted."""
    model = Scripted(is_threaded=True)
    model.gate.clear()
    unloaded.load(model)
    blocker = asyncio.ensure_future(unloaded.data.post(INFER, json=row(0)))
    await came_in(unloaded, 1)
    client = Leaving(json.dumps(row(0)).encode())
    front = Front(unloaded.service, no_rest, Caps(100_000, 5.0))
    await front(scope(), client.receive, client.send)
    assert client.sent == []
    assert unloaded.service.recorder.canceled == {"live": 1}
    model.gate.set()
    assert (await blocker).status_code == 200
    assert model.rows == 1


async def no_rest(_scope: object, _receive: object, send) -> None:
    """Stand for the other routes: begin an answer, then fail."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    message = "broken"
    raise ZeroDivisionError(message)


async def test_a_bug_after_the_answer_began_is_only_counted(unloaded) -> None:
    """A second status line would garble the stream."""
    client = Leaving(b"")
    front = Front(unloaded.service, no_rest, Caps(100_000, 5.0))
    await front(scope("/other"), client.receive, client.send)
    assert len(client.sent) == 1
    assert unloaded.service.recorder.bugs == {"live": 1}


@pytest.mark.parametrize("reason", [Reason.DEADLINE_UNREACHABLE])
async def test_a_hopeless_request_is_refused_at_once(unloaded, reason: Reason) -> None:
    """The predicted wait is longer than the client's patience."""
    model = Scripted(is_threaded=True)
    unloaded.load(model)
    unloaded.service.serving.driver._cost.observe(1, 10.0)  # noqa: SLF001  # experience of slow runs
    headers = {"x-request-timeout-ms": "100"}
    answer = await unloaded.data.post(INFER, json=row(0), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, reason)
    assert answer.headers["retry-after"] == "10"
    assert unloaded.service.recorder.rejected == {("live", "deadline"): 1}
