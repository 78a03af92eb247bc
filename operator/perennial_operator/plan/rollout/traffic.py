"""Weights: what was asked of the routers, what they acknowledge, what they saw.

Status comes first: an epoch rises with every change of what the routers are told, and the
routing intent follows from status alone.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from perennial_operator.api import conditions, names
from perennial_operator.api.documents import load
from perennial_operator.api.routing_intent import (
    WEIGHT_SUM,
    Arm,
    ModelState,
    RevisionCounters,
    RoutingIntent,
)
from perennial_operator.api.status.model_deployment import (
    Acknowledged,
    ModelDeploymentStatus,
    Weights,
)
from perennial_operator.plan.rollout.states import Stage, State
from perennial_operator.plan.snapshot import (
    Child,
    Missing,
    ModelSnapshot,
    Reading,
    RevisionTraffic,
    Traffic,
)

STABLE = "stable"
CANDIDATE = "candidate"
FRESH_SECONDS = 30
QUIET_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Routers:
    """The routers as they are now; `traffic` is None if they were not asked lately."""

    model: str
    traffic: Traffic | None

    @property
    def states(self) -> tuple[ModelState, ...]:
        """Return what each router says of the model."""
        if self.traffic is None:
            return ()
        found = (state.models.get(self.model) for state in self.traffic.states)
        return tuple(state for state in found if state)

    @property
    def is_complete(self) -> bool:
        """Whether every ready router answered, and there is one."""
        return (
            self.traffic is not None
            and self.traffic.expected > 0
            and len(self.traffic.states) == self.traffic.expected
        )

    @property
    def is_missing(self) -> bool:
        """Whether it is known that no router is ready."""
        return self.traffic is not None and self.traffic.expected == 0

    def acknowledging(self, epoch: int) -> int:
        """Return how many routers run this epoch or a later one."""
        return sum(each.acknowledged and each.epoch >= epoch for each in self.states)

    def newest_common_epoch(self) -> int:
        """Return the newest epoch that every router runs, 0 without one."""
        if not self.is_complete or self.traffic is None:
            return 0
        if len(self.states) < self.traffic.expected:
            return 0
        return min(each.epoch * each.acknowledged for each in self.states)

    def of(self, revision: str) -> RevisionTraffic | None:
        """Return the counters of a revision, None if the routers were not asked lately."""
        if self.traffic is None:
            return None
        return self.traffic.revisions.get(revision, RevisionTraffic(RevisionCounters(), None))

    def weight(self, revision: str) -> int:
        """Return the greatest weight that some router gives the revision."""
        return max((each.weights.get(revision, 0) for each in self.states), default=0)

    def has_withdrawn(self, revision: str) -> bool:
        """Whether some router took the revision's weight away for lack of endpoints."""
        return any(revision in each.withdrawn for each in self.states)


def routers(seen: ModelSnapshot, now: datetime) -> Routers:
    """Return the routers by a fresh reading; an old one counts as missing."""
    reading = seen.traffic
    if isinstance(reading, Missing) or not _is_fresh(reading, now):
        return Routers(seen.meta.name, None)
    return Routers(seen.meta.name, reading.value)


def is_acknowledged(status: ModelDeploymentStatus) -> bool:
    """Whether every router runs the weights that were asked last."""
    rollout = status.rollout
    return rollout.intent.epoch > 0 and rollout.acknowledged.epoch >= rollout.intent.epoch


def acknowledge(
    status: ModelDeploymentStatus, seen: Routers, now: datetime
) -> ModelDeploymentStatus:
    """Return the status with the newest epoch that all routers ran; it never falls."""
    rollout = status.rollout
    if seen.traffic is None or rollout.intent.epoch == 0:
        return status
    epoch = min(rollout.intent.epoch, max(rollout.acknowledged.epoch, seen.newest_common_epoch()))
    is_same = epoch == rollout.acknowledged.epoch
    acknowledged = Acknowledged(
        epoch=epoch,
        routers=f"{seen.acknowledging(rollout.intent.epoch)}/{seen.traffic.expected}",
        since=rollout.acknowledged.since if is_same else conditions.stamp(now),
    )
    return replace(status, rollout=replace(rollout, acknowledged=acknowledged))


