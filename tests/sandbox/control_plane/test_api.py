"""Tests of the small client, against a transport that plays the server."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from perennial_sandbox.control_plane import certificates
from perennial_sandbox.control_plane.api import Api
from perennial_sandbox.errors import NotReadyError, RefusedError

_AUTHORITY = certificates.issue({}, now=datetime(2026, 11, 24, tzinfo=UTC)).authority.decode()
_TOKEN = "t1"  # noqa: S105  # of no server
_RESOURCES = {
    "resources": [
        {"name": "pods", "kind": "Pod", "namespaced": True},
        {"name": "pods/status", "kind": "Pod", "namespaced": True},
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
    ]
}
_POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "models"}}


class Server:
    """Plays an API server: answers in turn, remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | None) -> None:
        """Give these answers to writes; None breaks the connection."""
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.asked.append(request)
        if request.url.path in ("/api/v1", "/apis/batch/v1"):
            return httpx.Response(200, json=_RESOURCES)
        answer = self.answers.pop(0)
        if answer is None:
            message = "refused"
            raise httpx.ConnectError(message)
        return answer


def _api(server: Server) -> Api:
    transport = httpx.MockTransport(server)
    return Api("https://127.0.0.1:1", authority=_AUTHORITY, token=_TOKEN, transport=transport)


def _status(code: int, message: str) -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "message": message})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(httpx.Response(200), True), (httpx.Response(500), False), (None, False)],
)
def test_the_server_answers_only_if_it_says_that_it_is_ready(
    answer: httpx.Response | None, *, expected: bool
) -> None:
    """A server that is not there, and one that is starting, are the same to people."""
    server = Server(answer)
    with _api(server) as api:
        assert api.answers() is expected
    assert server.asked[0].url.path == "/readyz"
    assert server.asked[0].headers["Authorization"] == "Bearer t1"


def test_an_object_is_found_or_not_there_yet() -> None:
    """Whatever keeps an object from being read, the caller looks again."""
    with _api(Server(httpx.Response(200, json={"kind": "Pod"}), _status(404, "no"), None)) as api:
        found = [api.find("/api/v1/namespaces/models/pods/a") for _ in range(3)]
    assert found == [{"kind": "Pod"}, None, None]


def test_an_object_is_applied_whole_under_its_own_path() -> None:
    """Server-side apply, as one manager that owns what it states."""
    server = Server(httpx.Response(200), httpx.Response(200))
    with _api(server) as api:
        api.apply(_POD)
        api.apply({**_POD, "kind": "Namespace", "metadata": {"name": "models"}})
    patch = server.asked[1]
    assert patch.method == "PATCH"
    assert patch.url.path == "/api/v1/namespaces/models/pods/a"
    assert dict(patch.url.params) == {"fieldManager": "perennial-sandbox", "force": "true"}
    assert patch.headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(patch.content) == _POD
    assert server.asked[2].url.path == "/api/v1/namespaces/models"


def test_an_object_without_a_namespace_goes_to_the_default_one() -> None:
    """As kubectl would do with this kubeconfig; kinds of a group are found in the group."""
    with _api(Server()) as api:
        path = api.object_path({"apiVersion": "batch/v1", "kind": "Pod", "metadata": {"name": "a"}})
    assert path == "/apis/batch/v1/namespaces/default/pods/a"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (_status(422, "set spec.x"), RefusedError, "refused Pod models/a: set spec.x"),
        (httpx.Response(403, text="go away"), RefusedError, "refused Pod models/a: go away"),
        (httpx.Response(400, json=["odd"]), RefusedError, "refused Pod models/a"),
        (_status(503, "starting"), NotReadyError, "refused Pod models/a: starting"),
        (None, NotReadyError, "did not answer while Pod models/a was applied"),
    ],
)
def test_a_refusal_names_the_object_and_says_whether_to_wait(
    answer: httpx.Response | None, kind: type[Exception], message: str
) -> None:
    """Busy is not the same as wrong."""
    with _api(Server(answer)) as api, pytest.raises(kind, match=message):
        api.apply(_POD)


def test_an_unknown_kind_may_become_known() -> None:
    """The definition may have been applied a moment ago."""
    widget: dict[str, Any] = {"apiVersion": "v1", "kind": "Widget", "metadata": {"name": "a"}}
    with _api(Server()) as api, pytest.raises(NotReadyError, match="does not know Widget a yet"):
        api.apply(widget)
