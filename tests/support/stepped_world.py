"""The real API server, and the machine's own parts over it, moved step by step by a test.

The API server, its admission and its controllers are real; observe, plan and apply are those of
production. The test plays the rest as `Simulation` says: the kubelet of one tainted node writes
the status of Pods, the routers answer the operator, and the clock is the script's: whatever the
server stamps gets the script's time at its first sight.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

import httpx
from machine_stage import MachineStage

from perennial_operator.api import documents, names
from perennial_operator.api.routing_intent import RevisionCounters, RoutingIntent
from perennial_operator.apply.events import Recorder, Regarding, Reporter
from perennial_operator.apply.writer import Writer
from perennial_operator.cluster import kinds
from perennial_operator.cluster.kubernetes_client import KubernetesCluster
from perennial_operator.cluster.port import Kind, Selection, pages
from perennial_operator.loop import dispatch
from perennial_operator.loop.passes import Passes
from perennial_operator.loop.store import Store
from perennial_operator.observe import records, traffic
from perennial_operator.observe.objects import Surroundings
from perennial_operator.observe.traffic import TrafficReader
from perennial_operator.plan.actions import Event
from perennial_operator.plan.manifests import run_objects
from perennial_operator.plan.snapshot import ROUTER, Key, Options, Reading, Traffic
from perennial_operator.testing import NOON, OPTIONS, Simulation, simulation
from perennial_sandbox.sandbox import Running

Document = dict[str, Any]
Name = tuple[str, str]
Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

NAMESPACE = Kind("Namespace", "", "v1", "namespaces", is_namespaced=False)
NODE = Kind("Node", "", "v1", "nodes", is_namespaced=False)
SEEN = (*kinds.OURS, *kinds.WATCHED)
LISTED = (*SEEN, kinds.SECRET)
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SETTLE_SECONDS = 60.0
FORCE = {"fieldManager": "user", "force": "true", "fieldValidation": "Strict"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}


class RecordingCluster(KubernetesCluster):
    """Remembers what it last sent of each child, once the server took it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # passed on
        """Start with nothing."""
        super().__init__(*arguments, **options)
        self.sent: dict[Name, Document] = {}

    def apply(self, document: Any, *, manager: str, subresource: str = "") -> Document:  # noqa: ANN401  # as in the port
        """Apply, and remember a child."""
        reply = super().apply(document, manager=manager, subresource=subresource)
        if not subresource:
            self.sent[name_of(document)] = dict(document)
        return reply

    def create(self, document: Any) -> Document:  # noqa: ANN401  # as in the port
        """Create, and remember it."""
        reply = super().create(document)
        self.sent[name_of(document)] = dict(document)
        return reply


