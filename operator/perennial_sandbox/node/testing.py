"""Builders of Pods and states, and an API server in memory, for tests of the node."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from perennial_sandbox.node.cluster.api_client import ApiClient
from perennial_sandbox.node.cluster.events import Events
from perennial_sandbox.node.cluster.kubeconfig import Access
from perennial_sandbox.node.network.addresses import Addresses
from perennial_sandbox.node.pods.lifecycle import BackOff
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.states import ContainerState, Exit, Waiting
from perennial_sandbox.node.processes.shim import Shims
from perennial_sandbox.node.settings import NodeSettings
from perennial_sandbox.node.worker.tools import Tools

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def container(name: str = "main", **fields: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a container's spec."""
    return {"name": name, "image": "app", **fields}


def sidecar(name: str = "side", **fields: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a native sidecar's spec."""
    return container(name, restartPolicy="Always", **fields)


def pod(*containers: Json, **spec: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a Pod with these containers, one called main if none is given."""
    metadata = {"name": "p", "namespace": "default", "uid": "u-1", "resourceVersion": "1"}
    full = {"nodeName": "node", "containers": list(containers) or [container()], **spec}
    return {"metadata": metadata, "spec": full, "status": {"phase": "Pending"}}


def running(run: int = 0, **fields: Any) -> ContainerState:  # noqa: ANN401  # fields of a state
    """Return the state of a container that runs and is ready since noon."""
    known = {"started_at": NOON, "has_started": True, "is_ready": True, "run_id": f"id/{run}"}
    return ContainerState(run=run, **{**known, **fields})


def ended(
    code: int = 0,
    *,
    seconds: float = 1,
    run: int = 0,
    **fields: Any,  # noqa: ANN401  # of a state
) -> ContainerState:
    """Return the state of a container that ran for some seconds from noon."""
    reason = "Error" if code else "Completed"
    end = Exit(code, reason, NOON, NOON + timedelta(seconds=seconds), run_id=f"id/{run}")
    return ContainerState(run=run, started_at=NOON, exit=end, run_id=f"id/{run}", **fields)


def refused(reason: str, *, retry_at: datetime = NOON) -> ContainerState:
    """Return the state of a container that cannot start."""
    return ContainerState(waiting=Waiting(reason, "why", retry_at))


async def until(holds: Callable[[], object]) -> None:
    """Wait until a claim about other processes or files holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # other processes set no events
            await asyncio.sleep(0.002)


def tools(
    directory: Path, client: ApiClient, *, images: Mapping[str, tuple[str, ...]] | None = None
) -> Tools:
    """Return the tools of a node in a folder."""
    settings = NodeSettings(
        kubeconfig=directory / "kubeconfig",
        node_name="node",
        directory=directory,
        address_prefix="127.250",
        services_file=directory / "services.json",
        images=images or {},
        back_off=BackOff(base_seconds=0.01),
    )
    return Tools(
        settings=settings,
        client=client,
        shims=Shims(),
        addresses=Addresses("127.250", []),
        events=Events(client, "node"),
        capacity={"cpu": "2", "memory": "4Gi"},
        api_host="127.0.0.1",
        api_port=6443,
    )


class FakeApi:
    """Objects by path behind the HTTP interface of an API server; merges, but knows no kinds."""

    def __init__(self) -> None:
        """Start empty and in good health."""
        self.objects: dict[str, Json] = {}
        self.events: list[Json] = []
        self.deleted: list[tuple[str, Json]] = []
        self.requests = 0
        self.writes = 0
        self.refuse_with: int | None = None
        self._answered = asyncio.Event()

    def client(self) -> ApiClient:
        """Return a client of this server."""
        transport = httpx.MockTransport(self._answer)
        return ApiClient(Access("http://api", tls=False), transport)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until a claim holds after an answer."""
        async with asyncio.timeout(10):
            while not holds():
                self._answered.clear()
                await self._answered.wait()

    def put(self, path: str, thing: Json) -> None:
        """Store an object and give it a new version."""
        self.writes += 1
        thing["metadata"]["resourceVersion"] = str(self.writes + 1)
        self.objects[path] = thing

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self._answered.set()
        if self.refuse_with is not None:
            return _refusal(self.refuse_with)
        path = unquote(request.url.path)
        body = json.loads(request.content) if request.content else {}
        methods = {"GET": self._get, "POST": self._post, "PATCH": self._patch}
        if request.method == "DELETE":
            return self._delete(path, body)
        return methods[request.method](path, body)

    def _get(self, path: str, _body: Json) -> httpx.Response:
        return (
            httpx.Response(200, json=self.objects[path]) if path in self.objects else _refusal(404)
        )

    def _post(self, path: str, body: Json) -> httpx.Response:
        if path.endswith("/token"):
            return httpx.Response(201, json={"status": {"token": f"token for {path}"}})
        if path.endswith("/events"):
            self.events.append(body)
        self.put(f"{path}/{body['metadata']['name']}", body)
        return httpx.Response(201, json=body)

    def _patch(self, path: str, body: Json) -> httpx.Response:
        place = path.removesuffix("/status")
        if place not in self.objects:
            return _refusal(404)
        known = self.objects[place]
        uid = body.get("metadata", {}).get("uid")
        if uid and uid != known["metadata"].get("uid"):
            return _refusal(409)
        self.put(place, merged(known, body))
        return httpx.Response(200, json=self.objects[place])

    def _delete(self, path: str, body: Json) -> httpx.Response:
        if self.objects.pop(path, None) is None:
            return _refusal(404)
        self.deleted.append((path, body))
        return httpx.Response(200, json={})


def merged(known: Json, change: Json) -> Json:
    """Merge a change: objects by key, null removes, conditions by type, other lists whole."""
    result = dict(known)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif key == "conditions":
            by_type = {one["type"]: one for one in known.get(key, ())}
            for one in value:
                by_type[one["type"]] = merged(by_type.get(one["type"], {}), one)
            result[key] = list(by_type.values())
        elif isinstance(value, dict):
            result[key] = merged(known.get(key) or {}, value)
        else:
            result[key] = value
    return result


def _refusal(code: int) -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "code": code, "message": "refused"})
