"""What end-to-end tests of the machine share: a namespace, a small planner, a running machine."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import kopf

from perennial_operator.api import conditions, documents, names
from perennial_operator.api.conditions import Claim
from perennial_operator.cluster import credentials, kinds
from perennial_operator.cluster.kubernetes_client import KubernetesCluster
from perennial_operator.cluster.port import Kind, Selection, pages
from perennial_operator.handlers import host, startup
from perennial_operator.loop.machine import Machine, Setup
from perennial_operator.plan.actions import Answer, Apply, Event, Plan
from perennial_operator.plan.snapshot import ModelSnapshot, Snapshot
from perennial_operator.testing import OPTIONS, model_deployment
from perennial_sandbox.sandbox import Running

Document = dict[str, Any]
NUMBERS = itertools.count(1)


class CountingCluster(KubernetesCluster):
    """Remembers every write that was sent."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # passed on
        """Start at none."""
        super().__init__(*arguments, **options)
        self.writes: list[str] = []

    def apply(self, document: Any, *, manager: str, subresource: str = "") -> Document:  # noqa: ANN401  # as in the port
        """Count an apply."""
        self.writes.append(f"apply {document['kind']} {subresource}".strip())
        return super().apply(document, manager=manager, subresource=subresource)

    def create(self, document: Any) -> Document:  # noqa: ANN401  # as in the port
        """Count a creation."""
        self.writes.append(f"create {document['kind']}")
        return super().create(document)

    def delete(self, kind: Kind, **options: Any) -> None:  # noqa: ANN401  # as in the port
        """Count a deletion."""
        self.writes.append(f"delete {kind.kind}")
        super().delete(kind, **options)


def config_map(
    name: str, *, root: Document | None = None, namespace: str, data: str = "x"
) -> Document:
    """Return a ConfigMap, of a root if one is given."""
    metadata: Document = {"name": name, "namespace": namespace, "labels": {}}
    if root:
        uid = root["metadata"]["uid"]
        metadata["labels"] = {
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_ROOT_KIND: names.MODEL_DEPLOYMENT,
            names.LABEL_ROOT_NAME: root["metadata"]["name"],
            names.LABEL_ROOT_UID: uid,
        }
        owner = {"apiVersion": names.API_VERSION, "kind": root["kind"], "uid": uid}
        owner |= {"name": root["metadata"]["name"], "controller": True}
        metadata["ownerReferences"] = [owner]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": data}}


@dataclass
class Planner:
    """A model's plan: one ConfigMap with its uri, Ready, one Event a generation, all answered."""

    looks: int = 0
    before: list[Callable[[ModelSnapshot], None]] = field(default_factory=list)

    def decide(self, seen: Snapshot, now: datetime) -> Plan:
        """Return the plan; routers and runs are left alone."""
        if not isinstance(seen, ModelSnapshot):
            return Plan()
        self.looks += 1
        for action in self.before:
            action(seen)
        root = {
            "kind": names.MODEL_DEPLOYMENT,
            "metadata": {"name": seen.meta.name, "uid": seen.meta.uid},
        }
        wanted = config_map(
            f"{seen.meta.name}-child",
            root=root,
            namespace=seen.meta.namespace,
            data=seen.spec.model.uri,
        )
        uid = next((c.uid for c in seen.children if c.name == wanted["metadata"]["name"]), "")
        return Plan(
            status=self._status(seen, now),
            actions=((Apply(wanted, uid=uid),), self._answers(seen)),
            events=self._events(seen),
        )

    def _status(self, seen: ModelSnapshot, now: datetime) -> Document:
        claims = [
            Claim("Ready", "True", seen.last_failure.reason if seen.last_failure else "Ready")
        ]
        settled = conditions.settle(
            seen.status.conditions, claims, generation=seen.meta.generation, now=now
        )
        return {
            **documents.dump(seen.status),
            "observedGeneration": seen.meta.generation,
            "conditions": documents.dump(settled),
        }

    def _answers(self, seen: ModelSnapshot) -> tuple[Answer, ...]:
        return tuple(
            Answer(d.name, d.uid, d.resource_version, answer="Accepted", message="done")
            for d in seen.decisions
        )

    def _events(self, seen: ModelSnapshot) -> tuple[Event, ...]:
        if seen.status.observed_generation == seen.meta.generation:
            return ()
        return (Event("Normal", "Serving", f"generation {seen.meta.generation} is served"),)


class MachineStage:
    """A namespace of its own on a control plane with our API installed."""

    def __init__(self, running: Running) -> None:
        """Create the namespace."""
        self.running = running
        self.namespace = f"machine-{next(NUMBERS)}-{uuid.uuid4().hex[:6]}"
        self.credentials = credentials.from_kubeconfig(str(running.kubeconfig))
        self.cluster = CountingCluster(self.credentials)
        namespace = Kind("Namespace", "", "v1", "namespaces", is_namespaced=False)
        request = self.cluster._request("create", "POST", namespace, "/api/v1/namespaces")  # noqa: SLF001  # the operator makes no namespaces
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self.cluster._call(type(request)(request.verb, "POST", namespace, request.path, body=body))  # noqa: SLF001  # as above

    def put(self, document: Document, *, manager: str = "user") -> Document:
        """Apply an object as a user."""
        metadata = {**document["metadata"], "namespace": self.namespace}
        user = KubernetesCluster(self.credentials)
        try:
            return user.apply({**document, "metadata": metadata}, manager=manager)
        finally:
            user.close()

    def model(self, name: str = "churn", *, model: str = "one") -> Document:
        """Apply a ModelDeployment as a user."""
        return self.put(model_deployment(name, model=model))

    def get(self, kind: Kind, name: str) -> Document | None:
        """Return a live object."""
        return self.cluster.get(kind, namespace=self.namespace, name=name)

    def live(self, kind: Kind) -> list[Document]:
        """Return all live objects of a kind."""
        return pages(self.cluster, kind, Selection(self.namespace))[0]

    @asynccontextmanager
    async def machine(self, planner: Planner) -> AsyncIterator[Machine]:
        """Run a machine over this namespace under kopf, as the process does."""
        setup = Setup(
            options=OPTIONS,
            decide=planner.decide,
            token_of=str,
            namespaces=(self.namespace,),
            workers=4,
        )
        machine = Machine(self.cluster, setup)
        await machine.start()
        stop = asyncio.Event()
        operator = asyncio.create_task(
            kopf.operator(
                registry=host.registry(machine, self.credentials),
                settings=startup.settings(),
                standalone=True,
                namespaces=[self.namespace],
                stop_flag=stop,
            )
        )
        try:
            yield machine
        finally:
            stop.set()
            await asyncio.wait_for(operator, 20)


async def until(holds: Callable[[], Any], *, seconds: float = 20) -> Any:  # noqa: ANN401  # what holds
    """Wait until something is true, and return it."""
    async with asyncio.timeout(seconds):
        while not (found := await asyncio.to_thread(holds)):  # noqa: ASYNC110  # the server makes it true
            await asyncio.sleep(0.1)
    return found


def is_ready(stage: MachineStage, name: str = "churn") -> Callable[[], bool]:
    """Return a check that the current generation is judged and its child fits."""

    def check() -> bool:
        root = stage.get(kinds.MODEL_DEPLOYMENT, name)
        child = stage.get(kinds.CONFIG_MAP, f"{name}-child")
        if not root or not child:
            return False
        observed = (root.get("status") or {}).get("observedGeneration")
        fits = child["data"]["key"] == root["spec"]["model"]["uri"]
        return bool(observed == root["metadata"]["generation"] and fits)

    return check
