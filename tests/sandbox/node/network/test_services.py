"""Tests of the local ports of Services."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from perennial_sandbox.node.network.services import Services
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.testing import pod


def service(name: str = "s", *ports: Json) -> Json:
    """Return a Service."""
    metadata = {"name": name, "namespace": "default"}
    found = list(ports) or [{"port": 80, "name": "http", "targetPort": 1}]
    return {"metadata": metadata, "spec": {"selector": {"app": "a"}, "ports": found}}


@asynccontextmanager
async def serving(
    file: Path, *known: Json, pods: list[Json] | None = None
) -> AsyncIterator[Services]:
    """Serve these Services."""
    services = Services(file, lambda: pods or [])
    task = asyncio.create_task(services.serve_forever())
    services.replace_all(list(known))
    await settled(services)
    try:
        yield services
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        services.close()


async def settled(services: Services) -> None:
    """Wait until all that was told is done."""
    await asyncio.wait_for(services.settled(), 5)


def ports(file: Path) -> dict[str, dict[str, int]]:
    """Return what the file says."""
    found: dict[str, dict[str, int]] = json.loads(file.read_text())
    return found


async def test_a_service_gets_a_port_under_number_and_name(tmp_path: Path) -> None:
    """Both lead to the same listener."""
    file = tmp_path / "services.json"
    async with serving(file, service("s", {"port": 80, "name": "http"}, {"port": 81})):
        found = ports(file)["default/s"]
    assert set(found) == {"80", "http", "81"}
    assert found["80"] == found["http"] != found["81"]


async def test_ports_come_and_go_with_their_service(tmp_path: Path) -> None:
    """A changed one keeps the port that it had."""
    file = tmp_path / "services.json"
    async with serving(file, service("a")) as services:
        kept = ports(file)["default/a"]["80"]
        services.changed(service("a", {"port": 80}, {"port": 443}))
        services.changed(service("b"))
        await settled(services)
        both = ports(file)
        services.deleted(service("b"))
        services.deleted(service("never"))
        await settled(services)
        after = ports(file)
    assert (both["default/a"]["80"], set(both), set(after)) == (
        kept,
        {"default/a", "default/b"},
        {"default/a"},
    )


async def test_ports_survive_a_restart(tmp_path: Path) -> None:
    """People have them in their shells."""
    file = tmp_path / "services.json"
    async with serving(file, service()):
        before = ports(file)
    async with serving(file, service()):
        assert ports(file) == before


async def test_a_port_that_was_taken_is_replaced(tmp_path: Path) -> None:
    """The file says so."""
    file = tmp_path / "services.json"
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        file.write_text(json.dumps({"default/s": {"80": taken, "http": taken}}))
        async with serving(file, service()):
            assert ports(file)["default/s"]["80"] != taken


async def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    """Ports are new then."""
    file = tmp_path / "services.json"
    file.write_text("{")
    async with serving(file, service()):
        assert "80" in ports(file)["default/s"]


async def test_connections_reach_the_ready_pods_of_now(tmp_path: Path) -> None:
    """Pods and Services are looked at anew for every connection."""
    file = tmp_path / "services.json"
    server = await asyncio.start_server(_hello, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    member = pod()
    member["metadata"]["labels"] = {"app": "a"}
    pods: list[Json] = [member]
    async with serving(file, service("s", {"port": 80, "targetPort": port}), pods=pods):
        local = ports(file)["default/s"]["80"]
        before = await _said(local)
        ready = {"type": "Ready", "status": "True"}
        member["status"] = {"podIP": "127.0.0.1", "conditions": [ready]}
        after = await _said(local)
    server.close()
    await server.wait_closed()
    assert (before, after) == (None, b"hello")


async def test_a_service_that_vanished_has_no_backends(tmp_path: Path) -> None:
    """A connection accepted in that moment is reset."""
    async with serving(tmp_path / "f", service()) as services:
        local = ports(tmp_path / "f")["default/s"]["80"]
        connection = asyncio.create_task(_said(local))
        services.deleted(service())
        assert await connection is None


async def _hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    await writer.drain()
    writer.close()


async def _said(port: int) -> bytes | None:
    """Return what a connection says, None if it is reset or refused."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        text = await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return None
    writer.close()
    return text
