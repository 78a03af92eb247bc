"""Events are few, named by what they say, and best effort."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perennial_operator.apply import events
from perennial_operator.apply.events import Recorder, Regarding, Reporter
from perennial_operator.cluster.answers import Exists, Unexpected
from perennial_operator.errors import Unavailable
from perennial_operator.plan.actions import Event
from perennial_operator.testing import ScriptedCluster

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CHURN = Regarding("ModelDeployment", "a", "churn", "u1")
PROMOTED = Event("Normal", "Promoted", "it serves all traffic")


async def call(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # any call
    """Run a blocking function here."""
    return function(*arguments)


class Scene:
    """A recorder over a scripted cluster."""

    def __init__(self) -> None:
        """Start it."""
        self.cluster = ScriptedCluster()
        self.recorder = Recorder(self.cluster, call=call, reporter=Reporter("pod"))

    async def send(self, *said: Event, now: datetime = NOON) -> None:
        """Record Events and let them be sent."""
        for event in said:
            self.recorder.record(event, CHURN, now=now)
        task = asyncio.create_task(self.recorder.run())
        for _ in range(len(said) * 4 + 4):
            await asyncio.sleep(0)
        task.cancel()

    @property
    def verbs(self) -> list[str]:
        """Return what was asked."""
        return [verb for verb, _, _ in self.cluster.calls]


def test_an_event_says_who_and_what() -> None:
    """In the shape of events.k8s.io."""
    made = events.document(PROMOTED, CHURN, reporter=Reporter("pod"), now=NOON)
    name = made["metadata"].pop("name")
    assert name.startswith("churn.")
    assert made == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "a"},
        "eventTime": "2026-01-05T12:00:00.000000Z",
        "type": "Normal",
        "reason": "Promoted",
        "note": "it serves all traffic",
        "action": "Promoted",
        "regarding": {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "ModelDeployment",
            "namespace": "a",
            "name": "churn",
            "uid": "u1",
        },
        "reportingController": "perennial.dev/operator",
        "reportingInstance": "pod",
    }


def test_long_notes_are_cut_at_a_whole_letter() -> None:
    """The API takes 1,024 bytes."""
    long = Event("Normal", "X", "é" * 2_000)
    note = events.document(long, CHURN, reporter=Reporter("pod"), now=NOON)["note"]
    assert note == "é" * 512


def test_equal_words_have_equal_names_for_ten_minutes() -> None:
    """Other words, another object or a later bucket have others."""
    name = events.name(PROMOTED, CHURN, now=NOON)
    assert events.name(PROMOTED, CHURN, now=NOON + timedelta(seconds=599)) == name
    others = {
        events.name(PROMOTED, CHURN, now=NOON + timedelta(seconds=600)),
        events.name(Event("Normal", "Promoted", "other"), CHURN, now=NOON),
        events.name(PROMOTED, Regarding("ModelDeployment", "a", "churn", "u2"), now=NOON),
    }
    assert name not in others
    assert len(others) == 3


async def test_an_event_is_created() -> None:
    """Once; the same again before it was sent is the same Event."""
    scene = Scene()
    await scene.send(PROMOTED, PROMOTED)
    assert scene.verbs == ["create"]


async def test_a_repeat_lengthens_the_series_at_most_every_five_minutes() -> None:
    """Repeats in between are counted all the same."""
    scene = Scene()
    await scene.send(PROMOTED)
    for seconds in (1, 2, 302):
        scene.cluster.fail("create", Exists("taken"))
        await scene.send(PROMOTED, now=NOON + timedelta(seconds=seconds))
    assert scene.verbs == ["create", "create", "patch", "create", "create", "patch"]
    counts = [sent["series"]["count"] for sent in scene.cluster.sent if "series" in sent]
    assert counts == [2, 4]


@pytest.mark.parametrize("verb", ["create", "patch"])
@pytest.mark.parametrize("error", [Unavailable("away"), Unexpected("400: bad")])
async def test_a_failed_event_is_dropped(verb: str, error: Exception) -> None:
    """The next one is sent all the same, even if our own Event was at fault."""
    scene = Scene()
    if verb == "patch":
        scene.cluster.fail("create", Exists("taken"))
    scene.cluster.fail(verb, error)
    await scene.send(PROMOTED, Event("Normal", "Other", "words"))
    assert scene.verbs[-1] == "create"
    assert [sent["reason"] for sent in scene.cluster.sent] == ["Other"]


async def test_an_object_that_says_too_much_is_cut_off() -> None:
    """Ten at once, then one in thirty seconds."""
    scene = Scene()
    await scene.send(*(Event("Normal", "Noise", str(number)) for number in range(15)))
    assert len(scene.cluster.sent) == 10
    await scene.send(Event("Normal", "Noise", "later"), now=NOON + timedelta(seconds=30))
    assert len(scene.cluster.sent) == 11


async def test_a_full_queue_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest Events matter most; memory of objects is bounded as well."""
    monkeypatch.setattr(events, "QUEUE_LENGTH", 2)
    monkeypatch.setattr(events, "REMEMBERED_OBJECTS", 1)
    scene = Scene()
    for number in range(3):
        regarding = Regarding("ModelDeployment", "a", f"m{number}", f"u{number}")
        scene.recorder.record(PROMOTED, regarding, now=NOON)
    await scene.send()
    assert [sent["regarding"]["name"] for sent in scene.cluster.sent] == ["m1", "m2"]
