"""What tests of the whole loop work with: people, objects, models, and a namespace of their own."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper
from sklearn.datasets import load_breast_cancer

from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Kind
from perennial_sandbox import sandbox
from perennial_sandbox.sandbox import Running

Document = dict[str, Any]
Predicate = Callable[[Document], bool]
BUCKET = "models"
ROWS = "rows.parquet"
TRAINER = "example.com/trainer"
OPERATOR, OPERATOR_NAMESPACE = "perennial-operator", "perennial-system"
ROLE_OPERATE = "operate"
SECRET = "store"  # noqa: S105  # the name of a Secret
NODE = kinds.Kind("Node", "", "v1", "nodes", is_namespaced=False)
NAMESPACE = kinds.Kind("Namespace", "", "v1", "namespaces", is_namespaced=False)


@dataclass(frozen=True)
class Kube:
    """The API server as the people of the sandbox see it."""

    running: Running
    http: httpx.Client

    def apply(self, document: Document, *, user: str = "scientist") -> Document:
        """Apply an object as a person."""
        path = self._path(_kind(document), document["metadata"])
        answer = self.http.patch(
            path,
            params={"fieldManager": user, "force": "true"},
            content=json.dumps(document),
            headers={"Content-Type": "application/apply-patch+yaml", **self._as(user)},
        )
        assert answer.is_success, answer.text
        found: Document = answer.json()
        return found

    def create(self, document: Document, *, user: str, dry_run: bool = False) -> httpx.Response:
        """Create an object as a person; Decisions may only be created."""
        kind = _kind(document)
        return self.http.post(
            kinds.path(kind, namespace=document["metadata"]["namespace"]),
            params={"dryRun": "All"} if dry_run else {},
            json=document,
            headers=self._as(user),
        )

    def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """Return an object, or None."""
        answer = self.http.get(self._path(kind, {"namespace": namespace, "name": name}))
        return answer.json() if answer.is_success else None

    def all(self, kind: Kind, namespace: str, labels: str = "") -> list[Document]:
        """Return the objects of a namespace."""
        path = kinds.path(kind, namespace=namespace)
        answer = self.http.get(path, params={"labelSelector": labels})
        found: list[Document] = answer.json()["items"]
        return found

    def delete(
        self, kind: Kind, namespace: str, name: str, *, grace_seconds: int | None = None
    ) -> None:
        """Delete an object."""
        body = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        path = self._path(kind, {"namespace": namespace, "name": name})
        self.http.request("DELETE", path, json=body)

    def scale(self, kind: Kind, namespace: str, *, name: str, replicas: int) -> None:
        """Set the number of replicas, as `kubectl scale` does."""
        path = self._path(kind, {"namespace": namespace, "name": name})
        answer = self.http.patch(
            f"{path}/scale",
            content=json.dumps({"spec": {"replicas": replicas}}),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text

    def events(self, namespace: str, name: str) -> list[str]:
        """Return the reasons of the events about an object."""
        found = self.all(kinds.EVENT, namespace)
        return [each["reason"] for each in found if each["regarding"].get("name") == name]

    def _path(self, kind: Kind, metadata: Document) -> str:
        return kinds.path(kind, namespace=metadata.get("namespace", ""), name=metadata["name"])

    def _as(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.running.tokens[user]}"}


def _kind(document: Document) -> Kind:
    return NAMESPACE if document["kind"] == "Namespace" else kinds.of(document)


@dataclass(frozen=True)
class Published:
    """A model in the object store."""

    uri: str
    digest: str


@dataclass
class Stage:
    """Everything a test of the whole loop works with, in a namespace of its own."""

    kube: Kube
    store: Any
    namespace: str
    models: dict[str, Published] = field(default_factory=dict)

    def url(self, service: str) -> str:
        """Return the local address of a Service."""
        return str(
            sandbox.service_url(self.kube.running.directory, self.namespace, service, port="http")
        )

    def model(self, name: str, published: Published | None = None, **spec: object) -> Document:
        """Return a ModelDeployment with short times."""
        chosen = published or self.models["v1"]
        rollout = {
            "canary": {"steps": [{"weight": 20, "dwell": "3s"}, {"weight": 50, "dwell": "3s"}]},
            "promotion": {"bake": "2s", "keepPreviousFor": "5s"},
        }
        model = {
            "uri": chosen.uri,
            "digest": chosen.digest,
            "credentialsSecretRef": {"name": SECRET},
        }
        return {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"model": model, "rollout": rollout, **spec},
        }

    def run(self, name: str, about: str, **spec: object) -> Document:
        """Return a RetrainJob on the breast cancer rows in the store, with its own limits."""
        return {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "RetrainJob",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "modelRef": {"name": about},
                "requestedBy": "scientist",
                "trainer": {"recipe": {"name": "tabular-classification"}},
                "parameters": {"max_iter": "20"},
                "data": {
                    "source": {"uri": f"s3://{BUCKET}/{ROWS}"},
                    "columns": {"label": "target", "id": "row"},
                    "credentialsSecretRef": {"name": SECRET},
                    "quality": {"minRows": 100, "maxDuplicates": "0.5"},
                },
                "validation": {
                    "minSamples": 50,
                    "metrics": [{"name": "accuracy", "margin": "0.15", "marginType": "Absolute"}],
                },
                "output": {
                    "uri": f"s3://{BUCKET}/{self.namespace}",
                    "credentialsSecretRef": {"name": SECRET},
                },
                **spec,
            },
        }

    def decide(self, decision: Document, *, by: str = "approver") -> None:
        """Create a Decision as a person."""
        answer = self.kube.create(decision, user=by)
        assert answer.is_success, answer.text

    def decision(self, name: str, target: tuple[str, str], action: str, **spec: str) -> Document:
        """Return a Decision by the approver."""
        kind, about = target
        return {
            "apiVersion": "perennial.dev/v1alpha1",
            "kind": "Decision",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "action": action,
                "target": {"kind": kind, "name": about},
                "by": "approver",
                "reason": "a test says so",
                **spec,
            },
        }

    def until(self, kind: Kind, name: str, wanted: Predicate, *, seconds: float = 60) -> Document:
        """Return the object once it is as wanted; else say what is known."""
        deadline = time.monotonic() + seconds
        found: Document | None = None
        while time.monotonic() < deadline:
            found = self.kube.get(kind, self.namespace, name)
            if found is not None and "status" in found and wanted(found):
                return found
            time.sleep(0.1)
        pytest.fail(f"{name} after {seconds} s: {json.dumps(found, indent=1)}\n{self._pods()}")

    def saw_events(self, name: str, *reasons: str, seconds: float = 15) -> None:
        """Return once each reason was an event about an object; events follow the acts."""
        deadline = time.monotonic() + seconds
        while missing := set(reasons) - set(self.kube.events(self.namespace, name)):
            if time.monotonic() > deadline:
                pytest.fail(f"no event about {name} said {missing}")
            time.sleep(0.2)

    def ready(self, name: str, *, seconds: float = 90) -> Document:
        """Return the ModelDeployment once it is Ready at its generation."""
        return self.until(
            kinds.MODEL_DEPLOYMENT, name, lambda md: self.is_true(md, "Ready"), seconds=seconds
        )

    def gone(self, kind: Kind, labels: str, *, seconds: float = 60) -> None:
        """Return once no object of a kind is left."""
        deadline = time.monotonic() + seconds
        while found := self.kube.all(kind, self.namespace, labels):
            if time.monotonic() > deadline:
                pytest.fail(f"still there: {[each['metadata']['name'] for each in found]}")
            time.sleep(0.2)

    def kill_operator(self) -> None:
        """Kill the operator's process, as a crash would; the node starts it again."""
        for pid in _pids(self.kube.running.directory, "perennial_operator", ROLE_OPERATE):
            os.kill(pid, signal.SIGKILL)

    def operator_ready(self, *, seconds: float = 60) -> None:
        """Return once the operator's Pod is ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.kube.get(kinds.DEPLOYMENT, OPERATOR_NAMESPACE, OPERATOR)
            if found and found["status"].get("readyReplicas") == found["spec"]["replicas"] == 1:
                return
            time.sleep(0.2)
        pytest.fail(f"the operator was not ready after {seconds} s")

    @contextmanager
    def without_operator(self) -> Iterator[None]:
        """Scale the operator to zero for the time of the block."""
        self._scale_operator(0)
        try:
            yield
        finally:
            self._scale_operator(1)
            self.operator_ready()

    def _scale_operator(self, replicas: int) -> None:
        self.kube.scale(kinds.DEPLOYMENT, OPERATOR_NAMESPACE, name=OPERATOR, replicas=replicas)
        while replicas == 0 and self.kube.all(kinds.POD, OPERATOR_NAMESPACE):
            time.sleep(0.2)

    def kill_one_pod(self, labels: str) -> None:
        """Delete one ready Pod with its grace period, as a drain does."""
        pods = self.kube.all(kinds.POD, self.namespace, labels)
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        ready = [pod for pod in alive if _is_ready(pod)]
        if len(ready) > 1:
            self.kube.delete(kinds.POD, self.namespace, ready[0]["metadata"]["name"])

    def delete_namespace(self, *, seconds: float) -> None:
        """Delete the namespace and wait until it is gone."""
        path = kinds.path(NAMESPACE, name=self.namespace)
        self.kube.http.delete(path)
        deadline = time.monotonic() + seconds
        while self.kube.http.get(path).is_success:
            if time.monotonic() > deadline:
                pytest.fail(f"the namespace is still there after {seconds} s")
            time.sleep(0.3)

    def predict(self, name: str) -> httpx.Response:
        """Send one row."""
        row = load_breast_cancer().data[0].astype(float).tolist()
        tensor = {"name": "input", "shape": [1, len(row)], "datatype": "FP32", "data": row}
        url = f"{self.url(name)}/v2/models/{name}/infer"
        return httpx.post(url, json={"inputs": [tensor]}, timeout=10)

    @staticmethod
    def condition(document: Document, kind: str) -> Document:
        """Return a condition; an empty one if it is absent."""
        found = [c for c in document.get("status", {}).get("conditions", []) if c["type"] == kind]
        return dict(found[0]) if found else {"status": "", "reason": "", "message": ""}

    @classmethod
    def is_true(cls, document: Document, kind: str) -> bool:
        """Whether a condition is True at the newest generation."""
        is_current = (
            document["status"].get("observedGeneration") == document["metadata"]["generation"]
        )
        return bool(cls.condition(document, kind)["status"] == "True" and is_current)

    def _pods(self) -> str:
        pods = self.kube.all(kinds.POD, self.namespace)
        return json.dumps([{p["metadata"]["name"]: p.get("status")} for p in pods], indent=1)


def table() -> bytes:
    """Return the rows that runs train on, as Parquet."""
    data = load_breast_cancer()
    columns = {f"f{number:02d}": data.data[:, number].astype(np.float32) for number in range(30)}
    rows = [f"row-{number}" for number in range(len(data.target))]
    sink = io.BytesIO()
    pq.write_table(pa.table({**columns, "target": data.target, "row": rows}), sink)
    return sink.getvalue()


def _is_ready(pod: Document) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _pids(directory: Path, *words: str) -> list[int]:
    """Return the processes of this sandbox whose command line has these words."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "environ"]):
        line, environment = process.info["cmdline"] or [], process.info["environ"] or {}
        is_ours = any(str(directory) in value for value in environment.values())
        if is_ours and all(word in line for word in words):
            found.append(process.info["pid"])
    return found


