"""Keeps the Node object and its Lease alive, also after the API server lost them."""

import asyncio
import logging
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from perennial_sandbox.node import clock
from perennial_sandbox.node.cluster.api_client import MERGE, ApiClient, ApiError, NotFoundError
from perennial_sandbox.node.pods.objects import Json, at, timestamp

_log = logging.getLogger(__name__)
_HEARTBEAT_SECONDS = 10.0
_RETRY_SECONDS = 0.3
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_LEASE_SECONDS = 40
_PODS = "500"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Self:
    """What the Node object says about this node."""

    name: str
    address: str
    port: int | None
    capacity: Mapping[str, str]


def capacity() -> dict[str, str]:
    """Return what this host offers to Pods."""
    memory_kib = psutil.virtual_memory().total // 1024
    return {"cpu": str(os.cpu_count() or 1), "memory": f"{memory_kib}Ki", "pods": _PODS}


async def keep_registered(client: ApiClient, node: Self) -> None:
    """Register, then renew the Lease and look after the Node, forever."""
    while True:
        try:
            await beat(client, node)
            pause = _HEARTBEAT_SECONDS
        except ApiError as error:
            _log.warning("heartbeat failed: %s", error)
            pause = _RETRY_SECONDS
        await asyncio.sleep(pause)


async def beat(client: ApiClient, node: Self) -> None:
    """Put the Node right if need be, and renew its Lease."""
    await _register(client, node)
    await _renew(client, node.name)


async def _register(client: ApiClient, node: Self) -> None:
    path = f"/api/v1/nodes/{node.name}"
    try:
        found = await client.get(path)
    except NotFoundError:
        found = await client.create("/api/v1/nodes", _object(node))
        _log.info("registered node %s", node.name)
    if not _is_current(found, node):
        await client.patch(f"{path}/status", {"status": _status(node)})


def _is_current(found: Json, node: Self) -> bool:
    conditions = at(found, "status", "conditions") or ()
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    port = at(found, "status", "daemonEndpoints", "kubeletEndpoint", "Port")
    has_capacity = at(found, "status", "capacity") == dict(node.capacity)
    return is_ready and (port or None) == node.port and has_capacity


async def _renew(client: ApiClient, name: str) -> None:
    moment = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    try:
        await client.patch(f"{_LEASES}/{name}", {"spec": {"renewTime": moment}}, kind=MERGE)
    except NotFoundError:
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": _LEASE_SECONDS,
            "renewTime": moment,
        }
        await client.create(_LEASES, {"metadata": {"name": name}, "spec": spec})


def _object(node: Self) -> Json:
    labels = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
    }
    return {"metadata": {"name": node.name, "labels": labels}, "status": _status(node)}


def _status(node: Self) -> Json:
    moment = timestamp(clock.now())
    conditions = [
        {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "reason": reason,
            "message": "the process node runs Pods as local processes",
            "lastHeartbeatTime": moment,
            "lastTransitionTime": moment,
        }
        for kind, reason in (
            ("Ready", "KubeletReady"),
            ("MemoryPressure", "KubeletHasSufficientMemory"),
            ("DiskPressure", "KubeletHasNoDiskPressure"),
            ("PIDPressure", "KubeletHasSufficientPID"),
        )
    ]
    endpoint = {} if node.port is None else {"kubeletEndpoint": {"Port": node.port}}
    return {
        "capacity": dict(node.capacity),
        "allocatable": dict(node.capacity),
        "conditions": conditions,
        # Only an address: by name the API server would look for the node in the DNS.
        "addresses": [{"type": "InternalIP", "address": node.address}],
        "daemonEndpoints": endpoint,
        "nodeInfo": _node_info(),
    }


def _node_info() -> Json:
    return {
        "architecture": _architecture(),
        "operatingSystem": "linux",
        "kernelVersion": platform.release(),
        "osImage": "process node",
        "containerRuntimeVersion": "process://1",
        "kubeletVersion": "v1.37.2",
        "kubeProxyVersion": "",
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
    }


def _architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)
