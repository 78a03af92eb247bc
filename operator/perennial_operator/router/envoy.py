"""Envoy as the agent sees it: files beside it, and its admin interface on a Unix socket."""

import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from perennial_operator.router import acknowledgements
from perennial_operator.router.acknowledgements import STATS_FILTER, Statistics

_TIMEOUT = aiohttp.ClientTimeout(total=2)


class EnvoyAdmin:
    """Asks and tells Envoy; every call answers None or False while it is not there."""

    def __init__(self, socket_path: str) -> None:
        """Keep the path of the socket; connect on entry."""
        self._socket_path = socket_path
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        connector = aiohttp.UnixConnector(self._socket_path)
        self._session = aiohttp.ClientSession("http://envoy", connector=connector, timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session."""
        if self._session:
            await self._session.close()

    async def statistics(self) -> Statistics | None:
        """Return the numbers that matter here, or None while Envoy does not answer."""
        params = {"format": "json", "filter": STATS_FILTER}
        document = await self._json("/stats", params)
        return acknowledgements.parse(document) if document is not None else None

    async def is_live(self) -> bool:
        """Whether Envoy has all its first configuration."""
        document = await self._json("/server_info", {})
        return document is not None and document.get("state") == "LIVE"

    async def uptime_seconds(self) -> float | None:
        """Return how long this Envoy runs, in whole seconds, or None."""
        document = await self._json("/server_info", {})
        if document is None:
            return None
        return float(str(document.get("uptime_current_epoch", "0s")).removesuffix("s"))

    async def post(self, path: str) -> bool:
        """Tell Envoy to do something; False if it did not answer 200."""
        if self._session is None:
            return False
        try:
            async with self._session.post(path) as answer:
                return answer.status == 200  # noqa: PLR2004  # HTTP's own number
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False

    async def _json(self, path: str, params: dict[str, str]) -> dict[str, object] | None:
        if self._session is None:
            return None
        try:
            async with self._session.get(path, params=params) as answer:
                document = await answer.json(content_type=None)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None


def write(path: Path, text: str) -> bool:
    """Put `text` in place by one rename, which is all that Envoy sees; False if it is there."""
    if path.exists() and path.read_text() == text:
        return False
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    beside.write_text(text)
    beside.replace(path)
    return True
