"""Breakers fire on counted harm only, and an advance waits for time, room and evidence."""

from datetime import datetime, timedelta

import pytest

from perennial_operator.api import names, reasons
from perennial_operator.api.routing_intent import RevisionCounters
from perennial_operator.plan.rollout import gates
from perennial_operator.plan.rollout.gates import Action, Evidence
from perennial_operator.plan.rollout.states import State
from perennial_operator.plan.snapshot import (
    ContainerFacts,
    PodFacts,
    RevisionTraffic,
    WindowCounts,
)
from perennial_operator.testing import NOON, Rollout

REVISION = "churn-0123456789"


def traffic(*windows: tuple[int, int, int], until: datetime = NOON) -> RevisionTraffic:
    """Return windows of ten seconds as (requests, 5xx, unreachable), the last ends at `until`."""
    counts = [
        WindowCounts(until - timedelta(seconds=10 * back), 10.0, *window)
        for back, window in enumerate(reversed(windows))
    ]
    return RevisionTraffic(RevisionCounters(), None, tuple(reversed(counts)))


def evidence(**changes: object) -> Evidence:
    """Return evidence against which nothing speaks."""
    calm = {
        "now": NOON,
        "revision": REVISION,
        "pods": (pod(),),
        "subject": traffic((30, 0, 0), (30, 0, 0)),
        "control": traffic((300, 1, 0), (300, 1, 0)),
    }
    return Evidence(**{**calm, **changes})  # type: ignore[arg-type]  # fields of Evidence


def pod(**changes: object) -> PodFacts:
    """Return a ready Pod."""
    calm = {
        "name": "pod",
        "uid": "1",
        "labels": {names.LABEL_REVISION: REVISION},
        "phase": "Running",
        "is_ready": True,
        "ready_since": NOON - timedelta(minutes=5),
    }
    return PodFacts(**{**calm, **changes})  # type: ignore[arg-type]  # fields of PodFacts


def crashed(**changes: object) -> PodFacts:
    """Return a Pod whose predictor ended just now."""
    calm = {"name": "predictor", "exit_code": 1, "restarts": 3, "finished_at": NOON}
    container = ContainerFacts(**{**calm, **changes})  # type: ignore[arg-type]  # fields of it
    return pod(is_ready=False, containers=(container,))


def test_nothing_speaks_against_a_calm_candidate() -> None:
    """No breaker and no gate objects."""
    assert gates.judge((*gates.BREAKERS, *gates.ADVANCE), evidence()) is None


@pytest.mark.parametrize(
    ("subject", "control", "fires"),
    [
        (((10, 6, 0), (10, 6, 0)), ((100, 0, 0), (100, 0, 0)), True),
        (((10, 4, 0), (10, 4, 0)), ((100, 0, 0), (100, 0, 0)), False),
        (((9, 9, 0), (10, 10, 0)), ((100, 0, 0), (100, 0, 0)), False),
        (((10, 6, 0), (10, 6, 0)), ((100, 20, 0), (100, 20, 0)), False),
        (((10, 6, 0), (10, 6, 0)), (), True),
        (((100, 100, 0), (0, 0, 0), (0, 0, 0)), (), False),
    ],
    ids=["half", "less than half", "too few", "stable too", "no control", "long ago"],
)
def test_an_outage_is_half_of_enough_requests_while_stable_is_well(
    subject: tuple[tuple[int, int, int], ...],
    control: tuple[tuple[int, int, int], ...],
    *,
    fires: bool,
) -> None:
    """Two windows, twenty requests, half of them bad, and less than a tenth of stable's."""
    verdict = gates.outage(evidence(subject=traffic(*subject), control=traffic(*control)))
    assert (verdict is not None) is fires
    assert verdict is None or verdict.reason == reasons.BREAKER


@pytest.mark.parametrize(
    ("subject", "control", "fires"),
    [
        (((20, 0, 1),), ((100, 0, 0),), True),
        (((19, 0, 19),), ((100, 0, 0),), False),
        (((40, 0, 1),), ((100, 0, 0),), False),
        (((20, 0, 1),), ((100, 0, 1),), False),
        (((20, 0, 1),), (), True),
    ],
    ids=["a twentieth", "too few", "less", "stable too", "no control"],
)
def test_unreachable_is_a_twentieth_that_never_arrived(
    subject: tuple[tuple[int, int, int], ...],
    control: tuple[tuple[int, int, int], ...],
    *,
    fires: bool,
) -> None:
    """Half a minute of first attempts that the routers could not deliver."""
    verdict = gates.unreachable(evidence(subject=traffic(*subject), control=traffic(*control)))
    assert (verdict is not None) is fires


