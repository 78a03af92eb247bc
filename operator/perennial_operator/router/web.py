"""The agent's own small API on port `admin`: health, metrics, state, drain.

Nothing here changes routing; `/v1/state` asks for the bearer token of Secret `perennial-router`.
"""

import hmac
import json
from pathlib import Path

from aiohttp import web

from perennial_operator.api import documents
from perennial_operator.router import metrics
from perennial_operator.router.agent import Agent


def application(agent: Agent, *, pod: str, token_file: Path) -> web.Application:
    """Return the application; the token is read at each request, since it may be renewed."""

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_request: web.Request) -> web.Response:
        if await agent.is_ready():
            return web.Response(text="ok")
        return web.Response(status=503, text="lists, Envoy or routes are not there yet")

    async def expose(_request: web.Request) -> web.Response:
        text = metrics.render(await agent.state(pod))
        return web.Response(body=text, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def state(request: web.Request) -> web.Response:
        if not _is_allowed(request, token_file):
            return _error(401, "Unauthenticated", "send the token of Secret perennial-router")
        return web.json_response(documents.dump(await agent.state(pod)))

    async def drain(_request: web.Request) -> web.Response:
        await agent.drain()
        return web.Response(text="drained")

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", expose)
    app.router.add_get("/v1/state", state)
    app.router.add_get("/drain", drain)
    return app


def _is_allowed(request: web.Request, token_file: Path) -> bool:
    try:
        token = token_file.read_text().strip()
    except OSError:
        return False  # no token yet: nobody is allowed
    offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(offered.encode(), token.encode())


def _error(status: int, code: str, text: str) -> web.Response:
    body = json.dumps({"error": text, "code": code})
    return web.Response(status=status, text=body, content_type="application/json")
