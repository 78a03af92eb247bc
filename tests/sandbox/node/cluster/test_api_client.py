"""Tests of the client of the Kubernetes API."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from perennial_sandbox.node.cluster import api_client
from perennial_sandbox.node.cluster.api_client import ApiClient, ApiError
from perennial_sandbox.node.cluster.kubeconfig import Access

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, *, has_token: bool = True) -> ApiClient:
    """Return a client of a server made of one function."""
    return ApiClient(
        Access("http://api", tls=False, token="t" if has_token else None),
        httpx.MockTransport(handler),
    )


async def test_requests_carry_token_content_and_kind() -> None:
    """The server sees who asks, and how to merge."""
    seen: list[tuple[object, ...]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        headers = request.headers
        seen.append(
            (request.method, request.url.path, headers.get("content-type"), request.content)
        )
        assert headers["authorization"] == "Bearer t"
        return httpx.Response(200, json={"x": 1})

    async with client(handler) as api:
        answers = [
            await api.get("/g"),
            await api.create("/c", {"a": 1}),
            await api.patch("/p", {"a": 2}),
            await api.patch("/m", {"a": 3}, kind=api_client.MERGE),
        ]
        await api.delete("/d", {"a": 4})
    assert answers == [{"x": 1}] * 4
    plain = "application/json"
    assert seen == [
        ("GET", "/g", plain, b""),
        ("POST", "/c", plain, b'{"a": 1}'),
        ("PATCH", "/p", api_client.STRATEGIC_MERGE, b'{"a": 2}'),
        ("PATCH", "/m", api_client.MERGE, b'{"a": 3}'),
        ("DELETE", "/d", plain, b'{"a": 4}'),
    ]


async def test_names_can_be_asked_for_without_contents() -> None:
    """Secrets are watched by name only."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return httpx.Response(200, json={"accept": request.headers["accept"]})

    async with client(handler, has_token=False) as api:
        answer = await api.get("/g", names_only=True)
    assert "as=PartialObjectMetadataList" in answer["accept"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, ApiError),
        (401, api_client.UnreachableError),
        (403, ApiError),
        (404, api_client.NotFoundError),
        (409, api_client.ConflictError),
        (410, api_client.ExpiredError),
        (429, api_client.UnreachableError),
        (500, api_client.UnreachableError),
        (503, api_client.UnreachableError),
    ],
)
async def test_refusals_are_told_apart(code: int, kind: type[ApiError]) -> None:
    """The caller knows whether trying again may help; the message is the server's."""
    async with client(lambda _request: httpx.Response(code, json={"message": "no"})) as api:
        with pytest.raises(ApiError, match=f"^{code}: no$") as caught:
            await api.get("/x")
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", ["plain words", '["a list"]'])
async def test_a_refusal_need_not_be_an_object(body: str) -> None:
    """A proxy's page is told as it is."""
    async with client(lambda _request: httpx.Response(400, text=body)) as api:
        with pytest.raises(ApiError) as caught:
            await api.get("/x")
    assert str(caught.value) == f"400: {body}"


async def test_no_connection_and_no_json_are_both_unreachable() -> None:
    """Neither says anything about the object."""

    def broken(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/text":
            return httpx.Response(200, text="hello")
        message = ""
        raise httpx.ConnectError(message)

    async with client(broken) as api:
        for path in ("/text", "/none"):
            with pytest.raises(api_client.UnreachableError):
                await api.get(path)


async def test_a_watch_yields_changes_until_it_ends() -> None:
    """The query asks for bookmarks and an end."""

    def handler(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        assert {"watch", "allowWatchBookmarks", "timeoutSeconds", "a"} <= set(query)
        lines = [{"type": "ADDED", "object": {"n": 1}}, {"type": "DELETED", "object": {"n": 2}}]
        return httpx.Response(200, text="\n".join(map(json.dumps, lines)))

    async with client(handler) as api:
        found = [event async for event in api.watch("/x", {"a": "b"}, names_only=True)]
    assert found == [("ADDED", {"n": 1}), ("DELETED", {"n": 2})]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(410, json={}), api_client.ExpiredError),
        (
            httpx.Response(200, json={"type": "ERROR", "object": {"code": 410, "message": "old"}}),
            api_client.ExpiredError,
        ),
        (httpx.Response(200, json={"type": "ERROR", "object": {}}), api_client.UnreachableError),
        (httpx.Response(200, text="{half a li"), api_client.UnreachableError),
    ],
)
async def test_a_broken_watch_says_how_to_go_on(
    response: httpx.Response, kind: type[ApiError]
) -> None:
    """An expired one needs a list, any other may be tried again."""
    async with client(lambda _request: response) as api:
        with pytest.raises(kind):
            _ = [event async for event in api.watch("/x", {})]


async def test_a_watch_without_connection_is_unreachable() -> None:
    """Like any request."""

    def broken(_request: httpx.Request) -> httpx.Response:
        message = "gone"
        raise httpx.ReadError(message)

    async with client(broken) as api:
        with pytest.raises(api_client.UnreachableError, match="gone"):
            _ = [event async for event in api.watch("/x", {})]


async def test_a_crowd_of_requests_takes_turns() -> None:
    """None is refused for want of a connection, however many wait."""
    now = most = 0

    async def answer(_request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(answer)
    async with ApiClient(Access("http://api", tls=False), transport) as api:
        answers = await asyncio.gather(*(api.get("/x") for _ in range(500)))
    assert (len(answers), most) == (500, 16)
