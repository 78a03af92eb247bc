"""What the agent knows, and which files Envoy is to have for it. Pure; `now` is monotonic.

Order of files: endpoints before clusters before routes when something is added, the reverse when
it goes. A cluster lingers until no route named it for a while and nothing runs on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perennial_operator.api import names
from perennial_operator.router import intents, withdrawal, xds
from perennial_operator.router.acknowledgements import Statistics
from perennial_operator.router.intents import InForce
from perennial_operator.router.withdrawal import Withdrawal
from perennial_operator.router.xds import Endpoint

LINGER_SECONDS = 10.0
DATA_PORT_NAME = "data"


@dataclass(frozen=True, slots=True)
class Lingering:
    """A cluster that no intent names any more; `first` is its counter when last seen moving."""

    since: float
    first: int


@dataclass(frozen=True, slots=True)
class World:
    """Intents in force, endpoints by revision, what was withdrawn, clusters on their way out."""

    namespace: str
    intents: Mapping[str, InForce] = field(default_factory=dict)
    endpoints: Mapping[str, frozenset[Endpoint]] = field(default_factory=dict)
    withdrawals: Mapping[str, Withdrawal] = field(default_factory=dict)
    lingering: Mapping[str, Lingering] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Return the number of endpoints of each revision."""
        return {name: len(found) for name, found in self.endpoints.items()}


def with_config_maps(world: World, config_maps: Iterable[Mapping[str, Any]]) -> World:
    """Return the world after these ConfigMaps (all of them) were read."""
    found: dict[str, InForce] = {}
    for document in config_maps:
        name = document["metadata"]["name"].removesuffix(names.routing_intent_name(""))
        text = (document.get("data") or {}).get(names.ROUTING_KEY, "")
        if accepted := intents.accept(world.intents.get(name), text):
            found[name] = accepted
    return replace(world, intents=found)


def with_pods(world: World, pods: Iterable[Mapping[str, Any]]) -> World:
    """Return the world with the endpoints of these Pods (all of them)."""
    found: dict[str, set[Endpoint]] = {}
    for pod in pods:
        revision = (pod["metadata"].get("labels") or {}).get(names.LABEL_REVISION)
        if revision and (endpoint := _endpoint(pod)):
            found.setdefault(revision, set()).add(endpoint)
    return replace(world, endpoints={name: frozenset(each) for name, each in found.items()})


def tick(world: World, statistics: Statistics, *, now: float) -> World:
    """Return the world after one look at the clock: withdrawals, and clusters that may go."""
    counts = world.counts()
    withdrawals = {
        name: withdrawal.observe(
            world.withdrawals.get(name, Withdrawal()), each.intent, counts, now=now
        )
        for name, each in world.intents.items()
    }
    return replace(world, withdrawals=withdrawals, lingering=_linger(world, statistics, now=now))


def weights(world: World, model: str) -> dict[str, int]:
    """Return the weights in effect of a model."""
    return withdrawal.effective_weights(
        world.intents[model].intent,
        world.withdrawals.get(model, Withdrawal()),
        world.counts(),
    )


def clusters(world: World) -> frozenset[str]:
    """Return the revisions that Envoy is to know: named ones, and those on their way out."""
    return intents.revisions(world.intents) | frozenset(world.lingering)


def routes(world: World) -> tuple[xds.Route, ...]:
    """Return the routes of every model."""
    return tuple(
        xds.Route(each.intent, world.namespace, weights(world, name))
        for name, each in sorted(world.intents.items())
    )


def leaves(world: World, before: World) -> World:
    """Return the world in which clusters that `before` named and no intent names now linger."""
    gone = clusters(before) - intents.revisions(world.intents)
    kept = {name: world.lingering.get(name, Lingering(-1.0, -1)) for name in gone}
    return replace(world, lingering=kept)


def _linger(world: World, statistics: Statistics, *, now: float) -> dict[str, Lingering]:
    kept = {}
    for name, memory in world.lingering.items():
        seen = statistics.counters(name)
        is_still = memory.since >= 0 and seen.active == 0 and seen.first == memory.first
        since = memory.since if is_still else now
        if now - since < LINGER_SECONDS:
            kept[name] = Lingering(since, seen.first)
    return kept


def _endpoint(pod: Mapping[str, Any]) -> Endpoint | None:
    status = pod.get("status") or {}
    is_ready = any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in status.get("conditions") or ()
    )
    if not is_ready or pod["metadata"].get("deletionTimestamp") or not status.get("podIP"):
        return None
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == DATA_PORT_NAME:
                return status["podIP"], port["containerPort"]
    return None
