"""Tests of what is behind a Service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.network import backends
from perennial_sandbox.node.network.backends import Backend
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.testing import container, pod, sidecar

PORT = {"port": 80, "targetPort": 8080}


def service(**spec: object) -> Json:
    """Return a Service for the app a."""
    metadata = {"name": "s", "namespace": "default"}
    return {"metadata": metadata, "spec": {"selector": {"app": "a"}, "ports": [PORT], **spec}}


def member(address: str = "127.9.0.1", *, ready: bool = True, **spec: object) -> Json:
    """Return a Pod of the app a."""
    thing = pod(container(ports=[{"name": "web", "containerPort": 81}]), **spec)
    thing["metadata"]["labels"] = {"app": "a", "more": "x"}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    thing["status"] = {"podIP": address, "conditions": conditions}
    return thing


def changed(thing: Json, **metadata: object) -> Json:
    """Return a Pod with other metadata."""
    return {**thing, "metadata": {**thing["metadata"], **metadata}}


def test_ready_pods_are_backends_in_a_stable_order() -> None:
    """The order of the list does not matter."""
    pods = [member("127.9.0.2"), member("127.9.0.1")]
    found = backends.backends_of(service(), PORT, pods)
    assert found == [Backend("127.9.0.1", 8080), Backend("127.9.0.2", 8080)]


@pytest.mark.parametrize(
    "other",
    [
        member(ready=False),
        changed(member(), deletionTimestamp="2030-01-01T00:00:00Z"),
        changed(member(), labels={"app": "b"}),
        changed(member(), labels=None),
        changed(member(), namespace="other"),
        {**member(), "status": {}},
        {**member(), "status": {"podIP": "127.9.0.1"}},
    ],
)
def test_other_pods_get_no_connection(other: Json) -> None:
    """Unready, leaving, foreign and not yet started ones."""
    assert backends.backends_of(service(), PORT, [other]) == []


def test_a_service_may_want_unready_pods() -> None:
    """But never leaving ones."""
    leaving = changed(member("127.9.0.2"), deletionTimestamp="2030-01-01T00:00:00Z")
    wants = service(publishNotReadyAddresses=True)
    found = backends.backends_of(wants, PORT, [member(ready=False), leaving])
    assert found == [Backend("127.9.0.1", 8080)]


@pytest.mark.parametrize(
    ("port", "numbers"),
    [
        ({"port": 80}, [80]),
        ({"port": 80, "targetPort": 9}, [9]),
        ({"port": 80, "targetPort": "web"}, [81]),
        ({"port": 80, "targetPort": "proxy"}, [82]),
        ({"port": 80, "targetPort": "none"}, []),
    ],
)
def test_target_ports_are_numbers_or_names(port: Json, numbers: list[int]) -> None:
    """Names are those of any container of the Pod, sidecars included."""
    side = sidecar(ports=[{"containerPort": 1}, {"name": "proxy", "containerPort": 82}])
    found = backends.backends_of(service(), port, [member(initContainers=[side])])
    assert [one.port for one in found] == numbers


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({}, 1),
        ({"clusterIP": "None"}, 1),
        ({"selector": None}, 0),
        ({"type": "ExternalName"}, 0),
        ({"ports": [PORT, {"port": 53, "protocol": "UDP"}]}, 1),
        ({"ports": []}, 0),
    ],
)
def test_only_tcp_ports_of_selecting_services_count(spec: Json, count: int) -> None:
    """Headless Services count as well: there is no name service here."""
    assert len(backends.ports_of(service(**spec))) == count


@given(st.lists(st.tuples(st.integers(1, 250), st.booleans()), unique_by=lambda pair: pair[0]))
def test_exactly_the_ready_pods_are_behind_a_service(pods: list[tuple[int, bool]]) -> None:
    """Whatever their number and order."""
    members = [member(f"127.9.0.{number}", ready=ready) for number, ready in pods]
    found = {one.address for one in backends.backends_of(service(), PORT, members)}
    assert found == {f"127.9.0.{number}" for number, ready in pods if ready}
