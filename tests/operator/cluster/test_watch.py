"""Following a kind: list, watch, go on, list again when the history is gone."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from perennial_operator.cluster import kinds
from perennial_operator.cluster.answers import Expired
from perennial_operator.cluster.port import Selection, WatchEvent
from perennial_operator.cluster.watch import Changes, Follower, Followers
from perennial_operator.errors import Unavailable
from perennial_operator.testing import ListedStream, ScriptedCluster, SilentStream


def pod(name: str, version: int) -> dict[str, Any]:
    """Return a Pod of a version."""
    return {"kind": "Pod", "metadata": {"name": name, "resourceVersion": str(version)}}


def event(type_: str, name: str, version: int) -> WatchEvent:
    """Return an event about a Pod."""
    return WatchEvent(type_, pod(name, version))


class Scene:
    """A follower over a scripted cluster; it stops when the last stream is used up."""

    def __init__(self, *streams: Sequence[WatchEvent | Exception], live: list[str]) -> None:
        """Prepare the streams."""
        self.cluster = ScriptedCluster(*(pod(name, 1) for name in live))
        self.seen: list[Changes[str]] = []
        self.follower = Follower(
            self.cluster,
            kinds.POD,
            selection=Selection("a"),
            project=lambda document: document["metadata"]["name"],
            deliver=self.seen.append,
        )
        self.cluster.streams = [ListedStream(each) for each in streams]
        self.cluster.streams.append(Ending(self.follower))

    def run(self) -> "Scene":
        """Run to the end."""
        self.follower.run()
        return self


class Ending(ListedStream):
    """A stream that stops its follower."""

    def __init__(self, follower: Follower[str]) -> None:
        """Know whom to stop."""
        super().__init__([])
        self._follower = follower

    def __iter__(self) -> Iterator[WatchEvent]:
        """Stop, and yield nothing."""
        self._follower.stop()
        return iter(())


def changes(**fields: Any) -> Changes[str]:  # noqa: ANN401  # fields of Changes
    """Return changes of Pods."""
    return Changes(kinds.POD, "a", **fields)


def test_everything_is_listed_and_then_watched() -> None:
    """First the whole, then each change; bookmarks only move the version."""
    stream = [
        event("ADDED", "c", 901),
        event("MODIFIED", "c", 902),
        event("BOOKMARK", "", 950),
        event("DELETED", "a", 960),
    ]
    scene = Scene(stream, live=["a", "b"]).run()
    assert scene.seen == [
        changes(upserts=("a", "b"), is_whole=True, resource_version=900),
        changes(upserts=("c",), resource_version=901),
        changes(upserts=("c",), resource_version=902),
        changes(resource_version=950),
        changes(removals=("a",), resource_version=960),
    ]
    assert scene.follower.is_synced.is_set()


def test_a_stream_that_ended_goes_on_where_it_was() -> None:
    """Nothing is listed twice."""
    scene = Scene([event("ADDED", "c", 901)], [], live=[]).run()
    watched = [call[2] for call in scene.cluster.calls if call[0] == "watch"]
    assert watched == ["900", "901", "901"]
    assert sum(call[0] == "list" for call in scene.cluster.calls) == 1


def test_an_expired_version_lists_again() -> None:
    """The history is gone, so the whole is needed."""
    scene = Scene([event("ADDED", "c", 901), Expired("too old")], live=["a"]).run()
    assert [each.is_whole for each in scene.seen] == [True, False, True]


def test_errors_pause_and_go_on() -> None:
    """A cluster that is away is asked again and again, from where the watch was."""
    scene = Scene([event("ADDED", "c", 901), Unavailable("away")], live=[])
    scene.cluster.fail("list", Unavailable("away"))
    scene.follower.first_pause_seconds = 0.001
    scene.run()
    verbs = [(call[0], call[2]) for call in scene.cluster.calls]
    assert verbs == [("list", ""), ("list", ""), ("watch", "900"), ("watch", "901")]


def test_a_bug_ends_the_thread_and_is_told() -> None:
    """Only the cluster's errors are lived with."""
    ended: list[str] = []
    told = threading.Event()

    def on_end(name: str) -> None:
        ended.append(name)
        told.set()

    scene = Scene(live=["a"])
    follower = Follower(
        scene.cluster,
        kinds.POD,
        selection=Selection(),
        project=lambda document: document["no such field"],
        deliver=scene.seen.append,
    )
    threads = Followers([follower], on_end=on_end)
    caught: list[type[BaseException] | None] = []
    before, threading.excepthook = threading.excepthook, lambda args: caught.append(args.exc_type)
    try:
        threads.start()
        assert told.wait(5)
        threads.stop()
    finally:
        threading.excepthook = before
    assert ended == ["watch-pods-0"]
    assert caught == [KeyError]


def test_silent_streams_are_reopened_and_all_threads_end() -> None:
    """The watchdog ends what says nothing; stopping ends everything, unasked ends are none."""
    ended: list[str] = []
    scene = Scene(live=["a"])
    silent = [SilentStream(), SilentStream()]
    scene.cluster.streams = [*silent]
    threads = Followers([scene.follower], on_end=ended.append, silence_seconds=0.01)
    threads.start()
    assert silent[0].closed.wait(5)
    assert silent[1].closed.wait(5)
    assert threads.is_synced
    threads.reconnect(kinds.POD)
    threads.stop()
    assert ended == []
    assert scene.follower.age_seconds >= 0