def editors(namespace: str) -> Document:
    """Return what lets scientists use the Secrets of one namespace, as teams have it."""
    group = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "editors", "namespace": namespace},
        "roleRef": role,
        "subjects": [{**group, "name": "perennial:scientists"}],
    }


def publish(path: Path, store: Any, *, sample: Path | None = None) -> Published:  # noqa: ANN401  # see conftest above
    """Publish a model by the command that people use."""
    credentials = path.parent / "credentials"
    credentials.mkdir(exist_ok=True)
    for key, value in store.credentials().items():
        (credentials / key).write_text(value)
    command = [str(Path(sys.executable).parent / "perennial"), "publish", str(path)]
    command += ["--to", f"s3://{BUCKET}/e2e", "-o", "json"]
    command += ["--sample", str(sample)] if sample else []
    environment = os.environ | {
        "PERENNIAL_ALLOWED_HOSTS": f"http://{store.host}",
        "PERENNIAL_ALLOW_PRIVATE_NETWORKS": "true",
        **store.credentials(),
    }
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return Published(found["uri"], found["digest"])


def _onnx(nodes: list[Any], initializers: list[Any]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, 30])],
        [helper.make_tensor_value_info("label", TensorProto.INT64, [None])],
        initializer=initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def broken_model() -> bytes:
    """Return a model whose every run reads beyond its table."""
    return _reads_at("far", [helper.make_node("Identity", ["index"], ["far"])], offset=99)


def half_model() -> bytes:
    """Return a model that answers zeros, and fails on rows like the real ones."""
    return _reads_at("index", [], offset=0)


def _reads_at(index: str, extra: list[Any], *, offset: int) -> bytes:
    """Gather from ten numbers at the sum of a row (0 for zeros, far outside for real rows)."""
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    table = helper.make_tensor("table", TensorProto.INT64, [10], list(range(10)))
    shift = helper.make_tensor("shift", TensorProto.INT64, [1], [offset])
    nodes = [
        helper.make_node("ReduceSum", ["input", "axes"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "shift"], ["index"]),
        *extra,
        helper.make_node("Gather", ["table", index], ["label"]),
    ]
    return _onnx(nodes, [axes, table, shift])
