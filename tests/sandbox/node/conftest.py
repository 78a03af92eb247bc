"""A control plane with a process node of its own, which tests may kill."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perennial_sandbox import sandbox as sandboxes
from perennial_sandbox.control_plane import record
from perennial_sandbox.control_plane.layout import Layout
from perennial_sandbox.sandbox import Running

Json = dict[str, Any]
SECONDS = 30.0


@dataclass
class Cluster:
    """A namespace on a real API server, and the node's process."""

    running: Running
    settings: Path
    namespace: str
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default=Path())

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl in the test's namespace."""
        access = f"--kubeconfig={self.running.kubeconfig}"
        done = subprocess.run(
            [str(self.running.kubectl), access, f"--namespace={self.namespace}", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def apply(self, *things: Json) -> None:
        """Create or change objects."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})
        self.kubectl("apply", "-f", "-", stdin=items)

    def get(self, kind: str, name: str) -> Json:
        """Return an object, an empty one if it does not exist."""
        found = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        thing: Json = json.loads(found or "{}")
        return thing

    def until(self, kind: str, name: str, holds: Callable[[Json], object]) -> Json:
        """Wait until a claim about an object holds and return the object."""
        deadline = time.monotonic() + SECONDS
        while not holds(thing := self.get(kind, name)):
            assert time.monotonic() < deadline, f"{kind} {name} stays {json.dumps(thing, indent=1)}"
            time.sleep(0.1)
        return thing

    def run(self, thing: Json, holds: Callable[[Json], object]) -> Json:
        """Create a Pod or Job and wait until a claim about it holds."""
        self.apply(thing)
        return self.until(thing["kind"], thing["metadata"]["name"], holds)

    def start_node(self) -> None:
        """Start the node's process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "perennial_sandbox.node", "--config", str(self.settings)],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "SECRET_OF_THE_NODE": "x"},
            )

    def kill_node(self) -> None:
        """Kill the node's process as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Yield a control plane whose only node is a process of this test run."""
    folder = tmp_path_factory.mktemp("node")
    directory = folder / "state"
    try:
        running = sandboxes.up(directory, images={}, with_node=False)
        cluster = Cluster(running, folder / "node.json", "default", log=folder / "node.log")
        _write_settings(cluster, Layout(directory))
        cluster.start_node()
        cluster.until("node", "sandbox", _is_ready)
        yield cluster
        cluster.kill_node()
    finally:
        sandboxes.down(directory)


@pytest.fixture
def cluster(node: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Yield the cluster with a namespace of the test's own, which is removed afterwards."""
    name = "t-" + request.node.name.replace("_", "-").replace("[", "-").strip("]")[:50].strip("-")
    node.namespace = name
    node.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    node.until("serviceaccount", "default", bool)
    yield node
    node.kubectl("delete", "namespace", name, "--wait=false")
    node.kubectl("delete", "pods", "--all", "--grace-period=1", "--wait=false")


def _write_settings(cluster: Cluster, layout: Layout) -> None:
    description = record.read(layout)
    assert description is not None
    image = [sys.executable, "-u", "-c", "import sys; print('image', *sys.argv[1:])"]
    settings = {
        "kubeconfig": str(layout.access("node")),
        "nodeName": "sandbox",
        "directory": str(layout.node),
        "addressPrefix": description.address_prefix,
        "images": {"example.test/known": image},
        "servicesFile": str(layout.services),
        "kubeletPort": description.ports.kubelet,
        "kubeletClientCa": str(layout.certificate("ca")),
    }
    cluster.settings.write_text(json.dumps(settings))


def _is_ready(thing: Json) -> bool:
    conditions = thing.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
