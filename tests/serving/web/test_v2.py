"""The routes that are not hot: server, health, metadata, and nothing else."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

import pytest

from perennial_serving.web.life import Event

METADATA = {
    "name": "iris",
    "versions": ["iris-1"],
    "platform": "onnxruntime_onnx",
    "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
    ],
}


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"live": True, "ready": True}),
        ("/v2/models", {"models": ["iris"]}),
        ("/v2/models/iris/ready", {"name": "iris", "ready": True}),
        ("/v2/models/iris/versions/iris-1/ready", {"name": "iris", "ready": True}),
        ("/v2/models/iris", METADATA),
        ("/v2/models/iris/versions/iris-1", METADATA),
    ],
)
async def test_a_ready_model_describes_itself(served, path: str, document: object) -> None:
    """In the words of the protocol, with our headers; HEAD is GET without a body."""
    answer = await served.data.get(path)
    assert (answer.status_code, answer.json()) == (200, document)
    assert answer.headers["x-perennial-revision"] == "iris-1"
    assert answer.headers["x-request-id"]
    assert (await served.data.head(path)).status_code == 200


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_the_server_names_itself(served, path: str) -> None:
    """With and without the slash, without a redirect."""
    answer = await served.data.get(path)
    assert answer.status_code == 200
    assert answer.json()["name"] == "perennial"
    assert answer.json()["extensions"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2/models/other",
        "/v2/models/other/ready",
        "/v2/models/iris/versions/iris-2",
        "/v2/models/iris/versions/iris-2/ready",
        "/v2/models/iris/versions/iris-1/",
        "/v2/models/iris/config",
        "/v2/repository/index",
        "/v1/models",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/metrics",
        "/livez",
        "/v2/models/%2e%2e/iris",
        "/v2/models/..%2firis",
        "/v2/models/%252e%252e%252firis",
        "/v2/models/iris%00",
        "/v2//models/iris",
        "/v2/models/" + "a" * 64,
    ],
)
async def test_there_is_no_other_route(served, path: str) -> None:
    """Also not by encodings: 404 in our form."""
    answer = await served.data.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"error": "there is no such route or model", "code": "NotFound"}


@pytest.mark.parametrize("path", ["/v2", "/v2/models/iris", "/v2/health/ready"])
async def test_a_wrong_method_is_told_the_right_ones(served, path: str) -> None:
    """405 with Allow."""
    answer = await served.data.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (405, "MethodNotAllowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/models/iris/ready", "/v2/models/iris"])
async def test_before_the_model_is_loaded_it_is_not_ready(unloaded, path: str) -> None:
    """503 with the reason; live is live all the same."""
    unloaded.service.happened(Event.LISTENING)
    answer = await unloaded.data.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "ModelLoading")
    assert (await unloaded.data.get("/v2/health/live")).status_code == 200


async def test_a_draining_process_is_not_ready_and_says_goodbye(served) -> None:
    """Every answer closes its connection."""
    served.service.happened(Event.SIGNAL)
    answer = await served.data.get("/v2/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "Draining")
    assert answer.headers["connection"] == "close"
