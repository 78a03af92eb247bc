"""`FakeCluster` folds plans into objects and lets time pass.

No HTTP, no watches, no conflicts: what depends on the API server is tested on a real one. The
snapshots are built by the code of production, from documents in the shape of the API.
"""

import copy
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from perennial_operator.api import conditions, documents, names
from perennial_operator.api.routing_intent import RevisionCounters, RoutingIntent
from perennial_operator.apply import status
from perennial_operator.loop.store import Store
from perennial_operator.observe import objects, records
from perennial_operator.observe.tally import Tally
from perennial_operator.plan.actions import Action, Answer, Apply, Create, Delete, Event, Plan
from perennial_operator.plan.snapshot import MODEL, RUN, Failure, Key, Options, Reading, Traffic
from perennial_operator.testing import simulation
from perennial_operator.testing.builders import NAMESPACE, NOON, OPTIONS
from perennial_operator.testing.simulation import Simulation

Document = dict[str, Any]
Name = tuple[str, str, str]
Decide = Callable[[Any, datetime], Plan]

KEY_KINDS = {names.MODEL_DEPLOYMENT: MODEL, names.RETRAIN_JOB: RUN}
NO_GENERATION = frozenset({"ConfigMap", "Pod", "Service", "ServiceAccount", "ControllerRevision"})


