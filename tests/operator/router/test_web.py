"""Tests of the agent's small API while Envoy is not there; `test_agent` has the real one."""

from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from perennial_operator.router import xds
from perennial_operator.router.agent import Agent
from perennial_operator.router.envoy import EnvoyAdmin
from perennial_operator.router.web import application

PLACE = xds.Place("/nowhere", "/nowhere/admin.sock", "router-1", "127.0.0.1", 8080)


def client(token_file: Path) -> TestClient[aiohttp.web.Request, aiohttp.web.Application]:
    """Return a client of an agent that knows nothing yet."""
    agent = Agent(PLACE, namespace="ns", admin=EnvoyAdmin(PLACE.admin_socket))
    return TestClient(TestServer(application(agent, pod="router-1", token_file=token_file)))


async def test_an_agent_without_envoy_lives_but_is_not_ready(tmp_path: Path) -> None:
    """The process answers; traffic must wait for lists, Envoy and routes."""
    async with client(tmp_path / "token") as asking:
        assert (await asking.get("/livez")).status == 200
        assert (await asking.get("/readyz")).status == 503
        assert "perennial_router_config_rejected 0.0" in await (await asking.get("/metrics")).text()


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer ", "Basic right"])
async def test_the_state_is_for_holders_of_the_token(tmp_path: Path, header: str) -> None:
    """Without the right token there is no state; without a token file nobody is allowed."""
    token_file = tmp_path / "token"
    async with client(token_file) as asking:
        assert (await asking.get("/v1/state", headers={"Authorization": "Bearer "})).status == 401
        token_file.write_text("right\n")

        refused = await asking.get("/v1/state", headers={"Authorization": header})
        assert refused.status == 401
        assert (await refused.json())["code"] == "Unauthenticated"


async def test_the_state_of_a_new_agent_is_empty(tmp_path: Path) -> None:
    """Before the first lists no model is known."""
    token_file = tmp_path / "token"
    token_file.write_text("right")
    async with client(token_file) as asking:
        answer = await asking.get("/v1/state", headers={"Authorization": "Bearer right"})
        document = await answer.json()

    assert document["pod"] == "router-1"
    assert "models" not in document