def is_observed_zero(
    revision: str, status: ModelDeploymentStatus, seen: Routers, *, now: datetime
) -> bool:
    """Whether the revision gets nothing: no weight, no request running, none for a while."""
    intent = status.rollout.intent
    if intent.epoch == 0:
        return True
    counted = seen.of(revision)
    if counted is None or not is_acknowledged(status) or not seen.is_complete:
        return False
    if seen.weight(revision) > 0 or counted.totals.active > 0:
        return False
    since = datetime.fromisoformat(status.rollout.acknowledged.since)
    if counted.totals.first > 0:
        if counted.quiet_since is None:
            return False
        since = max(since, counted.quiet_since)
    return now - since >= timedelta(seconds=QUIET_SECONDS)


def routing_intent(seen: ModelSnapshot, status: ModelDeploymentStatus) -> RoutingIntent | None:
    """Return what the routers are to be told; None as long as nothing can serve."""
    arms = _arms(status)
    if not arms:
        return None
    roles = status.revisions
    keep = (roles.previous,) if roles.previous and roles.previous_until else ()
    return RoutingIntent(
        model=seen.meta.name,
        uid=seen.meta.uid,
        epoch=status.rollout.intent.epoch,
        arms=arms,
        keep=keep,
    )


def live_intent(child: Child | None) -> RoutingIntent | None:
    """Return the intent that the routers were told last, None if there is none to be read."""
    if child is None:
        return None
    try:
        return load(RoutingIntent, json.loads(child.document["data"][names.ROUTING_KEY]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def with_epoch(
    status: ModelDeploymentStatus,
    before: RoutingIntent | None,
    *,
    seen: ModelSnapshot,
    now: datetime,
) -> ModelDeploymentStatus:
    """Return the status with a higher epoch if the routers have to be told another thing."""
    wanted = routing_intent(seen, status)
    if wanted is None or wanted == before:
        return status
    newest = max(wanted.epoch, before.epoch if before else 0)
    intent = replace(status.rollout.intent, epoch=newest + 1, since=conditions.stamp(now))
    return replace(status, rollout=replace(status.rollout, intent=intent))


def expected_intent(
    status: ModelDeploymentStatus, told: RoutingIntent | None, *, seen: ModelSnapshot
) -> RoutingIntent | None:
    """Return what the routers know, or are about to know if status is ahead of them.

    Status is ahead after a crash between its write and the one of the intent.
    """
    if told is None or told.epoch < status.rollout.intent.epoch:
        return routing_intent(seen, status)
    return told


def share(candidate: int) -> Weights:
    """Return the weights with this much for the candidate and the rest for stable."""
    return Weights(stable=WEIGHT_SUM - candidate, candidate=candidate)


def with_weight(status: ModelDeploymentStatus, candidate: int) -> ModelDeploymentStatus:
    """Return the status that asks for this weight of the candidate."""
    intent = replace(status.rollout.intent, weights=share(candidate))
    return replace(status, rollout=replace(status.rollout, intent=intent))


def _is_fresh(reading: Reading[Traffic], now: datetime) -> bool:
    return now - reading.taken_at <= timedelta(seconds=FRESH_SECONDS)


def _arms(status: ModelDeploymentStatus) -> tuple[Arm, ...]:
    roles, rollout = status.revisions, status.rollout
    weight = rollout.intent.weights.candidate
    if not roles.stable:
        return (Arm(STABLE, roles.candidate, WEIGHT_SUM),) if weight and roles.candidate else ()
    stable = Arm(STABLE, roles.stable, WEIGHT_SUM - weight)
    is_leaving = rollout.state == State.ROLLING_BACK and rollout.stage != Stage.DRAIN
    if roles.candidate and (weight or is_leaving):
        return stable, Arm(CANDIDATE, roles.candidate, weight)
    return (stable,)
