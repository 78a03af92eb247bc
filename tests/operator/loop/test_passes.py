"""A pass ends in one of few ways, and its failure is what the next one sees."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from perennial_operator.api import names
from perennial_operator.apply.events import Recorder, Reporter
from perennial_operator.apply.writer import Writer
from perennial_operator.cluster.answers import Gone, Stale
from perennial_operator.errors import Invalid, Unavailable
from perennial_operator.loop.passes import Ended, Passes
from perennial_operator.loop.store import Store
from perennial_operator.loop.work_queue import BACKGROUND, NORMAL, Outcome, Result
from perennial_operator.observe.objects import Surroundings
from perennial_operator.observe.records import record
from perennial_operator.plan.actions import Apply, Plan
from perennial_operator.plan.snapshot import Failure, Key, Snapshot
from perennial_operator.testing import (
    NOON,
    OPTIONS,
    ScriptedCluster,
    decision,
    model_deployment,
)

KEY = Key("md", "default", "churn")
ROUTER = Key("router", "default", "")
REPLAN = 555.0
AT_REST = Result(Outcome.DONE, REPLAN, BACKGROUND)
STEP = Result(Outcome.DONE, 1.0)


async def call(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # any call
    """Run a blocking function here."""
    return function(*arguments)


class SilentRecorder(Recorder):
    """Keeps what was said."""

    def __init__(self) -> None:
        """Start silent."""
        super().__init__(ScriptedCluster(), call=call, reporter=Reporter("pod"))
        self.said: list[str] = []

    def record(self, event: Any, regarding: Any, *, now: datetime) -> None:  # noqa: ANN401  # as in Recorder
        """Keep the reason."""
        del regarding, now
        self.said.append(event.reason)


def live(document: dict[str, Any], **metadata: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return a document as the server has it."""
    known = {"uid": "u", "generation": 1, "resourceVersion": "7"}
    return {**document, "metadata": {**document["metadata"], **known, **metadata}}


class Scene:
    """Passes over a store with one model; the plan and the failure are what a test says."""

    def __init__(self, *, is_known: bool = True) -> None:
        """Let the model be live, and known to the store."""
        self.store = Store()
        self.cluster = ScriptedCluster(live(model_deployment()))
        if is_known:
            self.store.upsert(record(live(model_deployment())))
        self.plan = Plan()
        self.remembered: list[dict[str, Any]] = []
        self.seen: list[Failure | None] = []
        self.now = NOON
        self.recorder = SilentRecorder()
        self.passes = Passes(
            self.store,
            Writer(
                cluster=self.cluster,
                call=call,
                remember=self.remembered.append,
                recorder=self.recorder,
            ),
            decide=self.decide,
            surroundings=lambda: Surroundings(OPTIONS),
            replan_seconds=lambda: REPLAN,
        )

    def decide(self, seen: Snapshot, now: datetime) -> Plan:
        """Return the plan of the test; remember the failure."""
        assert now == self.now
        self.seen.append(getattr(seen, "last_failure", None))
        return self.plan

    async def run(self, key: Key = KEY, *, later: float = 0) -> Ended:
        """Run a pass."""
        self.now += timedelta(seconds=later)
        return await self.passes.run(key, now=self.now)


def applied(**plan: Any) -> Plan:  # noqa: ANN401  # fields of Plan
    """Return a plan with one action."""
    metadata = {
        "name": "x",
        "namespace": "default",
        "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_ROOT_UID: "u"},
    }
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    return Plan(actions=((Apply(document),),), **plan)


async def test_nothing_to_do_is_a_noop() -> None:
    """The key is planned again in its turn."""
    assert await Scene().run() == Ended("noop", AT_REST, uid="u", generation=1)


async def test_a_plan_may_ask_for_the_next_look() -> None:
    """Then it comes at normal rank."""
    scene = Scene()
    scene.plan = Plan(look_again_seconds=30)
    assert (await scene.run()).result == Result(Outcome.DONE, 30, NORMAL)


@pytest.mark.parametrize(("asked", "seconds"), [(None, 1.0), (30, 1.0), (0.5, 0.5)])
async def test_after_a_write_the_next_step_comes_soon(asked: float | None, seconds: float) -> None:
    """The next pass takes it, or finds that there is none."""
    scene = Scene()
    scene.plan = applied(look_again_seconds=asked)
    assert await scene.run() == Ended("changed", Result(Outcome.DONE, seconds), "", "u", 1)


async def test_a_router_has_no_identity_of_its_own() -> None:
    """It is planned like the others."""
    assert await Scene().run(ROUTER) == Ended("noop", AT_REST)


async def test_stale_is_looked_at_again_at_once() -> None:
    """It is no failure."""
    scene = Scene()
    scene.plan = applied()
    scene.cluster.fail("apply", Stale("old"))
    ended = await scene.run()
    assert (ended.word, ended.result, ended.detail) == ("stale", Result(Outcome.AGAIN), "old")
    await scene.run()
    assert scene.seen == [None, None]


async def test_gone_is_dropped() -> None:
    """Nothing can be written there any more."""
    scene = Scene()
    scene.plan = applied()
    scene.cluster.fail("apply", Gone("terminating"))
    ended = await scene.run()
    assert (ended.word, ended.result) == ("gone", Result(Outcome.DROPPED))


