"""Two worlds that play one script: the simulated one of `testing`, and a real API server.

A view is what must be the same in both: statuses, routing intents, and children with all that was
intended of them. Names that a server makes up are replaced by what they stand for.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepped_world import Name, SteppedWorld, name_of, workload_of

from perennial_operator.api import names
from perennial_operator.apply import intents
from perennial_operator.cluster import kinds
from perennial_operator.loop import dispatch
from perennial_operator.plan.actions import Event, Plan
from perennial_operator.plan.snapshot import MODEL, ROUTER, RUN, Key
from perennial_operator.testing import NAMESPACE, FakeCluster, Simulation
from perennial_sandbox.sandbox import Running

Document = dict[str, Any]
PATIENCE_TICKS = 60
OURS = frozenset(kind.kind for kind in kinds.OURS)
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
JOB_FIELDS = ("active", "succeeded", "failed", "startTime", "completionTime")
SERVER_S = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
ABSENT = "(absent)"


@dataclass(frozen=True)
class View:
    """What a test compares."""

    statuses: Document
    intents: Document
    children: Document
    workloads: Document
    events: list[str]


class Meanings:
    """What the names stand for that a world makes up; also those of objects that are gone."""

    def __init__(self, namespace: str) -> None:
        """Know the namespace alone."""
        self._known = {
            f'"namespace": "{namespace}"': '"namespace": "<namespace>"',
            f".{namespace}.svc": ".<namespace>.svc",
            f" {namespace}/": " <namespace>/",
        }
        self._pods: Counter[Name] = Counter()

    def learn(self, live: Iterable[Document]) -> None:
        """Take new objects; Pods of one workload are told apart by their order."""
        fresh = [each for each in live if each["metadata"]["uid"] not in self._known]
        for each in sorted(fresh, key=name_of):
            shown = "/".join(name_of(each))
            if each["kind"] == "Pod":
                workload = workload_of(each)
                shown = f"Pod {self._pods[workload]} of {'/'.join(workload)}"
                self._pods[workload] += 1
                self._known[each["metadata"]["name"]] = f"<{shown}>"
            self._known[each["metadata"]["uid"]] = f"<uid of {shown}>"

    def put_into(self, text: str) -> str:
        """Return a text with what its names stand for; the longest name first."""
        for made_up in sorted(self._known, key=len, reverse=True):
            text = text.replace(made_up, self._known[made_up])
        return text


class Worlds:
    """Both worlds, moved together; they are compared after every tick."""

    def __init__(self, running: Running) -> None:
        """Begin with two empty namespaces and one simulation that says what happens in both."""
        self.fake = FakeCluster()
        self.play: Simulation = self.fake.simulation
        self.real = SteppedWorld(running, self.play)
        self.ticks = 0
        self._meanings = Meanings(NAMESPACE), Meanings(self.real.namespace)
        self._keys: list[tuple[str, str]] = [(ROUTER, "")]

    async def put(self, document: Document) -> None:
        """Let a user create or edit an object."""
        kind, name = name_of(document)
        self.fake.put(document)
        self.real.put(document)
        self.real.look()
        of = {names.MODEL_DEPLOYMENT: MODEL, names.RETRAIN_JOB: RUN}.get(kind)
        if of and (of, name) not in self._keys:
            self._keys.insert(0, (of, name))

    async def remove(self, kind: str, name: str) -> None:
        """Let a user delete an object."""
        self.fake.remove(kind, name)
        self.real.remove(kind, name)
        self._keys = [each for each in self._keys if each[1] != name]
        await self._advance(1.0)

    async def lose_status(self, kind: str, name: str) -> None:
        """Let a root lose its status."""
        of = MODEL if kind == names.MODEL_DEPLOYMENT else RUN
        self.fake.carry_out(Plan(status={}), Key(of, NAMESPACE, name))
        self.real.lose_status(kind, name)
        self.real.look()

    async def tick(self, times: int = 1, *, seconds: float = 1.0) -> None:
        """Plan for every key, carry it out, let time pass; so often."""
        for _ in range(times):
            for key in self.keys(NAMESPACE):
                plan = dispatch.decide(self.fake.snapshot(key), self.fake.now)
                self.fake.carry_out(plan, key)
            await self.real.run(self.keys(self.real.namespace))
            await self._advance(seconds)

    async def until(self, kind: str, name: str, *, seconds: float = 5.0, **fields: str) -> Document:
        """Tick until the status (or its rollout) has these fields; return the status."""
        for _ in range(PATIENCE_TICKS):
            status = self.status(kind, name)
            seen = {**status, **status.get("rollout", {})}
            if all(seen.get(field) == value for field, value in fields.items()):
                return status
            await self.tick(seconds=seconds)
        message = f"{kind} {name} never had {fields}: {self.status(kind, name)}"
        raise AssertionError(message)

    def status(self, kind: str, name: str) -> Document:
        """Return the status of an object, which is the same in both."""
        document = self.fake.document(kind, name)
        assert document is not None
        return document.get("status") or {}

    def keys(self, namespace: str) -> list[Key]:
        """Return the keys in the order of their passes."""
        return [Key(kind, namespace, name) for kind, name in self._keys]

    def compare(self) -> None:
        """Fail with every path at which the worlds differ."""
        simulated, real = self._simulated(), self._real()
        found = list(differences(vars(simulated), vars(real)))
        assert not found, "\n".join((f"after tick {self.ticks} the worlds differ", *found))

    async def _advance(self, seconds: float) -> None:
        self.ticks += 1
        self.fake.advance(seconds)
        await self.real.advance(seconds)
        assert self.fake.now == self.real.clock.now
        self.compare()

    def _simulated(self) -> View:
        found = [self.fake.document(*name) for name in self._simulated_names()]
        live = [each for each in found if each]
        children = [each for each in live if each["kind"] not in (*OURS, "Pod")]
        return _view(live, children, self.fake.events, meanings=self._meanings[0])

    def _simulated_names(self) -> Iterator[tuple[str, str]]:
        for kind in (*kinds.OURS, *kinds.WATCHED, kinds.SECRET):
            yield from ((kind.kind, name) for name in self.fake.named(kind.kind))

    def _real(self) -> View:
        """Return the view of the server: what was sent, if that is what it holds."""
        live = self.real.live
        children = [each for name, each in live.items() if name[0] not in (*OURS, "Pod")]
        sent = [self.real.cluster.sent[name_of(each)] for each in children]
        for child, wanted in zip(children, sent, strict=True):
            assert intents.contains(child, _stored(wanted)), f"the server changed {wanted}"
        heard = self.real.recorder.heard
        return _view(live.values(), sent, heard, meanings=self._meanings[1])


def differences(
    simulated: Any,  # noqa: ANN401  # JSON of any shape
    real: Any,  # noqa: ANN401  # as above
    path: str = "",
) -> Iterator[str]:
    """Yield a line for each path whose values differ."""
    if isinstance(simulated, dict) and isinstance(real, dict):
        for key in sorted(simulated.keys() | real.keys()):
            pair = simulated.get(key, ABSENT), real.get(key, ABSENT)
            yield from differences(*pair, path=f"{path}/{key}")
    elif isinstance(simulated, list) and isinstance(real, list) and len(simulated) == len(real):
        for number, pair in enumerate(zip(simulated, real, strict=True)):
            yield from differences(*pair, path=f"{path}/{number}")
    elif simulated != real:
        yield f"{path}\n    simulated: {simulated}\n    real:      {real}"


def _view(
    live: Iterable[Document],
    children: Iterable[Document],
    events: Iterable[Event],
    *,
    meanings: "Meanings",
) -> View:
    listed = list(live)
    meanings.learn(listed)
    roots = [each for each in listed if each["kind"] in OURS]
    found = {
        "statuses": {"/".join(name_of(each)): each.get("status") or {} for each in roots},
        "intents": dict(_routing(listed)),
        "children": {"/".join(name_of(each)): _intended(each) for each in children},
        "workloads": dict(_workloads(listed)),
        "events": [f"{each.type} {each.reason}: {each.note}" for each in events],
    }
    return View(**json.loads(meanings.put_into(json.dumps(found))))


def _routing(live: Iterable[Document]) -> Iterator[tuple[str, Document]]:
    for each in live:
        if names.LABEL_ROUTING in (each["metadata"].get("labels") or {}):
            yield each["metadata"]["name"], json.loads(each["data"][names.ROUTING_KEY])


def _workloads(live: Iterable[Document]) -> Iterator[tuple[str, Document]]:
    """Yield what the controllers tell of Deployments and Jobs, as far as planners read it."""
    for each in live:
        status = each.get("status") or {}
        if each["kind"] == "Deployment":
            told = {field: status.get(field) or 0 for field in COUNTS}
            told["observedGeneration"] = status.get("observedGeneration")
        elif each["kind"] == "Job":
            told = {field: status.get(field) or 0 for field in JOB_FIELDS}
            told["conditions"] = [
                {key: found[key] for key in ("type", "status", "reason", "message")}
                for found in status.get("conditions") or ()
            ]
        else:
            continue
        yield "/".join(name_of(each)), told


def _intended(document: Mapping[str, Any]) -> Document:
    """Return what the planner intended: nothing of the server, nothing that says nothing."""
    metadata = {k: v for k, v in document["metadata"].items() if k not in SERVER_S}
    plain = {k: v for k, v in document.items() if k not in ("status", "metadata")}
    stamped = intents.stamped({**plain, "metadata": metadata})
    del stamped["metadata"]["annotations"][names.ANNOTATION_SPEC_HASH]
    return stamped


def _stored(document: Mapping[str, Any]) -> Document:
    """Return a document as the server keeps it: no witness, and texts of a Secret are data."""
    texts = document.get("stringData") or {}
    metadata = {k: v for k, v in document["metadata"].items() if k != "resourceVersion"}
    kept = {k: v for k, v in document.items() if k != "stringData"} | {"metadata": metadata}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {**kept, "data": data} if texts else kept
