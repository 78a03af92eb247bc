"""Epochs only rise, what is acknowledged stays so, and zero is observed, never assumed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from perennial_operator.api.routing_intent import (
    WEIGHT_SUM,
    Arm,
    ModelState,
    RevisionCounters,
    RouterState,
    RoutingIntent,
)
from perennial_operator.api.status.model_deployment import (
    Acknowledged,
    Intent,
    ModelDeploymentStatus,
    Revisions,
    RolloutStatus,
    Weights,
)
from perennial_operator.plan.rollout import traffic
from perennial_operator.plan.rollout.states import Stage, State
from perennial_operator.plan.rollout.traffic import Routers
from perennial_operator.plan.snapshot import Child, Missing, Reading, RevisionTraffic, Traffic
from perennial_operator.testing import NOON, Rollout

LONG_AGO = "2026-01-05T11:00:00Z"


def routers(
    *epochs: int, expected: int | None = None, weights: dict[str, int] | None = None
) -> Routers:
    """Return router Pods that run these epochs (0: none of this model)."""
    states = tuple(
        RouterState(
            f"router-{number}",
            "1",
            LONG_AGO,
            "1",
            models={
                "churn": ModelState(
                    epoch, acknowledged=True, since="", weights=weights or {}, endpoints={}
                )
            }
            if epoch
            else {},
        )
        for number, epoch in enumerate(epochs)
    )
    wanted = len(epochs) if expected is None else expected
    return Routers("churn", Traffic(wanted, states, {}))


def status(epoch: int = 2, *, acknowledged: int = 2, candidate: int = 0) -> ModelDeploymentStatus:
    """Return a status with weights."""
    return ModelDeploymentStatus(
        revisions=Revisions(stable="a", candidate="b"),
        rollout=RolloutStatus(
            state=State.CANARY.value,
            intent=Intent(epoch, Weights(WEIGHT_SUM - candidate, candidate), LONG_AGO),
            acknowledged=Acknowledged(acknowledged, "1/1", LONG_AGO),
        ),
    )


@pytest.mark.parametrize(
    ("seen", "epoch"),
    [
        (routers(2, 2), 2),
        (routers(3, 2), 2),
        (routers(2, 1), 1),
        (routers(2, 0), 1),
        (routers(2, expected=2), 1),
        (routers(expected=0), 1),
        (routers(9, 9), 2),
    ],
    ids=["all", "one ahead", "one behind", "one without", "one silent", "none", "from before"],
)
def test_an_epoch_is_acknowledged_when_every_router_runs_it(seen: Routers, epoch: int) -> None:
    """The newest that all run, at most what was asked; what was acknowledged stays."""
    found = traffic.acknowledge(status(acknowledged=1), seen, NOON)
    assert found.rollout.acknowledged.epoch == epoch


def test_what_is_not_known_changes_nothing() -> None:
    """Unread routers, or no weights asked: the status stays."""
    unread = Routers("churn", None)
    assert traffic.acknowledge(status(), unread, NOON) == status()
    assert traffic.acknowledge(status(0), routers(2), NOON) == status(0)
    assert (unread.is_complete, unread.is_missing, unread.states) == (False, False, ())
    assert (unread.of("a"), unread.newest_common_epoch()) == (None, 0)


def test_an_old_reading_counts_as_missing() -> None:
    """Half a minute is the limit."""
    view = Rollout().serve().view()
    seen = view.seen
    assert traffic.routers(seen, view.now).traffic is not None
    assert traffic.routers(seen, view.now + timedelta(minutes=1)).traffic is None
    assert traffic.routers(replace(seen, traffic=Missing("NotRead")), view.now).traffic is None
    assert isinstance(seen.traffic, Reading)


def counted(quiet: int | None, **counters: int) -> Routers:
    """Return one router that runs epoch 2 and counted this of revision b."""
    since = NOON - timedelta(seconds=quiet) if quiet is not None else None
    found = routers(2, weights={"a": WEIGHT_SUM})
    assert found.traffic is not None
    numbers = RevisionTraffic(RevisionCounters(**counters), since)
    return replace(found, traffic=replace(found.traffic, revisions={"b": numbers}))


@pytest.mark.parametrize(
    ("seen", "status_", "is_zero"),
    [
        (counted(30, first=9), status(), True),
        (counted(29, first=9), status(), False),
        (counted(None, first=9), status(), False),
        (counted(None), status(), True),
        (counted(30, first=9, active=1), status(), False),
        (counted(30, first=9), status(3), False),
        (routers(2, 2, expected=3), status(), False),
        (routers(2, weights={"b": 1}), status(), False),
        (Routers("churn", None), status(), False),
        (Routers("churn", None), status(0), True),
    ],
    ids=[
        "quiet",
        "just quiet",
        "still moving",
        "never any",
        "running",
        "not acknowledged",
        "a router is silent",
        "has weight",
        "unread",
        "never routed",
    ],
)
def test_zero_is_observed_at_every_router(
    seen: Routers, status_: ModelDeploymentStatus, *, is_zero: bool
) -> None:
    """No weight, nothing running, nothing new for half a minute."""
    assert traffic.is_observed_zero("b", status_, seen, now=NOON) is is_zero


def test_an_intent_follows_from_status_alone() -> None:
    """Arms sum up; the candidate is named while it has weight or loses it; warm ones stay."""
    seen = Rollout().cluster.snapshot()

    def arms(state: State, stage: str = "", *, weight: int = 0) -> list[tuple[str, int]]:
        now = status(candidate=weight)
        rollout = replace(now.rollout, state=state.value, stage=stage)
        found = traffic.routing_intent(seen, replace(now, rollout=rollout))
        assert found is not None
        return [(arm.revision, arm.weight) for arm in found.arms]

    assert arms(State.PREPARING) == [("a", 10_000)]
    assert arms(State.CANARY, weight=1000) == [("a", 9000), ("b", 1000)]
    assert arms(State.ROLLING_BACK, Stage.OBSERVED_ZERO) == [("a", 10_000), ("b", 0)]
    assert arms(State.ROLLING_BACK, Stage.DRAIN) == [("a", 10_000)]
    warm = Revisions(stable="a", previous="z", previous_until=LONG_AGO)
    found = traffic.routing_intent(seen, replace(status(), revisions=warm))
    assert found is not None
    assert found.keep == ("z",)


def test_without_stable_the_first_revision_is_the_only_arm() -> None:
    """Nothing is told before it may have traffic."""
    seen = Rollout().cluster.snapshot()
    first = replace(status(candidate=WEIGHT_SUM), revisions=Revisions(candidate="b"))
    found = traffic.routing_intent(seen, first)
    assert found is not None
    assert found.arms == (Arm("stable", "b", WEIGHT_SUM),)
    assert traffic.routing_intent(seen, replace(status(), revisions=Revisions())) is None


def told(epoch: int, *arms: Arm) -> RoutingIntent:
    """Return an intent of this epoch."""
    return RoutingIntent("churn", "uid-100", epoch, arms or (Arm("stable", "a", WEIGHT_SUM),))


@pytest.mark.parametrize(
    ("before", "epoch"),
    [
        (told(2), 2),
        (told(2, Arm("stable", "x", WEIGHT_SUM)), 3),
        (told(7), 8),
        (None, 3),
    ],
    ids=["told", "told otherwise", "told later", "never told"],
)
def test_an_epoch_rises_with_everything_that_is_told(
    before: RoutingIntent | None, epoch: int
) -> None:
    """Also after a status was lost or restored: above what routers know."""
    seen = Rollout().cluster.snapshot()
    found = traffic.with_epoch(status(), before, seen=seen, now=NOON)
    assert found.rollout.intent.epoch == epoch
    nothing = replace(status(), revisions=Revisions())
    assert traffic.with_epoch(nothing, before, seen=seen, now=NOON) == nothing


def test_after_a_crash_the_status_is_what_routers_are_about_to_know() -> None:
    """An intent that was not written yet does not raise the epoch again."""
    seen = Rollout().cluster.snapshot()
    ahead = traffic.routing_intent(seen, status())
    assert traffic.expected_intent(status(), told(1), seen=seen) == ahead
    assert traffic.expected_intent(status(), None, seen=seen) == ahead
    assert traffic.expected_intent(status(), told(2), seen=seen) == told(2)


@pytest.mark.parametrize("data", [{}, {"intent.json": "no"}, {"intent.json": "[]"}])
def test_an_intent_that_cannot_be_read_is_none(data: dict[str, str]) -> None:
    """Somebody edited the ConfigMap: it is written anew."""
    assert traffic.live_intent(Child("ConfigMap", "x", "1", "1", {"data": data})) is None
    assert traffic.live_intent(None) is None


def test_what_was_written_can_be_read() -> None:
    """The live intent is the one that status asks for."""
    rollout = Rollout().serve()
    view = rollout.view()
    child = next(each for each in view.seen.children if each.kind == "ConfigMap")
    assert traffic.live_intent(child) == traffic.routing_intent(view.seen, view.status)