class FakeCluster:
    """Holds documents of one namespace; calls without a key mean the first root put in."""

    def __init__(self, *roots: Document, now: datetime = NOON, options: Options = OPTIONS) -> None:
        """Start with these roots at `now`."""
        self.now = now
        self.options = options
        self.simulation = Simulation()
        self.events: list[Event] = []
        self.writes = 0
        self._store = Store()
        self._documents: dict[Name, Document] = {}
        self._version = 100
        self._tally = Tally()
        self._counters: dict[str, RevisionCounters] = {}
        self._in_force: dict[str, RoutingIntent] = {}
        self._failures: dict[Key, Failure] = {}
        self._traffic: dict[str, Reading[Traffic]] = {}
        for root in roots:
            self.put(root)

    @property
    def key(self) -> Key:
        """Return the key of the first root."""
        kind, namespace, name = next(each for each in self._documents if each[0] in KEY_KINDS)
        return Key(KEY_KINDS[kind], namespace, name)

    def put(self, document: Mapping[str, Any]) -> None:
        """Create or replace an object as a user would: its status stays."""
        fresh = _plain(document)
        fresh["metadata"] = {"namespace": NAMESPACE, **fresh["metadata"]}
        self._write(self._with_live_status(fresh))

    def remove(self, kind: str, name: str) -> None:
        """Delete an object and what it owns."""
        gone = self._documents.pop((kind, NAMESPACE, name))
        self._version += 1
        gone["metadata"]["resourceVersion"] = str(self._version)
        self._store.remove(records.record(gone))
        uid = gone["metadata"]["uid"]
        for owned in list(self._documents.values()):
            if uid in _owners(owned) and _name(owned) in self._documents:
                self.remove(owned["kind"], owned["metadata"]["name"])

    def document(self, kind: str, name: str) -> Document | None:
        """Return a live object, None if it is absent."""
        return copy.deepcopy(self._documents.get((kind, NAMESPACE, name)))

    def named(self, kind: str) -> tuple[str, ...]:
        """Return the names of the objects of a kind."""
        return tuple(sorted(name for each, _, name in self._documents if each == kind))

    def status(self, key: Key | None = None) -> Document:
        """Return the status of a root."""
        root = self._documents[_root(key or self.key)]
        return copy.deepcopy(root.get("status") or {})

    def fail(self, failure: Failure | None, key: Key | None = None) -> None:
        """Let the next snapshots of a key carry this failure."""
        self._failures.pop(key or self.key, None)
        if failure:
            self._failures[key or self.key] = failure

    def snapshot(self, key: Key | None = None) -> Any:  # noqa: ANN401  # its type follows the key
        """Return what a planner would see now."""
        surroundings = objects.Surroundings(
            options=self.options,
            operator_namespace="perennial-system",
            policies_active=self.simulation.policies_active,
            traffic=self._traffic,
            token_of=lambda uid: f"token-of-{uid}",
        )
        wanted = key or self.key
        return objects.snapshot(
            objects.Look(self._store, wanted, surroundings, self._failures.get(wanted))
        )

    def carry_out(self, plan: Plan, key: Key | None = None) -> None:
        """Fold a plan into the world: status first, then the actions in their order."""
        before = self._version
        if plan.status is not None:
            root = self._documents[_root(key or self.key)]
            self._write({**root, "status": _plain(plan.status)})
        for group in plan.actions:
            for action in group:
                self._act(action)
        self.events.extend(plan.events)
        self.writes += self._version - before

    def tick(self, decide: Decide, key: Key | None = None, *, seconds: float = 1.0) -> Plan:
        """Look, decide, carry out, let time pass; return the plan."""
        plan = decide(self.snapshot(key), self.now)
        self.carry_out(plan, key)
        self.advance(seconds)
        return plan

    def advance(self, seconds: float) -> None:
        """Let time pass; the simulated controllers work once, at its end."""
        self.now += timedelta(seconds=seconds)
        for document in list(self._documents.values()):
            if document["kind"] == "Deployment":
                self._run_deployment(document)
            if document["kind"] == "Job":
                self._run_job(document)
        self._run_routers(seconds)

    def _act(self, action: Action) -> None:
        match action:
            case Apply(object=intent, uid=uid):
                self._apply(_plain(intent), uid)
            case Create(object=intent):
                if _name(intent) not in self._documents:
                    self._write(_plain(intent))
            case Delete(kind=kind, name=name, uid=uid):
                found = self._documents.get((kind, NAMESPACE, name))
                if found and found["metadata"]["uid"] == uid:
                    self.remove(kind, name)
            case Answer(name=name):
                decision = self._documents[names.DECISION, NAMESPACE, name]
                self._write({**decision, "status": status.answered(action, now=self.now)})

    def _apply(self, intent: Document, uid: str) -> None:
        live = self._documents.get(_name(intent))
        if uid and (not live or live["metadata"]["uid"] != uid):
            message = f"the plan names an object that is not there: {_name(intent)}"
            raise AssertionError(message)
        self._write(self._with_live_status(intent))

    def _with_live_status(self, document: Document) -> Document:
        live = self._documents.get(_name(document)) or {}
        return document | ({"status": live["status"]} if "status" in live else {})

    def _write(self, document: Document) -> Document:
        """Store a document; an equal one changes nothing, other spec raises the generation."""
        name = _name(document)
        before = self._documents.get(name)
        known = before["metadata"] if before else self._identity(document["kind"])
        document["metadata"] = document["metadata"] | {
            key: known[key] for key in ("uid", "creationTimestamp", "resourceVersion")
        }
        if "generation" in known:
            is_edited = before is not None and before.get("spec") != document.get("spec")
            document["metadata"]["generation"] = known["generation"] + is_edited
        if before == document:
            return document
        self._version += 1
        document["metadata"]["resourceVersion"] = str(self._version)
        self._documents[name] = document
        self._store.upsert(records.record(document))
        return document

    def _identity(self, kind: str) -> Document:
        generation = {} if kind in NO_GENERATION else {"generation": 1}
        return {
            "uid": f"uid-{self._version}",
            "creationTimestamp": conditions.stamp(self.now),
            "resourceVersion": "",
            **generation,
        }

    def _run_deployment(self, deployment: Document) -> None:
        wanted = simulation.wanted_pods(deployment)
        for pod in self._pods_of(deployment):
            if pod["metadata"]["name"] not in wanted:
                self.remove("Pod", pod["metadata"]["name"])
        for name in wanted:
            if not self.document("Pod", name):
                self._write(simulation.new_pod(deployment, name))
        behavior = self.simulation.pods.get(deployment["metadata"]["name"])
        for number, pod in enumerate(self._pods_of(deployment)):
            self._run_pod(pod, behavior, ip=f"127.10.{len(self._documents) % 250}.{number + 1}")
        state = simulation.deployment_status(deployment, self._pods_of(deployment), now=self.now)
        self._write({**deployment, "status": state})

    def _run_pod(self, pod: Document, behavior: simulation.PodBehavior | None, *, ip: str) -> None:
        created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        age = (self.now - created).total_seconds()
        address = pod["status"].get("podIP") or ip
        if behavior:
            state = simulation.failing_status(pod, behavior, ip=address, now=self.now)
            self._write({**pod, "status": state})
        elif age >= self.simulation.start_seconds and not simulation.is_ready(pod):
            state = simulation.ready_status(pod, ip=address, now=self.now)
            self._write({**pod, "status": state})

    def _run_job(self, job: Document) -> None:
        if (job.get("status") or {}).get("conditions"):
            return
        name = job["metadata"]["name"]
        result = self.simulation.jobs.get(name)
        pods = self._pods_of(job)
        pod = pods[0] if pods else self._write(simulation.new_pod(job, f"{name}-0"))
        if result:
            ended = simulation.finished_pod(pod, result, now=self.now)
            pod = self._write({**pod, "status": ended})
        self._write({**job, "status": simulation.job_status(job, pod, now=self.now)})

    def _run_routers(self, seconds: float) -> None:
        knobs = self.simulation
        alive = simulation.endpoints(self._of_kind("Pod"))
        for model, intent in list(self._in_force.items()):
            self._counters = simulation.counted(
                self._counters,
                intent,
                requests=knobs.requests_per_second.get(model, 0) * seconds,
                errors=knobs.errors,
                alive=alive,
            )
        if knobs.acknowledge:
            self._in_force = {each.model: each for each in self._intents()}
        states = [
            simulation.router_state(
                f"{names.ROUTER}-{number}",
                self._in_force.values(),
                counters=self._counters if number == 0 else {},
                alive=alive,
                now=self.now,
            )
            for number in range(self._ready_routers())
        ]
        traffic = self._tally.take(states, expected=len(states), now=self.now)
        self._traffic = {NAMESPACE: Reading(traffic, self.now)}

    def _ready_routers(self) -> int:
        """Return how many routers answer: those of the namespace, once they are planned too."""
        deployment = self._documents.get(("Deployment", NAMESPACE, names.ROUTER))
        if deployment is None:
            return self.simulation.routers
        return sum(map(simulation.is_ready, self._pods_of(deployment)))

    def _intents(self) -> list[RoutingIntent]:
        return [
            documents.load(RoutingIntent, json.loads(each["data"][names.ROUTING_KEY]))
            for each in self._of_kind("ConfigMap")
            if names.LABEL_ROUTING in (each["metadata"].get("labels") or {})
        ]

    def _of_kind(self, kind: str) -> list[Document]:
        return [each for each in self._documents.values() if each["kind"] == kind]

    def _pods_of(self, owner: Document) -> list[Document]:
        uid = owner["metadata"]["uid"]
        return [each for each in self._of_kind("Pod") if uid in _owners(each)]


def _plain(document: Mapping[str, Any]) -> Document:
    """Return a JSON copy: what could not be sent to a server fails here."""
    return json.loads(json.dumps(document, allow_nan=False))  # type: ignore[no-any-return]  # a mapping stays one


def _name(document: Mapping[str, Any]) -> Name:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", NAMESPACE), metadata["name"]


def _root(key: Key) -> Name:
    kind = names.MODEL_DEPLOYMENT if key.kind == MODEL else names.RETRAIN_JOB
    return kind, key.namespace, key.name


def _owners(document: Document) -> set[str]:
    return {each["uid"] for each in document["metadata"].get("ownerReferences") or ()}
