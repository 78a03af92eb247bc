"""Tests of Events."""

import asyncio

from perennial_sandbox.node.cluster.events import Events
from perennial_sandbox.node.testing import FakeApi, pod


async def sent(api: FakeApi, events: Events, writes: int) -> None:
    """Let the queue be sent until the server saw so many writes."""
    task = asyncio.create_task(events.send_forever())
    await api.until(lambda: api.requests >= writes)
    await asyncio.sleep(0)
    task.cancel()


async def test_an_event_names_pod_container_and_node() -> None:
    """So that kubectl finds it."""
    api = FakeApi()
    async with api.client() as client:
        events = Events(client, "node")
        events.warning(pod(), "Unhealthy", "no answer", container="main")
        await sent(api, events, 1)
    (event,) = api.events
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "default",
        "name": "p",
        "uid": "u-1",
        "fieldPath": "spec.containers{main}",
    }
    facts = (event["type"], event["reason"], event["message"], event["count"], event["source"])
    assert facts == (
        "Warning",
        "Unhealthy",
        "no answer",
        1,
        {"component": "perennial-process-node", "host": "node"},
    )


async def test_a_repeated_event_is_counted() -> None:
    """One object with a count, not many objects."""
    api = FakeApi()
    async with api.client() as client:
        events = Events(client, "node")
        for _ in range(3):
            events.normal(pod(), "Started", "again")
        events.normal(pod(), "Killing", "again")
        await sent(api, events, 4)
    counts = sorted(one["count"] for one in api.objects.values())
    assert counts == [1, 3]


async def test_an_event_that_is_refused_is_forgotten() -> None:
    """The next one goes its way."""
    api = FakeApi()
    api.refuse_with = 403
    async with api.client() as client:
        events = Events(client, "node")
        events.normal(pod(), "Started", "one")
        await sent(api, events, 1)
        api.refuse_with = None
        events.normal(pod(), "Started", "two")
        await sent(api, events, 2)
    assert [one["message"] for one in api.events] == ["two"]


async def test_a_flood_of_events_is_bounded() -> None:
    """More than the queue holds are dropped, not kept."""
    api = FakeApi()
    async with api.client() as client:
        events = Events(client, "node")
        for number in range(2500):
            events.normal(pod(), "Started", str(number))
        await sent(api, events, 2000)
        events.normal(pod(), "Started", "last")
        await sent(api, events, 2001)
    assert (len(api.events), api.events[-1]["message"]) == (2001, "last")
