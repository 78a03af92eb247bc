"""Tests of the Node object and its Lease."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from perennial_sandbox.node.cluster import registration
from perennial_sandbox.node.cluster.api_client import ApiClient
from perennial_sandbox.node.testing import FakeApi

NODE = registration.Self("n", "127.0.0.1", 1234, {"cpu": "2", "memory": "1Ki", "pods": "500"})
PATH = "/api/v1/nodes/n"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n"


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """Return an API server without any object."""
    return FakeApi()


async def beat(client: ApiClient, node: registration.Self = NODE) -> None:
    """Let one heartbeat happen."""
    await registration.beat(client, node)


async def test_a_new_node_is_ready_and_holds_its_lease(api: FakeApi) -> None:
    """Its capacity, address and port are known at once."""
    async with api.client() as client:
        await beat(client)
    status = api.objects[PATH]["status"]
    ready = [one["status"] for one in status["conditions"] if one["type"] == "Ready"]
    assert ready == ["True"]
    assert status["allocatable"] == NODE.capacity
    assert status["addresses"] == [{"type": "InternalIP", "address": "127.0.0.1"}]
    assert status["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 1234}}
    assert api.objects[LEASE]["spec"]["holderIdentity"] == "n"


async def test_a_healthy_node_only_renews_its_lease(api: FakeApi) -> None:
    """One write a heartbeat."""
    async with api.client() as client:
        await beat(client)
        before = api.writes
        await beat(client)
    assert api.writes - before == 1


@pytest.mark.parametrize(
    "change",
    [
        {"conditions": [{"type": "Ready", "status": "Unknown"}]},
        {"daemonEndpoints": {"kubeletEndpoint": {"Port": 1}}},
        {"capacity": {"cpu": "9"}},
    ],
)
async def test_a_wrong_status_is_put_right(api: FakeApi, change: dict[str, object]) -> None:
    """Somebody may have declared the node lost, or an earlier life had another port."""
    async with api.client() as client:
        await beat(client)
        healthy = api.objects[PATH]["status"]
        api.objects[PATH] = {**api.objects[PATH], "status": {**healthy, **change}}
        await beat(client)
    status = api.objects[PATH]["status"]
    assert status["conditions"][0]["status"] == "True"
    assert status["daemonEndpoints"] == healthy["daemonEndpoints"]
    assert status["capacity"]["cpu"] == "2"


async def test_a_node_without_server_has_no_port(api: FakeApi) -> None:
    """The server's 0 for an absent port is no difference."""
    node = registration.Self("n", "127.0.0.1", None, NODE.capacity)
    async with api.client() as client:
        await beat(client, node)
        api.objects[PATH]["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": 0}}
        before = api.writes
        await beat(client, node)
    assert api.writes - before == 1


async def test_a_lost_store_is_filled_again(api: FakeApi) -> None:
    """The node comes back by itself, also if the server is away for a while."""
    async with api.client() as client:
        api.refuse_with = 503
        task = asyncio.create_task(registration.keep_registered(client, NODE))
        await api.until(lambda: api.requests)
        api.refuse_with = None
        await api.until(lambda: LEASE in api.objects)
        task.cancel()
    assert PATH in api.objects


def test_capacity_is_that_of_the_host() -> None:
    """Five hundred Pods fit, if they are small."""
    found = registration.capacity()
    assert int(found["cpu"]) >= 1
    assert found["memory"].endswith("Ki")
    assert found["pods"] == "500"
