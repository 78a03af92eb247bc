"""A thin client of the Kubernetes API over plain objects.

ApiError
|- NotFoundError       the object does not exist
|- ConflictError       it exists already, or it is not the one that was meant
|- ExpiredError        a watch must start again from a list
|- UnreachableError    no answer; try again later
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

import httpx

from perennial_sandbox.node.cluster.kubeconfig import Access
from perennial_sandbox.node.pods.objects import Json

MERGE = "application/merge-patch+json"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
_METADATA_EVENTS = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# The server ends a watch after this time; a silent connection is given up a little later.
_WATCH_SECONDS = 240
_AT_A_TIME = 16
_Query = Mapping[str, str | int]


class ApiError(Exception):
    """The API server refused a request."""


class NotFoundError(ApiError):
    """The object does not exist."""


class ConflictError(ApiError):
    """The object exists already, or is not the one that was meant."""


class ExpiredError(ApiError):
    """The resource version of a watch is too old."""


class UnreachableError(ApiError):
    """The API server gave no usable answer; trying again may help."""


_BY_STATUS = {404: NotFoundError, 409: ConflictError, 410: ExpiredError, 429: UnreachableError}


class ApiClient:
    """Sends requests to one API server."""

    def __init__(self, access: Access, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Prepare connections; nothing is sent yet."""
        headers = {"User-Agent": "perennial-process-node"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        self._http = httpx.AsyncClient(
            base_url=access.server,
            headers=headers,
            verify=access.tls,
            timeout=httpx.Timeout(10),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=_AT_A_TIME),
            transport=transport,
            trust_env=False,
        )
        # Waiting for the client's own pool loses its connections when the wait times out
        # (seen with hundreds of requests at once: in the end no request got through).
        self._turn = asyncio.Semaphore(_AT_A_TIME)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(
        self, path: str, query: _Query | None = None, *, names_only: bool = False
    ) -> Json:
        """Return an object or a list."""
        headers = {"Accept": _METADATA_LIST} if names_only else {}
        return await self._request("GET", path, query=query, headers=headers)

    async def create(self, path: str, thing: Json) -> Json:
        """Create an object, or call a subresource that answers."""
        return await self._request("POST", path, body=thing)

    async def patch(self, path: str, change: Json, *, kind: str = STRATEGIC_MERGE) -> Json:
        """Merge a change into an object."""
        return await self._request("PATCH", path, body=change, headers={"Content-Type": kind})

    async def delete(self, path: str, options: Json) -> None:
        """Delete an object."""
        await self._request("DELETE", path, body=options)

    async def watch(
        self, path: str, query: _Query, *, names_only: bool = False
    ) -> AsyncIterator[tuple[str, Json]]:
        """Yield (type, object) of each change until the server ends the watch."""
        full = {**query, "watch": "1", "allowWatchBookmarks": "1", "timeoutSeconds": _WATCH_SECONDS}
        headers = {"Accept": _METADATA_EVENTS} if names_only else {}
        timeout = httpx.Timeout(10, read=_WATCH_SECONDS + 10)
        try:
            async with self._http.stream(
                "GET", path, params=full, headers=headers, timeout=timeout
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise _error(response)
                async for line in response.aiter_lines():
                    yield _event(line)
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(str(error)) from error

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: _Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        content = None if body is None else json.dumps(body)
        merged = {"Content-Type": "application/json", **(headers or {})}
        try:
            async with self._turn:
                response = await self._http.request(
                    method, path, content=content, params=query, headers=merged
                )
            if response.is_error:
                raise _error(response)
            answer: Json = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(str(error) or type(error).__name__) from error
        return answer


def _event(line: str) -> tuple[str, Json]:
    event = json.loads(line)
    thing: Json = event["object"]
    if event["type"] == "ERROR":
        kind = _BY_STATUS.get(thing.get("code", 0), UnreachableError)
        raise kind(thing.get("message", "the watch failed"))
    return event["type"], thing


def _error(response: httpx.Response) -> ApiError:
    # While the server starts it may refuse even a good token.
    is_passing = response.is_server_error or response.status_code == httpx.codes.UNAUTHORIZED
    kind = UnreachableError if is_passing else _BY_STATUS.get(response.status_code, ApiError)
    try:
        message = response.json().get("message", response.text)
    except (ValueError, AttributeError):
        message = response.text
    return kind(f"{response.status_code}: {message}")
