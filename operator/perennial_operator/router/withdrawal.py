"""What the agent may do by itself: move weight away from an arm without endpoints. Pure.

An arm with weight and no endpoint lends its weight to stable at once, since Envoy could only
answer 503; after a second without one it is withdrawn until a higher epoch. Stable without
endpoints lends its weight to arms that have some, until it has one again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from perennial_operator.api.routing_intent import Arm, RoutingIntent

GRACE_SECONDS = 1.0
STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Memory of one model: since when each arm is empty, and which were withdrawn at `epoch`.

    A candidate stays withdrawn until a higher epoch, even if its Pods come back.
    """

    epoch: int = 0
    empty_since: tuple[tuple[str, float], ...] = ()
    latched: tuple[str, ...] = ()


def observe(
    memory: Withdrawal, intent: RoutingIntent, endpoints: Mapping[str, int], *, now: float
) -> Withdrawal:
    """Return the memory after one look at the numbers of endpoints; `now` is monotonic."""
    if intent.epoch != memory.epoch:
        memory = Withdrawal(intent.epoch)
    before = dict(memory.empty_since)
    empty = {
        arm.revision: before.get(arm.revision, now)
        for arm in intent.arms
        if arm.weight > 0 and endpoints.get(arm.revision, 0) == 0
    }
    candidates = {arm.revision for arm in intent.arms if arm.arm != STABLE}
    gone = {name for name, since in empty.items() if now - since >= GRACE_SECONDS}
    latched = set(memory.latched) | (gone & candidates)
    return Withdrawal(intent.epoch, tuple(sorted(empty.items())), tuple(sorted(latched)))


def next_look(memory: Withdrawal, *, now: float) -> float | None:
    """Return the seconds until an empty arm may be withdrawn; None if none waits for that."""
    waits = [since + GRACE_SECONDS - now for _name, since in memory.empty_since]
    return min((wait for wait in waits if wait > 0), default=None)


def effective_weights(
    intent: RoutingIntent, memory: Withdrawal, endpoints: Mapping[str, int]
) -> dict[str, int]:
    """Return the weight of each revision with the shares of empty and withdrawn arms given away.

    Shares go to stable; without a living stable to the arms with weight and endpoints, largest
    first for what does not divide. Nobody alive: the asked weights stay, Envoy answers 503.
    """
    weights = {arm.revision: arm.weight for arm in intent.arms}
    lenders = {*memory.latched, *dict(memory.empty_since)}
    freed = sum(weights[name] for name in lenders)
    heirs = _heirs(intent, memory, endpoints)
    if not freed or not heirs:
        return weights
    for name in lenders:
        weights[name] = 0
    total = sum(arm.weight for arm in heirs) or len(heirs)
    for arm in heirs:
        weights[arm.revision] += freed * (arm.weight or 1) // total
    weights[heirs[0].revision] += sum(arm.weight for arm in intent.arms) - sum(weights.values())
    return weights


def _heirs(
    intent: RoutingIntent, memory: Withdrawal, endpoints: Mapping[str, int]
) -> tuple[Arm, ...]:
    alive = [
        arm
        for arm in intent.arms
        if arm.revision not in memory.latched and endpoints.get(arm.revision, 0) > 0
    ]
    stable = [arm for arm in alive if arm.arm == STABLE]
    weighted = [arm for arm in alive if arm.weight > 0]
    return tuple(stable or sorted(weighted, key=lambda arm: -arm.weight))
