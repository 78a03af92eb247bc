"""Every way in leads to the agenda: it knows, and it says what is due."""

import asyncio
from typing import Any

import pytest

from perennial_operator.cluster import kinds
from perennial_operator.cluster.watch import Changes
from perennial_operator.loop.agenda import RESYNC, TIMER, Agenda
from perennial_operator.loop.store import USER
from perennial_operator.loop.work_queue import BACKGROUND, NORMAL, Outcome, Result, WorkQueue
from perennial_operator.observe.records import Record, record
from perennial_operator.plan.snapshot import Key
from perennial_operator.testing import model_deployment

MODEL = Key("md", "default", "churn")
ROUTER = Key("router", "default", "")


class Scene:
    """An agenda with a clock that only the test moves."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0
        self.agenda = Agenda(WorkQueue(workers=8, jitter=lambda: 1.0), monotonic=lambda: self.now)

    async def keys(self) -> list[Key]:
        """Take everything that is due now, or within a second."""
        self.now += 1
        found = []
        while True:
            try:
                async with asyncio.timeout(0.01):
                    found.append((await self.agenda.next()).key)
            except TimeoutError:
                return found


def live(version: int, **metadata: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return the model as the server has it."""
    document = model_deployment()
    known = {"uid": "u", "generation": 1, "resourceVersion": str(version)}
    return {**document, "metadata": {**document["metadata"], **known, **metadata}}


def service(version: int, name: str = "x") -> Record:
    """Return a part of the router."""
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": name,
        "resourceVersion": str(version),
        "labels": {"app.kubernetes.io/component": "router"},
    }
    return record({"apiVersion": "v1", "kind": "Service", "metadata": metadata})


async def test_what_is_seen_becomes_due() -> None:
    """The root and the router of its namespace."""
    scene = Scene()
    scene.agenda.see(live(1))
    assert await scene.keys() == [MODEL, ROUTER]


async def test_children_wait_a_little_for_their_siblings() -> None:
    """A burst is one pass."""
    scene = Scene()
    for number in range(3):
        changes = Changes(kinds.SERVICE, "", upserts=(service(5, str(number)),))
        scene.agenda.take(changes)
    assert scene.agenda.store.get("Service", namespace="default", name="2")
    assert await scene.keys() == [ROUTER]


async def test_a_deletion_makes_the_rest_due() -> None:
    """By event, by list, or because a resync did not find it."""
    scene = Scene()
    scene.agenda.see(live(1))
    await scene.keys()
    scene.agenda.done(MODEL, Result(Outcome.DROPPED))
    scene.agenda.done(ROUTER, Result(Outcome.DROPPED))
    scene.agenda.lose(live(2))
    assert await scene.keys() == [MODEL, ROUTER]


async def test_removals_and_lists_of_a_watch_are_taken() -> None:
    """What a list does not show has vanished."""
    scene = Scene()
    agenda = scene.agenda
    agenda.take(Changes(kinds.SERVICE, "", upserts=(service(1, "a"), service(2, "b"))))
    agenda.take(Changes(kinds.SERVICE, "", removals=(service(3, "a"),)))
    assert [each.name for each in agenda.store] == ["b"]
    agenda.take(Changes(kinds.SERVICE, "", is_whole=True, resource_version=9))
    assert list(agenda.store) == []
    agenda.take_list(kinds.MODEL_DEPLOYMENT, "", items=[live(1)], version="9")
    (root,) = agenda.store
    agenda.bury(root)
    assert list(agenda.store) == []


async def test_our_own_reply_is_known_at_once_and_expected_to_show() -> None:
    """It makes no further pass; Secrets and Events are none of ours to know."""
    scene = Scene()
    scene.agenda.see(live(1))
    await scene.keys()
    scene.agenda.remember({**live(5), "status": {"traffic": "1"}})
    metadata = {"name": "s", "namespace": "a", "uid": "s", "resourceVersion": "9"}
    scene.agenda.remember({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    found = scene.agenda.store.get("ModelDeployment", namespace="default", name="churn")
    assert found
    assert found.resource_version == 5
    assert len(scene.agenda.store) == 1
    assert scene.agenda.echoes.overdue(scene.now + 60) == ("ModelDeployment",)


async def test_a_watch_that_shows_the_write_satisfies_it() -> None:
    """Its event may be newer."""
    scene = Scene()
    scene.agenda.remember(live(5))
    scene.agenda.see(live(7))
    assert scene.agenda.echoes.overdue(60) == ()


async def test_everything_can_be_queued_in_the_background() -> None:
    """At start, and by each resync."""
    scene = Scene()
    scene.agenda.remember(live(1))
    scene.now = 1
    scene.agenda.queue_everything()
    first, second = await scene.agenda.next(), await scene.agenda.next()
    assert {first.key, second.key} == {MODEL, ROUTER}
    assert {first.rank, second.rank} <= {BACKGROUND, NORMAL}


async def test_a_user_s_edit_forgives_earlier_failures() -> None:
    """It is tried at once, and the next failure waits shortly."""
    scene = Scene()
    for _ in range(5):
        scene.agenda.queue(MODEL, source=TIMER)
        await scene.agenda.next()
        scene.agenda.done(MODEL, Result(Outcome.RETRY))
    scene.agenda.queue(MODEL, source=USER)
    await scene.agenda.next()
    scene.agenda.done(MODEL, Result(Outcome.RETRY))
    scene.now = 0.5
    assert (await scene.agenda.next()).key == MODEL


async def test_idle_workers_wake_by_time_and_by_bell() -> None:
    """Whatever comes first."""
    scene = Scene()
    loop = asyncio.get_running_loop()
    agenda = Agenda(WorkQueue(workers=8, jitter=lambda: 1.0), monotonic=loop.time)
    waiting = asyncio.create_task(agenda.next())
    await asyncio.sleep(0)
    agenda.queue(MODEL, source=RESYNC, after=0.01)
    assert (await waiting).key == MODEL
    assert scene.now == 0


@pytest.mark.parametrize("source", [RESYNC, TIMER, USER])
async def test_sources_have_ranks(source: str) -> None:
    """Background for resyncs, normal for the rest."""
    scene = Scene()
    scene.agenda.queue(MODEL, source=source)
    assert (await scene.agenda.next()).rank == (BACKGROUND if source == RESYNC else NORMAL)
