"""Tests of the agent beside the real Envoy: what it publishes is what Envoy runs."""

import asyncio
import importlib.resources
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from perennial_operator.api import documents, names
from perennial_operator.api.routing_intent import ModelState, RouterState
from perennial_operator.router import xds
from perennial_operator.router.agent import Agent
from perennial_operator.router.envoy import EnvoyAdmin
from perennial_operator.router.web import application

pytestmark = pytest.mark.e2e

TOKEN = "secret"  # noqa: S105  # a token of this test only


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def upstream(text: str) -> AsyncIterator[int]:
    """Serve a constant answer and yield the port."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


def pod(revision: str, port: int) -> dict[str, Any]:
    """Return a ready Pod of a revision on loopback."""
    return {
        "metadata": {"uid": revision, "labels": {names.LABEL_REVISION: revision}},
        "spec": {"containers": [{"ports": [{"name": "data", "containerPort": port}]}]},
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def intent(epoch: int, *, stable: int, uid: str = "u") -> dict[str, Any]:
    """Return the ConfigMap of a routing intent of model m."""
    arms = [
        {"arm": "stable", "revision": "m-1", "weight": stable},
        {"arm": "candidate", "revision": "m-2", "weight": 10_000 - stable},
    ]
    document = {"v": 1, "model": "m", "uid": uid, "epoch": epoch, "arms": arms}
    return {"metadata": {"name": "m-routing"}, "data": {names.ROUTING_KEY: json.dumps(document)}}


@dataclass
class Rig:
    """An agent, its Envoy and the port where requests go."""

    agent: Agent
    place: xds.Place
    task: "asyncio.Task[None]"

    async def until(self, wanted: Callable[[RouterState], bool]) -> RouterState:
        """Return the first state for which `wanted` holds."""
        async with asyncio.timeout(20):
            while True:
                state = await self.agent.state("router-1")
                if wanted(state):
                    return state
                await asyncio.sleep(0.02)

    async def acknowledged(self, epoch: int) -> ModelState:
        """Return the model's state once Envoy runs this epoch."""
        state = await self.until(
            lambda s: (
                "m" in s.models and s.models["m"].epoch == epoch and s.models["m"].acknowledged
            )
        )
        return state.models["m"]

    async def ask(self, path: str = "/v2/models/m/infer", **headers: str) -> tuple[int, str]:
        """Send one request through Envoy."""
        url = f"http://127.0.0.1:{self.place.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def envoy(place: xds.Place) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the real Envoy on the place's bootstrap."""
    binary = importlib.resources.files("envoy") / "_bin" / "envoy"
    process = await asyncio.create_subprocess_exec(
        str(binary), "--config-path", f"{place.directory}/bootstrap.json",
        "--disable-hot-restart", "--log-level", "error",
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Rig]:
    """Run an agent and its Envoy."""
    place = xds.Place(str(directory), str(directory / "a.sock"), "n", "127.0.0.1", free_port())
    async with EnvoyAdmin(place.admin_socket) as admin:
        agent = Agent(place, namespace="ns", admin=admin)
        agent.prepare()
        async with envoy(place):
            task = asyncio.create_task(agent.run())
            try:
                yield Rig(agent, place, task)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def two_arms(directory: Path) -> AsyncIterator[tuple[Rig, dict[str, dict[str, Any]]]]:
    """Run a rig with one Pod for each of two revisions."""
    async with upstream("one") as first, upstream("two") as second, running(directory) as rig:
        yield rig, {"a": pod("m-1", first), "b": pod("m-2", second)}


async def test_weights_go_over_without_a_lost_request(tmp_path: Path) -> None:
    """Clusters are added before the routes name them: under load every answer is 200."""
    async with two_arms(tmp_path) as (rig, pods):
        rig.agent.saw_pods({"a": pods["a"]})
        rig.agent.saw_intents({"m": intent(1, stable=10_000)})
        await rig.acknowledged(1)
        answers: set[tuple[int, str]] = set()

        async def load() -> None:
            for _ in range(300):
                answers.add(await rig.ask())

        loads = [asyncio.create_task(load()) for _ in range(2)]
        rig.agent.saw_pods(pods)
        for epoch, stable in ((2, 5000), (3, 0), (4, 10_000), (5, 5000)):
            rig.agent.saw_intents({"m": intent(epoch, stable=stable)})
            state = await rig.acknowledged(epoch)
            assert state.weights == {"m-1": stable, "m-2": 10_000 - stable}
        await asyncio.gather(*loads)

        assert answers == {(200, "one"), (200, "two")}
        state = (await rig.agent.state("p")).models["m"]
        assert sum(each.first for each in state.counters.values()) == 600
        assert sum(each.status_2xx for each in state.counters.values()) == 600


