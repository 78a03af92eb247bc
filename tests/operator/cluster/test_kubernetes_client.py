"""The adapter sends what the port says and turns answers into documents or errors."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from perennial_operator.cluster import kinds
from perennial_operator.cluster.answers import Exists, Gone, Stale, Unexpected
from perennial_operator.cluster.credentials import Credentials
from perennial_operator.cluster.kubernetes_client import KubernetesCluster, Limits
from perennial_operator.cluster.port import Selection, WatchEvent
from perennial_operator.errors import Unavailable

SERVER = "https://api"
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "x", "namespace": "a"},
}


@dataclass
class Wire:
    """Answers requests in order and keeps them."""

    answers: list[tuple[int, Any] | Exception]
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    timeouts: list[tuple[float, float]] = field(default_factory=list)

    def __call__(self, method: str, url: str, **options: Any) -> Any:  # noqa: ANN401  # the client's signature
        """Answer one request."""
        self.requests.append((method, url.removeprefix(SERVER)))
        self.headers.append(options["headers"])
        self.bodies.append(options["body"])
        self.timeouts.append(options["_request_timeout"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, document = answer
        return Sent(made(status, document))


@dataclass
class Sent:
    """What the official client wraps a response in."""

    response: urllib3.HTTPResponse


def made(status: int, document: Any, **headers: str) -> urllib3.HTTPResponse:  # noqa: ANN401  # JSON
    """Return an unread response."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return urllib3.HTTPResponse(
        io.BytesIO(body), status=status, headers=headers, preload_content=False
    )


def cluster(wire: Wire, **options: Any) -> KubernetesCluster:  # noqa: ANN401  # passed on
    """Return the adapter over a wire."""
    return KubernetesCluster(Credentials(SERVER, token="t"), send=wire, **options)  # noqa: S106  # no secret


def refusal(code: int, reason: str = "", message: str = "no") -> tuple[int, Any]:
    """Return an answer that refuses."""
    return code, {"kind": "Status", "message": message, "reason": reason}


def test_get_returns_the_document_or_none() -> None:
    """An absent object is no error."""
    wire = Wire([(200, CONFIG_MAP), refusal(404)])
    port = cluster(wire)
    assert port.get(kinds.CONFIG_MAP, namespace="a", name="x") == CONFIG_MAP
    assert port.get(kinds.CONFIG_MAP, namespace="a", name="x") is None
    assert wire.requests == [("GET", "/api/v1/namespaces/a/configmaps/x")] * 2
    assert wire.headers[0]["Authorization"] == "Bearer t"
    assert wire.timeouts[0] == (3.0, 5.0)


