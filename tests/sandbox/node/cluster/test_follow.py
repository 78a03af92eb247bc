"""Tests of following a list of objects."""

import asyncio
import json
from dataclasses import dataclass, field

import httpx
import pytest

from perennial_sandbox.node.cluster.api_client import ApiClient
from perennial_sandbox.node.cluster.follow import follow
from perennial_sandbox.node.cluster.kubeconfig import Access
from perennial_sandbox.node.pods.objects import Json


@dataclass
class Journal:
    """Writes down what it is told; ends the test at the last expected line."""

    until: int
    lines: list[tuple[str, object]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def replace_all(self, things: list[Json]) -> None:
        """Take a list."""
        self._note("all", [thing["name"] for thing in things])

    def changed(self, thing: Json) -> None:
        """Take a change."""
        self._note("changed", thing["name"])

    def deleted(self, thing: Json) -> None:
        """Take a removal."""
        self._note("deleted", thing["name"])

    def _note(self, kind: str, what: object) -> None:
        self.lines.append((kind, what))
        if len(self.lines) == self.until:
            self.done.set()


@dataclass
class Server:
    """Answers lists and watches from scripts and remembers the queries."""

    lists: list[httpx.Response]
    watches: list[httpx.Response]
    versions: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; an exhausted script refuses."""
        if "watch" not in request.url.params:
            return self.lists.pop(0) if self.lists else httpx.Response(503)
        self.versions.append(request.url.params["resourceVersion"])
        return self.watches.pop(0) if self.watches else httpx.Response(503)


def listing(version: str, *names: str) -> httpx.Response:
    """Return a list's answer; an empty list may come without items."""
    items = [{"name": name} for name in names] or None
    return httpx.Response(200, json={"metadata": {"resourceVersion": version}, "items": items})


def changes(*events: tuple[str, str, str]) -> httpx.Response:
    """Return a watch's answer from (type, name, version)."""
    lines = [
        {"type": kind, "object": {"name": name, "metadata": {"resourceVersion": version}}}
        for kind, name, version in events
    ]
    return httpx.Response(200, text="\n".join(map(json.dumps, lines)))


async def told(server: Server, journal: Journal) -> list[tuple[str, object]]:
    """Follow until the journal has what the test expects."""
    transport = httpx.MockTransport(server.answer)
    async with ApiClient(Access("http://api", tls=False), transport) as client:
        task = asyncio.create_task(follow(client, "/things", journal, query={"q": "1"}))
        await asyncio.wait_for(journal.done.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    return journal.lines


async def test_a_list_comes_first_then_its_changes() -> None:
    """Bookmarks only move the version, from which the next watch goes on."""
    server = Server(
        [listing("5", "a")],
        [
            changes(("ADDED", "b", "6"), ("BOOKMARK", "", "9")),
            changes(("DELETED", "a", "10"), ("MODIFIED", "b", "11")),
        ],
    )
    lines = await told(server, Journal(4))
    assert lines == [("all", ["a"]), ("changed", "b"), ("deleted", "a"), ("changed", "b")]
    assert server.versions[:2] == ["5", "9"]


async def test_an_expired_watch_lists_again() -> None:
    """What changed in the meantime is in the new list; it may be empty."""
    server = Server([listing("5", "a"), listing("8")], [httpx.Response(410, json={})])
    assert await told(server, Journal(2)) == [("all", ["a"]), ("all", [])]


async def test_a_lost_server_is_asked_for_everything_again() -> None:
    """It may have lost its store."""
    server = Server([listing("5", "a"), httpx.Response(503), listing("1")], [httpx.Response(503)])
    assert await told(server, Journal(2)) == [("all", ["a"]), ("all", [])]
