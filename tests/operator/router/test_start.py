"""Tests of how the agent starts: settings, places and the mirror of a watch."""

from typing import Any

import pytest

from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Document
from perennial_operator.cluster.watch import Changes
from perennial_operator.router import start
from perennial_operator.router.start import AgentSettings

NAMES = {"POD_NAME": "router-1", "POD_NAMESPACE": "ns"}


def test_settings_have_defaults_for_containers() -> None:
    """Only the Pod's identity must be given."""
    assert start.read_settings(NAMES) == AgentSettings("router-1", "ns")


def test_settings_follow_the_environment() -> None:
    """Ports, address and folders can be moved."""
    moved = {
        "PERENNIAL_HOST": "127.1.0.9",
        "PERENNIAL_HTTP_PORT": "18080",
        "PERENNIAL_ADMIN_PORT": "18081",
        "PERENNIAL_XDS_DIR": "/x",
        "PERENNIAL_ROUTER_TOKEN_FILE": "/t",
    }

    assert start.read_settings(NAMES | moved) == AgentSettings(
        "router-1", "ns", "127.1.0.9", 18080, 18081, "/x", "/t"
    )


def test_a_missing_pod_name_is_named() -> None:
    """The agent does not guess who it is."""
    with pytest.raises(KeyError, match="POD_NAME"):
        start.read_settings({})


def test_the_admin_socket_stays_short() -> None:
    """Envoy cannot bind a path of more than 108 bytes: deep folders get a socket elsewhere."""
    near = start.place(AgentSettings("p", "ns", directory="/perennial/xds"))
    deep = start.place(AgentSettings("p", "ns", directory="/deep" * 30))

    assert near.admin_socket == "/perennial/xds/admin.sock"
    assert near.address == "0.0.0.0"  # noqa: S104  # what a container listens on
    assert len(deep.admin_socket.encode()) <= 100
    assert deep.directory == "/deep" * 30


def test_the_mirror_hands_over_everything_that_is_there() -> None:
    """Changes, removals and a fresh list fold into one set of objects by uid."""
    seen: list[Any] = []
    mirror = start.Mirror(seen.append)

    def document(uid: str, version: str = "1") -> Document:
        return {"metadata": {"uid": uid, "resourceVersion": version}}

    first, second = document("a"), document("b")
    mirror.fold(Changes(kinds.POD, "ns", upserts=(first, second), is_whole=True))
    mirror.fold(Changes(kinds.POD, "ns", upserts=(document("a", "2"),)))
    mirror.fold(Changes(kinds.POD, "ns", removals=(second, document("never"))))
    mirror.fold(Changes(kinds.POD, "ns", is_whole=True))

    assert seen == [
        {"a": first, "b": second},
        {"a": document("a", "2"), "b": second},
        {"a": document("a", "2")},
        {},
    ]


def test_the_api_server_is_found_by_the_pod_s_environment() -> None:
    """The folder of the service account can be elsewhere than in a container."""
    environment = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "PERENNIAL_SERVICE_ACCOUNT_DIR": "/elsewhere",
    }

    assert start.connect(environment) is not None