class HeardRecorder(Recorder):
    """Keeps Events instead of sending them: how they are sent is no matter of this world."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        """Start with none."""
        super().__init__(cluster, call=called, reporter=Reporter("test"))
        self.heard: list[Event] = []

    def record(self, event: Event, regarding: Regarding, *, now: datetime) -> None:
        """Keep one."""
        del regarding, now
        self.heard.append(event)


class ScriptClock:
    """The script's time, and the server's stamps in it."""

    def __init__(self) -> None:
        """Begin at noon of a day that is over: the server's stamps are all later."""
        self.now = NOON
        self._begun = wall_clock()
        self._seen: dict[tuple[str, ...], str] = {}

    def read(self, document: Document) -> Document:
        """Return a document with the script's time for each stamp of the server."""
        read: Document = self._read(document, (document["metadata"]["uid"],))
        return read

    def _read(self, value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401  # JSON of any shape
        if isinstance(value, dict):
            return {key: self._read(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self._read(each, (*path, str(n))) for n, each in enumerate(value)]
        if isinstance(value, str) and STAMP.fullmatch(value) and value >= self._begun:
            return self._seen.setdefault((*path, value), f"{self.now:%Y-%m-%dT%H:%M:%SZ}")
        return value


class Routers:
    """Answers the operator's questions for every ready router Pod."""

    def __init__(self, play: Simulation) -> None:
        """Know no intent yet."""
        self.play = play
        self.reader = TrafficReader()
        self._counters: dict[str, RevisionCounters] = {}
        self._in_force: dict[str, RoutingIntent] = {}

    def work(self, intents: list[RoutingIntent], alive: Mapping[str, int], seconds: float) -> None:
        """Spread the requests of this time by the weights in force, then take new intents."""
        for model, intent in self._in_force.items():
            self._counters = simulation.counted(
                self._counters,
                intent,
                requests=self.play.requests_per_second.get(model, 0) * seconds,
                errors=self.play.errors,
                alive=alive,
            )
        if self.play.acknowledge:
            self._in_force = {each.model: each for each in intents}

    def answers(
        self, pods: list[str], alive: Mapping[str, int], now: datetime
    ) -> httpx.MockTransport:
        """Return what the Pods with these addresses say over HTTP; the first one counts."""

        def answer(request: httpx.Request) -> httpx.Response:
            number = pods.index(request.url.host)
            state = simulation.router_state(
                f"{names.ROUTER}-{number}",
                self._in_force.values(),
                counters={} if number else self._counters,
                alive=alive,
                now=now,
            )
            return httpx.Response(200, json=documents.dump(state))

        return httpx.MockTransport(answer)


class SteppedWorld:
    """One namespace of a control plane without a node."""

    def __init__(self, running: Running, play: Simulation, options: Options = OPTIONS) -> None:
        """Create the namespace and the node."""
        self.stage = MachineStage(running)
        self.play = play
        self.clock = ScriptClock()
        self.cluster = RecordingCluster(self.stage.credentials)
        self.recorder = HeardRecorder(self.cluster)
        self.live: dict[Name, Document] = {}
        self._http = httpx.Client(
            base_url=running.server,
            headers={"Authorization": f"Bearer {running.tokens['admin']}"},
            verify=ssl.create_default_context(cafile=str(running.ca_file)),
            trust_env=False,
        )
        self._options = options
        self._store = Store()
        self._routers = Routers(play)
        self._traffic: dict[str, Reading[Traffic]] = {}
        self._passes = self._made_passes()
        self._node = f"node-of-{self.stage.namespace}"
        taint = {"key": "perennial.test/bound-by-hand", "effect": "NoSchedule"}
        self._send(
            "POST", NODE, json={"metadata": {"name": self._node}, "spec": {"taints": [taint]}}
        )

    @property
    def namespace(self) -> str:
        """Return the namespace."""
        return self.stage.namespace

    def close(self) -> None:
        """Let the namespace and the node go."""
        self._send("DELETE", NAMESPACE, name=self.namespace)
        self._send("DELETE", NODE, name=self._node)
        self._http.close()
        self.cluster.close()
        self.stage.cluster.close()

    def put(self, document: Document) -> None:
        """Apply an object as the person whom it names."""
        spec = document["spec"]
        user = spec.get("by") or spec.get("requestedBy") or "admin"
        person = {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
        metadata = {**document["metadata"], "namespace": self.namespace}
        body = json.dumps({**document, "metadata": metadata})
        self._send(
            "PATCH",
            kinds.of(document),
            name=metadata["name"],
            params=FORCE,
            content=body,
            headers=APPLY | person,
        )

    def remove(self, kind: str, name: str) -> None:
        """Delete an object; the garbage collector takes what it owns."""
        self._send("DELETE", kinds.named(kind), name=name)

    def lose_status(self, kind: str, name: str) -> None:
        """Let an object come back without its status, as from a backup."""
        of_kind = kinds.named(kind)
        self._send("PATCH", of_kind, name=name, sub="status", json={"status": None}, headers=MERGE)

    async def run(self, keys: list[Key]) -> None:
        """Run one pass over each key; each has to succeed."""
        for key in keys:
            ended = await self._passes.run(key, now=self.clock.now)
            assert ended.word in ("changed", "noop"), (key, ended)

    async def advance(self, seconds: float) -> None:
        """Let time pass; controllers, kubelet and routers work at its end."""
        self.clock.now += timedelta(seconds=seconds)
        self._heartbeat()
        await self._until(self._is_made)
        self._kubelet()
        await self._until(self._is_settled)
        self.look()
        await self._ask_routers(seconds)

    def look(self) -> None:
        """Take everything that the server holds into the store, as a list does."""
        self._list()
        for kind in SEEN:
            found = [records.record(each) for each in self._of(kind.kind)]
            version = max((each.resource_version for each in self._store), default=0)
            self._store.replace(kind.kind, self.namespace, records=found, version=version)

    def _made_passes(self) -> Passes:
        writer = Writer(
            cluster=self.cluster, call=called, remember=self._remember, recorder=self.recorder
        )
        return Passes(
            self._store,
            writer,
            decide=dispatch.decide,
            surroundings=self._surroundings,
            replan_seconds=lambda: 600.0,
        )

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            options=self._options,
            operator_namespace="perennial-system",
            policies_active=self.play.policies_active,
            traffic=self._traffic,
            token_of=token_of,
        )

    def _remember(self, reply: Document) -> None:
        if kinds.of(reply) in SEEN:
            self._store.upsert(records.record(self.clock.read(reply)))

    def _list(self) -> None:
        selection = Selection(self.namespace)
        listed = [each for kind in LISTED for each in pages(self.cluster, kind, selection)[0]]
        ours = (each for each in listed if _is_ours(each))
        self.live = {name_of(each): self.clock.read(each) for each in ours}

    def _of(self, kind: str) -> list[Document]:
        return [each for (of, _), each in self.live.items() if of == kind]

    def _kubelet(self) -> None:
        """Bring the Pods of Deployments and Jobs to where the simulation has them."""
        for number, pod in enumerate(self._of("Pod")):
            kind, owner = workload_of(pod)
            status = (
                self._of_job(pod, owner)
                if kind == "Job"
                else self._of_server(pod, owner, ip=f"127.10.{number % 250}.1")
            )
            if status:
                self._say(pod, status)

    def _of_job(self, pod: Document, owner: str) -> Document | None:
        result = self.play.jobs.get(owner)
        if result is None or _has_ended(pod):
            return None
        return simulation.finished_pod(pod, result, now=self.clock.now)

    def _of_server(self, pod: Document, owner: str, *, ip: str) -> Document | None:
        address, now = pod["status"].get("podIP") or ip, self.clock.now
        if behavior := self.play.pods.get(owner):
            return simulation.failing_status(pod, behavior, ip=address, now=now)
        age = now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
        if age.total_seconds() < self.play.start_seconds or simulation.is_ready(pod):
            return None
        return simulation.ready_status(pod, ip=address, now=now)

    def _say(self, pod: Document, status: Document) -> None:
        scheduled = {"type": "PodScheduled", "status": "True"}
        said = {**status, "conditions": [*status.get("conditions", ()), scheduled]}
        metadata = {"name": pod["metadata"]["name"], "namespace": self.namespace}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": said}
        self.stage.cluster.apply(document, manager="kubelet", subresource="status")

    def _heartbeat(self) -> None:
        """Keep the node alive: a silent one would lose its Pods."""
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": wall_clock()}
        body = {"status": {"conditions": [ready]}}
        self._send("PATCH", NODE, name=self._node, sub="status", json=body, headers=MERGE)

    async def _until(self, holds: Callable[[], str]) -> None:
        """Wait for the controllers, which work in their own time."""
        pending = "never asked"
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while pending := holds():  # noqa: ASYNC110  # the server makes it so
                    await asyncio.sleep(0.05)
        except TimeoutError:
            message = f"the controllers did not settle: {pending}"
            raise AssertionError(message) from None

    def _is_made(self) -> str:
        """Return what the controllers still have to make or remove, "" for nothing."""
        self._list()
        for pod in self._of("Pod"):
            self._attend(pod)
        return next(self._unmade(), "")

    def _unmade(self) -> Iterator[str]:
        uids = {each["metadata"]["uid"] for each in self.live.values()}
        for (kind, name), each in self.live.items():
            if "deletionTimestamp" in each["metadata"]:
                yield f"{kind} {name} is being deleted"
            if kind == "Pod":
                if not each["spec"].get("nodeName"):
                    yield f"Pod {name} is not bound"
                if workload_of(each) not in self.live:
                    yield f"Pod {name} outlives its workload"
            elif not owners(each) <= uids:
                yield f"{kind} {name} outlives its owner"
        for kind in ("Deployment", "Job"):
            for each in self._of(kind):
                found, wanted = len(self._pods_of(each)), _wanted_pods(each)
                if found != wanted:
                    yield f"{kind} {each['metadata']['name']} has {found} of {wanted} Pods"

    def _attend(self, pod: Document) -> None:
        """Bind a new Pod to the node, and let go of one that is told to go."""
        name, metadata = pod["metadata"]["name"], pod["metadata"]
        if "deletionTimestamp" in metadata:
            self._send("DELETE", kinds.POD, name=name, json={"gracePeriodSeconds": 0})
        elif not pod["spec"].get("nodeName"):
            target = {"apiVersion": "v1", "kind": "Node", "name": self._node}
            body = {"metadata": {"name": name}, "target": target}
            self._send("POST", kinds.POD, name=name, sub="binding", json=body)

    def _is_settled(self) -> str:
        """Return what the controllers have not told yet, "" for nothing."""
        return self._is_made() or next(self._untold(), "")

    def _untold(self) -> Iterator[str]:
        for each in self._of("Deployment"):
            status, pods = each.get("status", {}), self._pods_of(each)
            ready = sum(map(simulation.is_ready, pods))
            counts = [status.get(f"{word}Replicas", 0) for word in ("ready", "available")]
            is_current = status.get("observedGeneration") == each["metadata"]["generation"]
            if not is_current or counts != [ready, ready] or status.get("replicas", 0) != len(pods):
                yield f"Deployment {each['metadata']['name']} says {status} of {ready} ready Pods"
        for each in self._of("Job"):
            status = each.get("status", {})
            has_ended = any(map(_has_ended, self._pods_of(each)))
            told = {found["type"] for found in status.get("conditions", ())}
            if not (told & {"Complete", "Failed"} if has_ended else status.get("active")):
                yield f"Job {each['metadata']['name']} says {status}"

    def _pods_of(self, workload: Document) -> list[Document]:
        return [each for each in self._of("Pod") if workload_of(each) == name_of(workload)]

    async def _ask_routers(self, seconds: float) -> None:
        alive = simulation.endpoints(self._of("Pod"))
        intents = [
            documents.load(RoutingIntent, json.loads(each["data"][names.ROUTING_KEY]))
            for each in self._of("ConfigMap")
            if names.LABEL_ROUTING in each["metadata"]["labels"]
        ]
        self._routers.work(intents, alive, seconds)
        asked = traffic.questions(self._store, Key(ROUTER, self.namespace, ""), token_of)
        transport = self._routers.answers([each.ip for each in asked], alive, self.clock.now)
        async with httpx.AsyncClient(transport=transport) as client:
            reading = await self._routers.reader.read(client, asked, clock=lambda: self.clock.now)
        self._traffic = {self.namespace: reading}

    def _send(
        self,
        method: str,
        kind: Kind,
        *,
        name: str = "",
        sub: str = "",
        **options: Any,  # noqa: ANN401  # as httpx has them
    ) -> None:
        path = kinds.path(kind, namespace=self.namespace, name=name, subresource=sub)
        answer = self._http.request(method, path, **options)
        is_gone = method == "DELETE" and answer.status_code == httpx.codes.NOT_FOUND
        is_known = sub == "binding" and answer.status_code == httpx.codes.CONFLICT
        assert answer.is_success or is_gone or is_known, answer.text


async def called(function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Call at once: nothing else runs in this world meanwhile."""
    return function(*arguments)


def wall_clock() -> str:
    """Return the time as the server has it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"  # noqa: TID251  # the server's clock is real


def token_of(uid: str) -> str:
    """Return the token of a router, as the simulated world does."""
    return f"token-of-{uid}"


def name_of(document: Mapping[str, Any]) -> Name:
    """Return kind and name."""
    return document["kind"], document["metadata"]["name"]


def owners(document: Document) -> set[str]:
    """Return the uids of the owners."""
    return {each["uid"] for each in document["metadata"].get("ownerReferences") or ()}


def workload_of(pod: Document) -> Name:
    """Return which Deployment or Job a Pod is of, by the labels of its template."""
    labels: dict[str, str] = pod["metadata"]["labels"]
    if job := labels.get(run_objects.LABEL_JOB_NAME):
        return "Job", job
    return "Deployment", labels.get(names.LABEL_REVISION, names.ROUTER)


def _has_ended(pod: Document) -> bool:
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def _is_ours(document: Document) -> bool:
    labels = document["metadata"].get("labels") or {}
    is_root = kinds.of(document) in kinds.OURS
    return is_root or labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY


def _wanted_pods(workload: Document) -> int:
    if workload["kind"] == "Job":
        return 1
    return int(workload["spec"]["replicas"])
