"""Tests of waiting and of the order of applying, with a server that is ready at once or never."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from perennial_sandbox.control_plane import readiness
from perennial_sandbox.control_plane.api import Api
from perennial_sandbox.errors import NotReadyError, RefusedError

_NODE = "/api/v1/nodes/sandbox"
_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
_READY = {"conditions": [{"type": "Ready", "status": "True"}]}


class Server:
    """Plays the client: what it holds is found, what it takes is remembered."""

    def __init__(self, held: Mapping[str, Any] | None = None) -> None:
        """Hold these objects by path."""
        self.held = dict(held or {})
        self.is_ready = True
        self.taken: list[str] = []
        self.troubles: list[Exception] = []

    def answers(self) -> bool:
        """Whether it is ready."""
        return self.is_ready

    def find(self, path: str) -> Any | None:  # noqa: ANN401  # plain JSON
        """Return what it holds."""
        return self.held.get(path)

    def object_path(self, manifest: Mapping[str, Any]) -> str:
        """Return the path of an object."""
        return f"/{manifest['kind']}/{manifest['metadata']['name']}"

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Take an object, or fail as planned."""
        if self.troubles:
            raise self.troubles.pop(0)
        self.taken.append(manifest["metadata"]["name"])
        established = {"conditions": [{"type": "Established", "status": "True"}]}
        self.held.setdefault(self.object_path(manifest), {"status": established})


def _api(server: Server) -> Api:
    return cast("Api", server)


def _thing(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}}


def test_a_server_is_usable_when_its_controllers_work() -> None:
    """Before the first service account exists, every Pod would be refused."""
    server = Server({_ACCOUNT: {}})
    readiness.await_server(_api(server), seconds=0)
    server.held.clear()
    with pytest.raises(NotReadyError, match="controllers did not begin to work within 0 s"):
        readiness.await_server(_api(server), seconds=0)
    server.is_ready = False
    with pytest.raises(NotReadyError, match="API server did not answer"):
        readiness.await_server(_api(server), seconds=0)


def test_a_node_takes_pods_when_it_is_ready_and_has_no_taint() -> None:
    """A fresh node is tainted until a controller has seen it ready."""
    readiness.await_node(_api(Server({_NODE: {"spec": {}, "status": _READY}})), seconds=0)


@pytest.mark.parametrize(
    "node",
    [
        None,
        {"spec": {}, "status": {}},
        {"spec": {}, "status": {"conditions": None}},
        {"spec": {}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        {"spec": {"taints": [{"key": "not-ready"}]}, "status": _READY},
    ],
)
def test_a_node_that_is_not_ready_is_waited_for(node: dict[str, Any] | None) -> None:
    """Absent, silent, unready and tainted are all not ready."""
    with pytest.raises(NotReadyError, match="process node did not become ready"):
        readiness.await_node(_api(Server({_NODE: node})), seconds=0)


def test_what_others_need_comes_first_and_the_rest_keeps_its_order() -> None:
    """Namespaces, then definitions, then everything else as given."""
    server = Server()
    given = [
        _thing("Role", "r"),
        _thing("CustomResourceDefinition", "c"),
        _thing("Pod", "p"),
        _thing("Namespace", "n"),
    ]
    readiness.apply_all(_api(server), iter(given), seconds=1)
    assert server.taken == ["n", "c", "r", "p"]


def test_nothing_of_a_kind_is_applied_before_the_kind_is_established() -> None:
    """The wait has an end, and its message names the definition."""
    server = Server({"/CustomResourceDefinition/c": {"status": {}}})
    given = [_thing("CustomResourceDefinition", "c"), _thing("Widget", "w")]
    with pytest.raises(NotReadyError, match="c was not established"):
        readiness.apply_all(_api(server), given, seconds=0)
    assert server.taken == ["c"]


def test_a_busy_server_is_asked_again() -> None:
    """Until it takes the object, or the time is over."""
    server = Server()
    server.troubles = [NotReadyError("busy"), NotReadyError("busy")]
    readiness.apply_all(_api(server), [_thing("Pod", "p")], seconds=60)
    assert server.taken == ["p"]
    server.troubles = [NotReadyError("still busy")]
    with pytest.raises(NotReadyError, match="still busy"):
        readiness.apply_all(_api(server), [_thing("Pod", "q")], seconds=0)


def test_a_refused_object_stops_at_once() -> None:
    """Asking again would not help, and what follows may depend on it."""
    server = Server()
    server.troubles = [RefusedError("no")]
    with pytest.raises(RefusedError, match="no"):
        readiness.apply_all(_api(server), [_thing("Pod", "p"), _thing("Pod", "q")], seconds=60)
    assert server.taken == []
