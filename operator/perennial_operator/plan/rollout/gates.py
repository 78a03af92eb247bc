"""What speaks against the candidate, and what an advance waits for.

Reading the tuples is reading the rules: the first objection wins, harm comes before patience.
Missing evidence holds; it never passes, and it is never harm.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from perennial_operator.api import reasons
from perennial_operator.api.documents import durations
from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.plan.rollout import pods, traffic
from perennial_operator.plan.rollout.moves import View
from perennial_operator.plan.rollout.states import EVIDENCE_SECONDS, Stage
from perennial_operator.plan.snapshot import PodFacts, RevisionTraffic, WindowCounts
from perennial_serving.contract.results import Outcome

OUTAGE_REQUESTS = 20
OUTAGE_SHARE = 0.5
OUTAGE_CONTROL_SHARE = 0.1
OUTAGE_WINDOWS = 2
UNREACHABLE_REQUESTS = 20
UNREACHABLE_SHARE = 0.05
UNREACHABLE_CONTROL_SHARE = 0.01
UNREACHABLE_SECONDS = 30
CRASHES = 3
CRASH_SECONDS = 600
OOM_KILLS = 2
SHORT_SECONDS = 60
FRESH_WINDOW_SECONDS = 30


class Action(StrEnum):
    """What an objection asks for."""

    ROLL_BACK = "roll back"
    HOLD = "hold"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An objection, and why."""

    action: Action
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the candidate (or, after the commit, of stable) at one moment.

    `short_since` is since when it has fewer ready Pods than its weight needs. `control` is None
    where no control is left; `subject` is None if the routers were not asked lately.
    """

    now: datetime
    revision: str
    pods: tuple[PodFacts, ...]
    short_since: datetime | None = None
    subject: RevisionTraffic | None = None
    control: RevisionTraffic | None = None
    has_weight: bool = True
    is_withdrawn: bool = False
    is_acknowledged: bool = True
    stage_ends_at: datetime | None = None


Gate = Callable[[Evidence], Verdict | None]


def outage(seen: Evidence) -> Verdict | None:
    """Roll back when half of the candidate's requests fail and stable's do not."""
    windows = _last(seen.subject, OUTAGE_WINDOWS)
    first, bad = _first(windows), sum(each.status_5xx for each in windows)
    if first < OUTAGE_REQUESTS or bad < OUTAGE_SHARE * first:
        return None
    control = _last(seen.control, OUTAGE_WINDOWS)
    control_bad = sum(each.status_5xx for each in control)
    if control and control_bad >= OUTAGE_CONTROL_SHARE * max(_first(control), 1):
        return None
    message = (
        f"Outage: {bad} of {first} requests to {seen.revision} failed in the last windows; "
        "read the predictor's log, publish a model that answers, and point spec.model to it"
    )
    return _harm(message)


def refused(seen: Evidence) -> Verdict | None:
    """Roll back when the artifact itself cannot be served, whatever the cluster does."""
    cause = pods.first_trouble(seen.pods)
    if cause is None or cause.outcome is not Outcome.INVALID:
        return None
    return Verdict(Action.ROLL_BACK, reasons.PREPARATION_FAILED, cause.message)


def crash_loop(seen: Evidence) -> Verdict | None:
    """Roll back when containers of the candidate end again and again."""
    since = seen.now - timedelta(seconds=CRASH_SECONDS)
    crashed = pods.crashes(seen.pods, since)
    if crashed is None:
        return None
    is_looping = (
        crashed.restarts >= CRASHES or crashed.oom_kills >= OOM_KILLS or crashed.is_backing_off
    )
    return _harm(f"CrashLoop: {crashed.message}") if is_looping else None


def unreachable(seen: Evidence) -> Verdict | None:
    """Roll back when routers cannot reach the candidate, and reach stable."""
    windows = _within(seen.subject, seen.now - timedelta(seconds=UNREACHABLE_SECONDS))
    first, lost = _first(windows), sum(each.unreachable for each in windows)
    if first < UNREACHABLE_REQUESTS or lost < UNREACHABLE_SHARE * first:
        return None
    control = _within(seen.control, seen.now - timedelta(seconds=UNREACHABLE_SECONDS))
    control_lost = sum(each.unreachable for each in control)
    if control and control_lost >= UNREACHABLE_CONTROL_SHARE * max(_first(control), 1):
        return None
    message = (
        f"Unreachable: {lost} of {first} requests did not reach {seen.revision}; "
        "look at its Pods and at network policies"
    )
    return _harm(message)


def no_endpoints(seen: Evidence) -> Verdict | None:
    """Roll back when a router withdrew the candidate for lack of ready Pods."""
    if not seen.is_withdrawn or _is_cluster_s_fault(seen.pods):
        return None
    return _harm(f"NoEndpoints: {seen.revision} had no ready Pod; {pods.trouble(seen.pods)}")


def not_ready(seen: Evidence) -> Verdict | None:
    """Roll back when the candidate lacks ready Pods for a minute and the nodes are well."""
    if not _is_short(seen) or _is_cluster_s_fault(seen.pods):
        return None
    return _harm(f"NotReady: {seen.revision} lacks ready Pods; {pods.trouble(seen.pods)}")


def capacity(seen: Evidence) -> Verdict | None:
    """Hold when the cluster, not the candidate, takes Pods away or has no room."""
    if not _is_short(seen):
        return None
    return Verdict(
        Action.HOLD,
        reasons.CAPACITY_SHORT,
        f"{seen.revision} lacks ready Pods; {pods.trouble(seen.pods)}; add room to the cluster",
    )


def evidence(seen: Evidence) -> Verdict | None:
    """Wait for a fresh full window and every router; hold if they stay away."""
    if seen.is_acknowledged and _within(
        seen.subject, seen.now - timedelta(seconds=FRESH_WINDOW_SECONDS)
    ):
        return None
    message = "no complete counters of the routers; look at the Pods of perennial-router"
    limit = timedelta(seconds=EVIDENCE_SECONDS)
    is_late = seen.stage_ends_at is not None and seen.now >= seen.stage_ends_at + limit
    action = Action.HOLD if is_late else Action.WAIT
    return Verdict(action, reasons.EVIDENCE_MISSING, message)


def dwell(seen: Evidence) -> Verdict | None:
    """Wait until the step lasted its time."""
    if seen.stage_ends_at is not None and seen.now <= seen.stage_ends_at:
        return Verdict(Action.WAIT, "Dwell", "the step lasts its time")
    return None


PREPARING: tuple[Gate, ...] = (refused, crash_loop)
BREAKERS: tuple[Gate, ...] = (outage, crash_loop, unreachable, no_endpoints, not_ready)
AFTER_COMMIT: tuple[Gate, ...] = (outage, crash_loop, unreachable)
ADVANCE: tuple[Gate, ...] = (capacity, dwell, evidence)


def judge(gates: Iterable[Gate], seen: Evidence) -> Verdict | None:
    """Return the first objection, None without one."""
    return next((found for gate in gates if (found := gate(seen))), None)


def of_candidate(view: View) -> Evidence:
    """Return what is known of the candidate."""
    rollout, roles = view.rollout, view.roles
    is_controlled = bool(roles.stable) and view.weight < WEIGHT_SUM
    since = rollout.short_since
    return Evidence(
        now=view.now,
        revision=roles.candidate,
        pods=view.pods(roles.candidate),
        short_since=datetime.fromisoformat(since) if since else None,
        subject=_since_start(view, roles.candidate),
        control=_since_start(view, roles.stable) if is_controlled else None,
        has_weight=view.weight > 0,
        is_withdrawn=_is_withdrawn(view),
        is_acknowledged=traffic.is_acknowledged(view.status) and view.routers.is_complete,
        stage_ends_at=_stage_end(view),
    )


def of_stable(view: View) -> Evidence:
    """Return what is known of stable after its promotion."""
    stable = view.roles.stable
    return Evidence(
        now=view.now,
        revision=stable,
        pods=view.pods(stable),
        subject=view.routers.of(stable),
    )


def _harm(message: str) -> Verdict:
    return Verdict(Action.ROLL_BACK, reasons.BREAKER, message)


def _is_short(seen: Evidence) -> bool:
    if not seen.has_weight or seen.short_since is None:
        return False
    return seen.now - seen.short_since >= timedelta(seconds=SHORT_SECONDS)


def _is_cluster_s_fault(found: tuple[PodFacts, ...]) -> bool:
    return any(pod.is_disrupted or pod.unschedulable for pod in found)


def _last(traffic: RevisionTraffic | None, number: int) -> tuple[WindowCounts, ...]:
    return traffic.windows[-number:] if traffic else ()


def _within(traffic: RevisionTraffic | None, since: datetime) -> tuple[WindowCounts, ...]:
    return tuple(each for each in traffic.windows if each.ended_at >= since) if traffic else ()


def _first(windows: Iterable[WindowCounts]) -> int:
    return sum(each.first for each in windows)


def _since_start(view: View, revision: str) -> RevisionTraffic | None:
    """Return the counters without windows of an earlier attempt: each has its own evidence."""
    counted = view.routers.of(revision)
    if counted is None:
        return None
    begun = datetime.fromisoformat(view.rollout.started_at)
    windows = tuple(
        each for each in counted.windows if each.ended_at - timedelta(seconds=each.seconds) >= begun
    )
    return replace(counted, windows=windows)


def _is_withdrawn(view: View) -> bool:
    is_known = view.routers.acknowledging(view.rollout.intent.epoch) > 0
    return is_known and view.routers.has_withdrawn(view.roles.candidate)


def _stage_end(view: View) -> datetime | None:
    rollout = view.rollout
    begun = datetime.fromisoformat(rollout.stage_entered_at)
    if rollout.stage == Stage.COLLECT and rollout.definition:
        return begun + durations.parse(rollout.definition.dwells[rollout.step])
    if rollout.stage == Stage.BAKE:
        return begun + durations.parse(view.seen.spec.rollout.promotion.bake)
    return None