@pytest.mark.parametrize(
    ("pod_", "fires"),
    [
        (crashed(), True),
        (crashed(restarts=2), False),
        (crashed(restarts=1, waiting_reason="CrashLoopBackOff"), True),
        (crashed(restarts=2, reason="OOMKilled"), True),
        (crashed(restarts=1, reason="OOMKilled"), False),
        (crashed(finished_at=NOON - timedelta(minutes=11)), False),
        (pod(), False),
    ],
    ids=["three", "two", "backing off", "two out of memory", "one", "long ago", "none"],
)
def test_a_crash_loop_is_three_ends_in_ten_minutes(pod_: PodFacts, *, fires: bool) -> None:
    """Or two for lack of memory, or Kubernetes' own back-off."""
    assert (gates.crash_loop(evidence(pods=(pod_,))) is not None) is fires


def test_an_artifact_that_cannot_be_served_is_no_crash() -> None:
    """The result of `fetch` says what is wrong, at its first end."""
    text = (
        '{"v":1,"class":"Invalid","reason":"DigestMismatch","message":"","digest":"",'
        '"bytes":0,"seconds":0,"step":"","payload":{}}'
    )
    seen = evidence(pods=(crashed(name="fetch", is_init=True, exit_code=65, message=text),))

    assert gates.crash_loop(seen) is None
    verdict = gates.refused(seen)
    assert verdict is not None
    assert verdict.reason == reasons.PREPARATION_FAILED
    assert gates.refused(evidence()) is None


def test_a_withdrawn_candidate_goes_back_unless_the_cluster_took_its_pods() -> None:
    """A drained node is not the candidate's fault."""
    assert gates.no_endpoints(evidence(is_withdrawn=True)) is not None
    assert gates.no_endpoints(evidence(is_withdrawn=True, pods=(pod(is_disrupted=True),))) is None
    assert gates.no_endpoints(evidence()) is None


def test_lacking_pods_for_a_minute_is_harm_or_lack_of_room() -> None:
    """Unready Pods are harm; without room the rollout holds."""
    since = NOON - timedelta(seconds=60)
    assert gates.not_ready(evidence(short_since=NOON - timedelta(seconds=59))) is None
    assert gates.not_ready(evidence(short_since=since)) is not None
    assert gates.not_ready(evidence(short_since=since, has_weight=False)) is None

    no_room = evidence(short_since=since, pods=(pod(is_ready=False, unschedulable="0/1 nodes"),))
    assert gates.not_ready(no_room) is None
    verdict = gates.capacity(no_room)
    assert verdict is not None
    assert (verdict.action, verdict.reason) == (Action.HOLD, reasons.CAPACITY_SHORT)


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({"subject": None}, Action.WAIT),
        ({"is_acknowledged": False}, Action.WAIT),
        ({"subject": traffic((5, 0, 0), until=NOON - timedelta(seconds=31))}, Action.WAIT),
        ({"subject": None, "stage_ends_at": NOON - timedelta(seconds=600)}, Action.HOLD),
    ],
)
def test_missing_evidence_never_passes(changes: dict[str, object], action: Action) -> None:
    """Without fresh counters of every router the step waits, and in the end holds."""
    verdict = gates.judge(gates.ADVANCE, evidence(**changes))
    assert verdict is not None
    assert (verdict.action, verdict.reason) == (action, reasons.EVIDENCE_MISSING)


def test_a_step_lasts_at_least_its_dwell() -> None:
    """At the very end of the dwell it still waits: recorded times are cut to seconds."""
    verdict = gates.judge(gates.ADVANCE, evidence(stage_ends_at=NOON))
    assert verdict is not None
    assert verdict.action is Action.WAIT
    later = evidence(stage_ends_at=NOON - timedelta(seconds=1))
    assert gates.judge(gates.ADVANCE, later) is None


def test_windows_of_an_earlier_attempt_are_no_evidence() -> None:
    """Each attempt is judged by its own requests."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    rollout.tick(15)

    found = gates.of_candidate(rollout.view()).subject

    assert found is not None
    begun = datetime.fromisoformat(rollout.status.rollout.started_at)
    assert found.windows
    assert all(each.ended_at - timedelta(seconds=10) >= begun for each in found.windows)


def test_an_unread_router_leaves_no_evidence() -> None:
    """What is not known is None, not zero."""
    rollout = Rollout().serve().change(model="two").until(State.CANARY, "Collect")
    rollout.cluster.now += timedelta(minutes=5)

    found = gates.of_candidate(rollout.view())

    assert (found.subject, found.control, found.is_acknowledged) == (None, None, False)
    assert gates.of_stable(rollout.view()).subject is None