async def test_an_unavailable_cluster_is_counted() -> None:
    """The next pass sees how often in a row; its wish for time is passed on."""
    scene = Scene()
    scene.plan = applied()
    for seconds in (None, 9.0):
        scene.cluster.fail("apply", Unavailable("away", retry_after_seconds=seconds))
    first, second = await scene.run(), await scene.run()
    assert (first.word, first.detail) == ("unavailable", "Unavailable: away")
    assert second.result == Result(Outcome.RETRY, 9.0)
    await scene.run()
    assert scene.seen[1:] == [
        Failure("Unavailable", "away", is_invalid=False),
        Failure("Unavailable", "away", is_invalid=False, in_a_row=2),
    ]


async def test_an_invalid_child_is_told_once_and_seen_by_the_next_pass() -> None:
    """One Event for one cause."""
    scene = Scene()
    scene.plan = applied()
    scene.cluster.fail("apply", *(Invalid("ChildRejected", "no") for _ in range(2)))
    ended = [await scene.run() for _ in range(3)]
    assert [each.word for each in ended] == ["invalid", "invalid", "changed"]
    assert scene.recorder.said == ["ChildRejected"]
    assert scene.seen == [
        None,
        Failure("ChildRejected", "no", is_invalid=True),
        Failure("ChildRejected", "no", is_invalid=True, in_a_row=2),
    ]


async def test_a_success_of_the_actions_forgets_the_failure() -> None:
    """And the next look comes soon, so that conditions follow."""
    scene = Scene()
    scene.plan = applied()
    scene.cluster.fail("apply", Invalid("ChildRejected", "no"))
    await scene.run()
    scene.store.upsert(record(dict(await done(scene))))
    ended = await scene.run()
    assert (ended.word, ended.result) == ("changed", STEP)
    await scene.run()
    assert scene.seen[-1] is None


async def done(scene: Scene) -> dict[str, Any]:
    """Return the child as if it had been applied."""
    other = Scene()
    other.plan = scene.plan
    await other.run()
    return other.cluster.live["ConfigMap", "x"]


async def test_leaving_out_what_failed_proves_nothing() -> None:
    """The failure is kept for a minute, then forgotten: conditions do not flap."""
    scene = Scene()
    scene.plan = applied()
    scene.cluster.fail("apply", Invalid("ChildRejected", "no"))
    await scene.run()
    scene.plan = Plan()
    for later in (1, 1, 60, 1):
        await scene.run(later=later)
    assert [each is None for each in scene.seen] == [True, False, False, False, True]


async def test_a_new_generation_starts_without_failure() -> None:
    """The user has changed what was wrong, perhaps."""
    scene = Scene()
    scene.plan = applied()
    scene.cluster.fail("apply", Invalid("ChildRejected", "no"))
    await scene.run()
    edited = live(model_deployment(model="two"), generation=2, resourceVersion="8")
    scene.store.upsert(record(edited))
    await scene.run()
    assert scene.seen == [None, None]


async def test_bugs_are_the_caller_s_and_are_reported() -> None:
    """The Event tells people that it is ours; a router has nobody to tell."""
    scene = Scene()
    scene.cluster.fail("apply", ValueError("bug"))
    scene.plan = applied()
    with pytest.raises(ValueError, match="bug"):
        await scene.run()
    scene.passes.report_bug(KEY, now=NOON)
    scene.passes.report_bug(Key("md", "default", "unknown"), now=NOON)
    assert scene.recorder.said == ["ReconcileBug"]


TARGET = {"kind": names.MODEL_DEPLOYMENT, "name": "churn"}


async def test_a_root_that_is_being_deleted_gets_an_empty_plan() -> None:
    """Its Decisions are answered: what they are about goes."""
    scene = Scene()
    going = live(model_deployment(), deletionTimestamp="now", resourceVersion="8")
    scene.store.upsert(record(going))
    scene.store.upsert(record(live(decision("d", "Abort", target=TARGET), uid="d")))
    assert (await scene.run()).word == "changed"
    (sent,) = scene.cluster.sent
    assert sent["status"]["conditions"][0]["reason"] == "TargetNotFound"
    assert scene.seen == []


async def test_an_absent_root_is_forgotten() -> None:
    """Without Decisions there is nothing to do."""
    assert await Scene(is_known=False).run() == Ended("noop", Result(Outcome.DROPPED))


@pytest.mark.parametrize(
    ("age", "is_live", "word"), [(1, False, "noop"), (9, True, "noop"), (9, False, "changed")]
)
async def test_decisions_about_nothing_are_answered_after_a_live_look(
    age: float,
    is_live: bool,  # noqa: FBT001  # a table
    word: str,
) -> None:
    """The store may be behind, so the server is asked, and not at once."""
    scene = Scene(is_known=False)
    if not is_live:
        scene.cluster.live.clear()
    created = "2026-01-05T12:00:00Z"
    about = live(decision("d", "Abort", target=TARGET), uid="d", creationTimestamp=created)
    scene.store.upsert(record(about))
    ended = await scene.run(later=age)
    assert ended.word == word
    expected = Result(Outcome.DROPPED) if word == "changed" else Result(Outcome.DONE, 5.0)
    assert ended.result == expected
    assert len(scene.cluster.sent) == (word == "changed")