async def test_a_candidate_without_pods_loses_no_request(tmp_path: Path) -> None:
    """Its share goes to stable at once, and stays there until a higher epoch."""
    async with two_arms(tmp_path) as (rig, pods):
        rig.agent.saw_pods(pods)
        rig.agent.saw_intents({"m": intent(1, stable=0)})
        await rig.acknowledged(1)
        assert await rig.ask() == (200, "two")

        rig.agent.saw_pods({"a": pods["a"]})
        state = await rig.until(lambda s: s.models["m"].withdrawn == ("m-2",))

        assert state.models["m"].weights == {"m-1": 10_000, "m-2": 0}
        assert await rig.ask() == (200, "one")
        rig.agent.saw_pods(pods)
        assert await rig.ask() == (200, "one")


async def test_a_refused_intent_changes_nothing(tmp_path: Path) -> None:
    """An older epoch is named in the state; the routes stay."""
    async with two_arms(tmp_path) as (rig, pods):
        rig.agent.saw_pods(pods)
        rig.agent.saw_intents({"m": intent(5, stable=10_000)})
        await rig.acknowledged(5)

        rig.agent.saw_intents({"m": intent(4, stable=0)})
        state = await rig.until(lambda s: bool(s.models["m"].refused))

        assert state.models["m"].epoch == 5
        assert await rig.ask() == (200, "one")


async def test_paths_lead_to_models_and_versions(tmp_path: Path) -> None:
    """Service names, paths and versions reach the model; all else is 404 in our form."""
    async with two_arms(tmp_path) as (rig, pods):
        rig.agent.saw_pods(pods)
        rig.agent.saw_intents({"m": intent(1, stable=10_000)})
        await rig.acknowledged(1)

        assert await rig.ask("/anything", Host="m.ns.svc:80") == (200, "one")
        assert await rig.ask("/v2/models/m/versions/m-1/infer") == (200, "one")
        assert (await rig.ask("/v2/models/m/versions/m-2/infer"))[0] == 404
        status, text = await rig.ask("/v2/models/other/infer")
        assert (status, json.loads(text)) == (404, {"error": "no such model"})


async def test_a_restarted_agent_knows_its_envoy(tmp_path: Path) -> None:
    """The same Envoy keeps its boot id: its counters did not start again."""
    async with two_arms(tmp_path) as (rig, pods):
        rig.agent.saw_pods(pods)
        rig.agent.saw_intents({"m": intent(1, stable=10_000)})
        await rig.acknowledged(1)
        boot = (await rig.agent.state("p")).boot

        again = Agent(rig.place, namespace="ns", admin=rig.agent.admin)
        again.prepare()
        await again.step()

        assert again.boot == boot
        assert not await again.is_ready()
        assert await rig.ask() == (200, "one")


async def test_a_killed_envoy_comes_back_with_its_files(tmp_path: Path) -> None:
    """Another Envoy on the same files serves at once, with a boot id of its own."""
    place = xds.Place(str(tmp_path), str(tmp_path / "a.sock"), "n", "127.0.0.1", free_port())
    async with upstream("one") as port, EnvoyAdmin(place.admin_socket) as admin:
        agent = Agent(place, namespace="ns", admin=admin)
        agent.prepare()
        rig = Rig(agent, place, asyncio.create_task(agent.run()))
        agent.saw_pods({"a": pod("m-1", port)})
        agent.saw_intents({"m": intent(1, stable=10_000)})
        async with envoy(place):
            await rig.acknowledged(1)
            first = agent.boot
            await asyncio.sleep(4)  # the boot id tells starts apart that are seconds apart
        async with envoy(place):
            await rig.until(lambda s: s.boot != first and s.models["m"].acknowledged)
            assert await rig.ask() == (200, "one")
        rig.task.cancel()
        await asyncio.gather(rig.task, return_exceptions=True)


async def test_the_api_of_the_agent(tmp_path: Path) -> None:
    """Health and metrics are open, the state asks for the token, draining ends when idle."""
    token_file = tmp_path / "token"
    async with two_arms(tmp_path / "xds") as (rig, pods):
        app = application(rig.agent, pod="router-1", token_file=token_file)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()

        async def get(path: str, token: str = "") -> tuple[int, str]:
            url, headers = f"http://127.0.0.1:{port}{path}", {"Authorization": f"Bearer {token}"}
            async with (
                aiohttp.ClientSession() as session,
                session.get(url, headers=headers) as answer,
            ):
                return answer.status, await answer.text()

        assert (await get("/readyz"))[0] == 503
        assert (await get("/v1/state", TOKEN))[0] == 401
        token_file.write_text(f"{TOKEN}\n")
        rig.agent.saw_pods(pods)
        rig.agent.saw_intents({"m": intent(1, stable=9000)})
        await rig.acknowledged(1)

        assert await get("/livez") == (200, "ok")
        assert await get("/readyz") == (200, "ok")
        assert (await get("/v1/state", "wrong"))[0] == 401
        status, text = await get("/v1/state", TOKEN)
        state = documents.load(RouterState, json.loads(text))
        assert (status, state.models["m"].weights) == (200, {"m-1": 9000, "m-2": 1000})
        assert "perennial_router_weight_ratio" in (await get("/metrics"))[1]
        assert await get("/drain") == (200, "drained")
        await runner.cleanup()
