"""Keeps a receiver up to date with a list of objects, through every break of the connection."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from perennial_sandbox.node.cluster.api_client import ApiClient, ApiError, ExpiredError
from perennial_sandbox.node.pods.objects import Json

_log = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0


class Receiver(Protocol):
    """What wants to know about the objects."""

    def replace_all(self, things: list[Json]) -> None:
        """Take the whole list; what is not in it does not exist."""

    def changed(self, thing: Json) -> None:
        """Take an object that is new or has changed."""

    def deleted(self, thing: Json) -> None:
        """Take the last form of an object that is gone."""


async def follow(
    client: ApiClient,
    path: str,
    receiver: Receiver,
    *,
    query: Mapping[str, str] | None = None,
    names_only: bool = False,
) -> None:
    """List and watch forever."""
    pause = _FIRST_PAUSE_SECONDS
    version = None
    while True:
        try:
            if version is None:
                version = await _list(client, path, receiver, query=query, names_only=names_only)
            pause = _FIRST_PAUSE_SECONDS
            parameters = {**(query or {}), "resourceVersion": version}
            async for kind, thing in client.watch(path, parameters, names_only=names_only):
                version = thing["metadata"]["resourceVersion"]
                _pass_on(receiver, kind, thing)
        except ExpiredError:
            version = None
        except ApiError as error:
            _log.warning("watch of %s broke: %s", path, error)
            # A server that came back with less than before (its store was lost) is noticed
            # only by a new list.
            version = None
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 2)


async def _list(
    client: ApiClient,
    path: str,
    receiver: Receiver,
    *,
    query: Mapping[str, str] | None,
    names_only: bool,
) -> str:
    found = await client.get(path, query, names_only=names_only)
    receiver.replace_all(found["items"] or [])
    return str(found["metadata"]["resourceVersion"])


def _pass_on(receiver: Receiver, kind: str, thing: Json) -> None:
    if kind == "DELETED":
        receiver.deleted(thing)
    elif kind != "BOOKMARK":
        receiver.changed(thing)