def test_list_names_the_kind_of_each_item() -> None:
    """The server leaves kind and apiVersion out of the items of a list."""
    item = {"metadata": {"name": "x"}}
    page = {"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [item]}
    wire = Wire([(200, page), (200, {"metadata": {"resourceVersion": "8"}, "items": None})])
    port = cluster(wire)
    found = port.list(kinds.CONFIG_MAP, Selection("a", "l=1", "f=2"), metadata_only=True)
    assert found.items == [{**item, "apiVersion": "v1", "kind": "ConfigMap"}]
    assert (found.resource_version, found.continue_token) == ("7", "more")
    rest = port.list(kinds.CONFIG_MAP, Selection(), continue_token=found.continue_token)
    assert rest.items == []
    assert wire.requests == [
        (
            "GET",
            "/api/v1/namespaces/a/configmaps?labelSelector=l%3D1&fieldSelector=f%3D2&limit=500",
        ),
        ("GET", "/api/v1/configmaps?limit=500&continue=more"),
    ]
    assert "PartialObjectMetadataList" in wire.headers[0]["Accept"]
    assert wire.timeouts[0] == (3.0, 30.0)


def test_watch_goes_on_from_a_version() -> None:
    """The server ends the stream before we would give it up."""
    event = {"type": "ADDED", "object": CONFIG_MAP}
    wire = Wire([(200, json.dumps(event).encode() + b"\n"), refusal(403)])
    port = cluster(wire)
    assert list(port.watch(kinds.CONFIG_MAP, Selection(), since="7")) == [
        WatchEvent("ADDED", CONFIG_MAP)
    ]
    assert wire.requests[0][1] == (
        "/api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=50"
    )
    with pytest.raises(Unavailable):
        port.watch(kinds.CONFIG_MAP, Selection(), since="7")


def test_apply_is_forced_strict_and_named() -> None:
    """The body is the whole intent; the manager is said."""
    wire = Wire([(200, CONFIG_MAP)])
    cluster(wire).apply(CONFIG_MAP, manager="perennial")
    assert wire.requests == [
        (
            "PATCH",
            "/api/v1/namespaces/a/configmaps/x?fieldValidation=Strict&fieldManager=perennial&force=true",
        )
    ]
    assert wire.headers[0]["Content-Type"] == "application/apply-patch+yaml"
    assert wire.bodies == [CONFIG_MAP]


def test_a_status_apply_goes_to_the_subresource_and_its_refusal_is_a_bug() -> None:
    """Users cannot repair a status that does not fit its schema."""
    wire = Wire([refusal(422, message="status.x: Invalid value")])
    with pytest.raises(Unexpected):
        cluster(wire).apply(CONFIG_MAP, manager="perennial-status", subresource="status")
    assert wire.requests[0][1].startswith("/api/v1/namespaces/a/configmaps/x/status?")


def test_create_posts_to_the_collection() -> None:
    """A taken name is told apart from other conflicts."""
    wire = Wire([(201, CONFIG_MAP), refusal(409, "AlreadyExists"), refusal(409, "Conflict")])
    port = cluster(wire)
    assert port.create(CONFIG_MAP) == CONFIG_MAP
    with pytest.raises(Exists):
        port.create(CONFIG_MAP)
    with pytest.raises(Stale):
        port.create(CONFIG_MAP)
    assert wire.requests[0] == ("POST", "/api/v1/namespaces/a/configmaps?fieldValidation=Strict")


def test_delete_has_preconditions_and_may_come_late() -> None:
    """What is gone already needs no deletion."""
    wire = Wire([(200, {}), refusal(404), refusal(409)])
    port = cluster(wire)

    def delete() -> None:
        port.delete(kinds.CONFIG_MAP, namespace="a", name="x", preconditions={"uid": "u"})

    delete()
    delete()
    with pytest.raises(Stale):
        delete()
    assert wire.bodies[0] == {"propagationPolicy": "Background", "preconditions": {"uid": "u"}}


def test_merge_patch_says_so() -> None:
    """Only Events are patched."""
    wire = Wire([(200, CONFIG_MAP)])
    cluster(wire).merge_patch(kinds.EVENT, namespace="a", name="x", patch={"series": {}})
    assert wire.headers[0]["Content-Type"] == "application/merge-patch+json"


def test_a_refused_token_is_read_again_once(tmp_path: Path) -> None:
    """After 401 the file is read and the request repeated; a second 401 is unavailable."""
    path = tmp_path / "token"
    path.write_text("old")
    wire = Wire([refusal(401), (200, CONFIG_MAP), refusal(401), refusal(401)])
    port = KubernetesCluster(Credentials(SERVER, token_file=str(path)), send=wire)
    assert port.get(kinds.CONFIG_MAP, namespace="a", name="x") == CONFIG_MAP
    with pytest.raises(Unavailable):
        port.get(kinds.CONFIG_MAP, namespace="a", name="x")
    assert len(wire.requests) == 4


@pytest.mark.parametrize(
    "error", [urllib3.exceptions.ProtocolError("reset"), TimeoutError("slow"), OSError("gone")]
)
def test_no_answer_is_unavailable(error: Exception) -> None:
    """Whatever breaks on the way has one meaning."""
    with pytest.raises(Unavailable, match="does not answer"):
        cluster(Wire([error])).get(kinds.CONFIG_MAP, namespace="a", name="x")


class Torn(io.BytesIO):
    """A body that breaks off."""

    def read(self, size: int | None = -1) -> bytes:
        """Break."""
        del size
        message = "reset"
        raise OSError(message)


def test_an_answer_that_breaks_off_is_unavailable() -> None:
    """The outcome of a write is then unknown; the loop observes and repeats."""
    response = urllib3.HTTPResponse(Torn(), status=200, preload_content=False)
    port = KubernetesCluster(Credentials(SERVER), send=lambda *_, **__: Sent(response))
    with pytest.raises(Unavailable, match="broke off"):
        port.get(kinds.CONFIG_MAP, namespace="a", name="x")


class Closed:
    """A fence that lets nothing through."""

    def is_open(self) -> bool:
        """Return False."""
        return False


def test_the_fence_is_asked_for_every_write() -> None:
    """A closed fence stops writes, not reads."""
    wire = Wire([(200, CONFIG_MAP)])
    port = cluster(wire, fence=Closed())
    assert port.get(kinds.CONFIG_MAP, namespace="a", name="x")
    with pytest.raises(Unavailable, match="another replica"):
        port.apply(CONFIG_MAP, manager="perennial")
    assert len(wire.requests) == 1


def test_writes_wait_for_their_turn() -> None:
    """The bucket delays writes beyond the burst."""
    wire = Wire([(200, CONFIG_MAP)] * 3)
    port = cluster(wire, limits=Limits(writes_per_second=1_000, write_burst=1))
    for _ in range(3):
        port.apply(CONFIG_MAP, manager="perennial")
    assert len(wire.requests) == 3
    port.close()


def test_a_wish_to_be_left_alone_is_passed_on() -> None:
    """Retry-After reaches the loop, and the bucket."""
    response = made(429, {"message": "slow down"}, **{"Retry-After": "1"})
    port = KubernetesCluster(Credentials(SERVER), send=lambda *_, **__: Sent(response))
    with pytest.raises(Unavailable) as caught:
        port.get(kinds.CONFIG_MAP, namespace="a", name="x")
    assert caught.value.retry_after_seconds == 1.0


def test_a_missing_namespace_ends_the_key() -> None:
    """Nothing can be written there any more."""
    with pytest.raises(Gone):
        cluster(Wire([refusal(404)])).create(CONFIG_MAP)
