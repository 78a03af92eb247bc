"""Tests of the whole node, on a real API server."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from perennial_sandbox.node import __main__, agent, settings

if TYPE_CHECKING:
    from conftest import Cluster

Json = dict[str, Any]
SECONDS = 60.0
pytestmark = pytest.mark.e2e


def shell(name: str, script: str, **fields: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a container that runs a shell script."""
    return {"name": name, "image": "any", "command": ["sh", "-c", script], **fields}


def pod(name: str, *containers: Json, **spec: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a Pod that ends quickly when deleted."""
    full = {"terminationGracePeriodSeconds": 2, "containers": list(containers), **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": full}


def phase(wanted: str) -> Any:  # noqa: ANN401  # a claim about an object
    """Return the claim that a Pod is in a phase."""
    return lambda thing: thing.get("status", {}).get("phase") == wanted


def is_ready(thing: Json) -> bool:
    """Tell whether a Pod is ready."""
    conditions = thing.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def waits_for(reason: str) -> Any:  # noqa: ANN401  # a claim about an object
    """Return the claim that the first container waits for a reason."""
    return lambda thing: first(thing).get("state", {}).get("waiting", {}).get("reason") == reason


def first(thing: Json) -> Json:
    """Return the first main container's status."""
    statuses = thing.get("status", {}).get("containerStatuses") or [{}]
    found: Json = statuses[0]
    return found


def test_containers_run_in_order_and_sidecars_leave_last(cluster: "Cluster") -> None:
    """Init, sidecar, init, main; at the end the sidecars in reverse order."""
    say = "echo {0} >>/out/order"
    stays = (
        "trap 'echo {0} ends >>/out/order; exit 0' TERM; echo {0} >>/out/order; touch /out/{0}; "
        "while :; do sleep 0.05; done"
    )
    mount = {"volumeMounts": [{"name": "out", "mountPath": "/out"}]}
    probe = {"exec": {"command": ["test", "-e", "/out/s1"]}, "periodSeconds": 1}
    thing = pod(
        "ordered",
        shell("main", say.format("main") + "; cp /out/order $PERENNIAL_TERMINATION_LOG", **mount),
        initContainers=[
            shell("i1", say.format("i1"), **mount),
            shell("s1", stays.format("s1"), restartPolicy="Always", startupProbe=probe, **mount),
            shell("i2", say.format("i2"), **mount),
            shell("s2", stays.format("s2"), restartPolicy="Always", **mount),
        ],
        restartPolicy="Never",
        volumes=[{"name": "out", "hostPath": {"path": "OUT", "type": "DirectoryOrCreate"}}],
    )
    folder = cluster.settings.parent / "order"
    thing["spec"]["volumes"][0]["hostPath"]["path"] = str(folder)
    done = cluster.run(thing, phase("Succeeded"))
    lines = (folder / "order").read_text().split("\n")[:-1]
    assert lines[:3] == ["i1", "s1", "i2"]
    assert sorted(lines[3:5]) == ["main", "s2"]
    assert lines[5:] == ["s2 ends", "s1 ends"]
    codes = [
        one["state"]["terminated"]["exitCode"] for one in done["status"]["initContainerStatuses"]
    ]
    assert codes == [0, 0, 0, 0]


def test_a_container_sees_its_environment_and_nothing_of_the_node(cluster: "Cluster") -> None:
    """Every kind of source arrives; the node's own variables do not."""
    names = {"metadata": {"name": "src"}, "apiVersion": "v1"}
    cluster.apply(
        {**names, "kind": "ConfigMap", "data": {"a": "1"}},
        {**names, "kind": "Secret", "stringData": {"k": "hidden"}},
    )
    env = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "src", "key": "a"}}},
        {"name": "K", "valueFrom": {"secretKeyRef": {"name": "src", "key": "k"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
        {"name": "SUM", "value": "$(A)-$(K)"},
        {"name": "PYTHON", "value": "/data/x"},
    ]
    script = (
        "import json, os; message = open(os.environ['PERENNIAL_TERMINATION_LOG'], 'w');"
        "json.dump(dict(os.environ), message)"
    )
    thing = pod(
        "env",
        {
            "name": "main",
            "image": "any",
            "command": ["python", "-c", script],
            "env": env,
            "envFrom": [{"prefix": "P_", "secretRef": {"name": "src"}}],
            "resources": {"limits": {"memory": "512Mi", "cpu": "500m"}},
            "volumeMounts": [{"name": "d", "mountPath": "/data"}],
        },
        restartPolicy="Never",
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    done = cluster.run(thing, phase("Succeeded"))
    seen = json.loads(first(done)["state"]["terminated"]["message"])
    address = done["status"]["podIP"]
    expected = {
        "A": "1",
        "K": "hidden",
        "P_k": "hidden",
        "IP": address,
        "PERENNIAL_HOST": address,
        "MEM": str(512 * 2**20),
        "PERENNIAL_MEMORY_LIMIT_BYTES": str(512 * 2**20),
        "PERENNIAL_CPU_LIMIT": "0.5",
        "SUM": "1-hidden",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert seen["PYTHON"].endswith("/volumes/d/x")
    assert "SECRET_OF_THE_NODE" not in seen


def test_volumes_are_files_and_follow_their_sources(cluster: "Cluster") -> None:
    """A changed ConfigMap and a Secret that appears later reach the running container."""
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}}
    cluster.apply({**data, "data": {"f": "old"}})
    script = (
        "until grep -q new /conf/f && test -e /late/k; do sleep 0.1; done; "
        "cat /late/k >/dev/termination-log"
    )
    mounts = [{"name": "conf", "mountPath": "/conf"}, {"name": "late", "mountPath": "/late"}]
    thing = pod(
        "volumes",
        shell("main", script, volumeMounts=mounts),
        restartPolicy="Never",
        volumes=[
            {"name": "conf", "configMap": {"name": "conf"}},
            {"name": "late", "secret": {"secretName": "late", "optional": True}},
        ],
    )
    cluster.run(thing, phase("Running"))
    cluster.apply(
        {**data, "data": {"f": "new"}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "late"},
            "stringData": {"k": "came"},
        },
    )
    done = cluster.until("pod", "volumes", phase("Succeeded"))
    assert first(done)["state"]["terminated"]["message"] == "came"


def test_a_service_account_can_ask_the_api_server(cluster: "Cluster") -> None:
    """Token, authority and address lead to the real API server."""
    script = """
import os, ssl, urllib.request
folder = os.environ["PERENNIAL_SERVICE_ACCOUNT_DIR"]
host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
context = ssl.create_default_context(cafile=folder + "/ca.crt")
headers = {"Authorization": "Bearer " + open(folder + "/token").read()}
request = urllib.request.Request(f"https://{host}:{port}/version", headers=headers)
assert b"gitVersion" in urllib.request.urlopen(request, context=context).read()
assert open("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read().startswith("t-")
"""
    main = {"name": "main", "image": "any", "command": ["python", "-c", script]}
    cluster.run(pod("account", main, restartPolicy="Never"), phase("Succeeded"))


def test_a_known_image_runs_its_words_with_the_args(cluster: "Cluster") -> None:
    """Tag and digest do not matter; the args follow the image's words."""
    main = {"name": "main", "image": "example.test/known:v1", "args": ["a", "$(B)"]}
    main["env"] = [{"name": "B", "value": "b"}]
    cluster.run(pod("known", main, restartPolicy="Never"), phase("Succeeded"))
    assert cluster.kubectl("logs", "known") == "image a b\n"


def test_an_unknown_image_waits_and_says_what_to_do(cluster: "Cluster") -> None:
    """There is nothing to pull; deleting the Pod ends the wait."""
    thing = pod("unknown", {"name": "main", "image": "nginx:1"})
    found = cluster.run(thing, waits_for("ImagePullBackOff"))
    assert "set the container's command" in first(found)["state"]["waiting"]["message"]
    cluster.kubectl("delete", "pod", "unknown", "--timeout=10s")


def test_a_missing_source_is_waited_for(cluster: "Cluster") -> None:
    """The message names it; the container starts when it comes."""
    main = shell("main", "exit 0", envFrom=[{"configMapRef": {"name": "later"}}])
    found = cluster.run(
        pod("missing", main, restartPolicy="Never"), waits_for("CreateContainerConfigError")
    )
    assert first(found)["state"]["waiting"]["message"] == 'ConfigMap "later" not found'
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}})
    cluster.until("pod", "missing", phase("Succeeded"))


def test_a_crashing_container_backs_off(cluster: "Cluster") -> None:
    """The count rises, the last state is the crash, and people see CrashLoopBackOff."""
    found = cluster.run(
        pod("crash", shell("main", "echo no >&2; exit 3")), waits_for("CrashLoopBackOff")
    )
    last = first(found)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], first(found)["restartCount"] >= 1) == (
        3,
        "Error",
        True,
    )
    assert cluster.kubectl("logs", "crash", "--previous") == "no\n"


def test_a_program_that_does_not_exist_cannot_start(cluster: "Cluster") -> None:
    """The reason is that of Kubernetes, and so is the exit code."""
    main = {"name": "main", "image": "any", "command": ["no-such-program"]}
    done = cluster.run(pod("nothing", main, restartPolicy="Never"), phase("Failed"))
    end = first(done)["state"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (128, "StartError")
    assert "no-such-program" in end["message"]


def test_a_message_falls_back_to_the_log_on_error(cluster: "Cluster") -> None:
    """Only if the container wrote none itself."""
    main = shell("main", "echo why; exit 1", terminationMessagePolicy="FallbackToLogsOnError")
    done = cluster.run(pod("message", main, restartPolicy="Never"), phase("Failed"))
    assert first(done)["state"]["terminated"]["message"] == "why\n"


def test_readiness_follows_its_probe(cluster: "Cluster") -> None:
    """Ready comes, goes and comes again without a restart."""
    mount = [{"name": "d", "mountPath": "/d"}]
    script = "touch /d/ok; sleep 2.5; rm /d/ok; sleep 2.5; touch /d/ok; exec sleep 100"
    probe = {
        "exec": {"command": ["test", "-e", "/d/ok"]},
        "periodSeconds": 1,
        "failureThreshold": 1,
    }
    thing = pod(
        "ready",
        shell("main", script, readinessProbe=probe, volumeMounts=mount),
        volumes=[{"name": "d", "emptyDir": {}}],
    )
    cluster.run(thing, is_ready)
    cluster.until("pod", "ready", lambda thing: not is_ready(thing))
    found = cluster.until("pod", "ready", is_ready)
    assert first(found)["restartCount"] == 0


def test_a_failing_liveness_probe_restarts_the_container(cluster: "Cluster") -> None:
    """The Pod's events say why."""
    probe = {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 1, "failureThreshold": 1}
    main = shell("main", "exec sleep 100", livenessProbe=probe)
    main["ports"] = [{"name": "web", "containerPort": 8123}]
    found = cluster.run(pod("alive", main), lambda thing: first(thing).get("restartCount", 0) >= 1)
    assert first(found)["lastState"]["terminated"]["exitCode"] == 143
    assert "Liveness probe failed" in cluster.kubectl("get", "events")


def test_a_deleted_pod_gets_its_hook_and_its_grace(cluster: "Cluster") -> None:
    """The hook runs first, then the signal; what ignores it is killed after the grace period."""
    folder = cluster.settings.parent / "grace"
    script = "trap 'echo term >>/g/log' TERM; echo up >>/g/log; while :; do sleep 0.1; done"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >>/g/log"]}}}
    mount = [{"name": "g", "mountPath": "/g"}]
    thing = pod(
        "grace",
        shell("main", script, lifecycle=hook, volumeMounts=mount),
        volumes=[{"name": "g", "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"}}],
    )
    cluster.run(thing, is_ready)
    deadline = time.monotonic() + 5
    while not (folder / "log").exists():
        assert time.monotonic() < deadline
    began = time.monotonic()
    cluster.kubectl("delete", "pod", "grace", "--grace-period=3")
    assert (folder / "log").read_text().split() == ["up", "hook", "term"]
    assert 2.5 < time.monotonic() - began < 10


def test_a_pod_removed_by_force_leaves_no_process(cluster: "Cluster") -> None:
    """Its object vanishes at once; its process soon after."""
    folder = cluster.settings.parent / "force"
    script = "trap '' TERM; echo $$$$ >/f/pid; while :; do sleep 0.1; done"
    thing = pod(
        "force",
        shell("main", script, volumeMounts=[{"name": "f", "mountPath": "/f"}]),
        volumes=[{"name": "f", "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"}}],
    )
    cluster.run(thing, is_ready)
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        time.sleep(0.05)
    pid = int((folder / "pid").read_text())
    cluster.kubectl("delete", "pod", "force", "--force", "--grace-period=0")
    deadline = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_memory_above_the_limit_ends_the_container(cluster: "Cluster") -> None:
    """The exit is that of the kernel's killer; memory of child processes counts."""
    child = "import time; a = b'x' * (200 << 20); time.sleep(60)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    main = {
        "name": "main",
        "image": "any",
        "command": ["python", "-c", script],
        "resources": {"limits": {"memory": "100Mi"}},
    }
    done = cluster.run(pod("oom", main, restartPolicy="Never"), phase("Failed"))
    end = first(done)["state"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")


def job(name: str, *containers: Json, **fields: Any) -> Json:  # noqa: ANN401  # fields of a spec
    """Return a Job of one Pod that is tried once."""
    template = pod("", *containers, restartPolicy="Never")["spec"]
    template |= fields.pop("template", {})
    spec = {"backoffLimit": 0, "template": {"spec": template}, **fields}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def has_condition(kind: str) -> Any:  # noqa: ANN401  # a claim about an object
    """Return the claim that a condition is true."""
    return lambda thing: any(
        one["type"] == kind and one["status"] == "True"
        for one in thing.get("status", {}).get("conditions", ())
    )


def test_a_job_with_a_sidecar_completes(cluster: "Cluster") -> None:
    """The sidecar ends when the work is done."""
    side = shell("side", "exec sleep 1000", restartPolicy="Always")
    thing = job("works", shell("main", "exit 0"), template={"initContainers": [side]})
    done = cluster.run(thing, has_condition("Complete"))
    assert done["status"]["succeeded"] == 1


def test_a_job_fails_by_its_policy_of_exit_codes(cluster: "Cluster") -> None:
    """The controller sees the exit code that the container had."""
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    thing = job(
        "fails",
        shell("main", "exit 42"),
        backoffLimit=5,
        podFailurePolicy={"rules": [rule]},
    )
    done = cluster.run(thing, has_condition("Failed"))
    reasons = {one["reason"] for one in done["status"]["conditions"] if one["type"] == "Failed"}
    assert reasons == {"PodFailurePolicy"}


def test_logs_can_be_followed_and_cut(cluster: "Cluster") -> None:
    """Following ends with the container; the tail is counted in lines."""
    cluster.run(
        pod(
            "logs",
            shell("main", "for i in 1 2 3; do echo $i; sleep 0.3; done"),
            restartPolicy="Never",
        ),
        phase("Running"),
    )
    assert cluster.kubectl("logs", "-f", "logs") == "1\n2\n3\n"
    assert cluster.kubectl("logs", "--tail=2", "logs") == "2\n3\n"


def test_pods_survive_a_crash_of_the_node(cluster: "Cluster") -> None:
    """Same process, same readiness, no restart; an end in the meantime is not lost."""
    stays = pod("stays", shell("main", "exec sleep 1000"))
    ends = pod("ends", shell("main", "sleep 2; exit 7"), restartPolicy="Never")
    cluster.apply(ends)
    before = cluster.run(stays, is_ready)
    cluster.until("pod", "ends", phase("Running"))
    cluster.kill_node()
    time.sleep(2.5)
    cluster.start_node()
    done = cluster.until("pod", "ends", phase("Failed"))
    after = cluster.get("pod", "stays")
    assert first(done)["state"]["terminated"]["exitCode"] == 7
    assert after["status"] == before["status"]
    cluster.kubectl("delete", "pod", "stays", "--timeout=10s")


def test_a_process_killed_from_outside_is_seen(cluster: "Cluster") -> None:
    """Also with its shell; the container restarts."""
    found = cluster.run(pod("victim", shell("main", "exec sleep 1000")), is_ready)
    folder = cluster.running.directory / "node" / "pods" / found["metadata"]["uid"]
    run = folder / "containers" / "main" / "0"
    for name in ("shim", "pid"):
        os.kill(int((run / name).read_text()), signal.SIGKILL)
    after = cluster.until(
        "pod", "victim", lambda thing: first(thing)["restartCount"] == 1 and is_ready(thing)
    )
    assert first(after)["lastState"]["terminated"]["exitCode"] == 137


def service(name: str, **ports: int | str) -> Json:
    """Return a Service for Pods with the label app=web."""
    listed = [{"name": key, "port": 80, "targetPort": port} for key, port in ports.items()]
    spec = {"selector": {"app": "web"}, "ports": listed}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


SERVER = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.environ["PERENNIAL_HOST"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer((os.environ["PERENNIAL_HOST"], 8080), Handler)
# A good server goes on for a moment: clients may have chosen it just now.
stop = threading.Timer(0.5, server.shutdown)
signal.signal(signal.SIGTERM, lambda *_: stop.start())
server.serve_forever()
"""


def test_a_service_loses_no_request_while_pods_come_and_go(cluster: "Cluster") -> None:
    """Every request is answered by a ready Pod, through a rolling restart of all of them."""
    main = {
        "name": "main",
        "image": "any",
        "command": ["python", "-c", SERVER],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
    }
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"rollingUpdate": {"maxUnavailable": 0}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod("", main)["spec"]},
    }
    thing = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": spec,
    }
    cluster.apply(service("web", http="http"))
    cluster.run(thing, lambda thing: thing.get("status", {}).get("readyReplicas") == 3)
    ports = json.loads((cluster.running.directory / "services.json").read_text())
    local = ports[f"{cluster.namespace}/web"]
    assert local["http"] == local["80"]
    url = f"http://127.0.0.1:{local['http']}/"
    cluster.kubectl("rollout", "restart", "deployment/web")
    answers: set[str] = set()
    asked = 0
    deadline = time.monotonic() + SECONDS
    with httpx.Client(headers={"Connection": "close"}, timeout=5) as client:
        while not _is_rolled_out(cluster) or asked < 300:
            assert time.monotonic() < deadline
            for _ in range(50):
                answers.add(client.get(url).raise_for_status().text)
                asked += 1
    assert len(answers) >= 4


def _is_rolled_out(cluster: "Cluster") -> bool:
    thing = cluster.get("deployment", "web")
    status = thing["status"]
    counts = (status.get("updatedReplicas"), status.get("readyReplicas"), status.get("replicas"))
    is_seen = status.get("observedGeneration") == thing["metadata"]["generation"]
    return is_seen and counts == (3, 3, 3)


def test_the_node_comes_back_after_its_object_was_lost(cluster: "Cluster") -> None:
    """As after the loss of the store; its Pods go on."""
    cluster.run(pod("stays", shell("main", "exec sleep 1000")), is_ready)
    cluster.kubectl("delete", "node", "sandbox")
    cluster.until("node", "sandbox", is_ready)


async def test_a_node_told_to_stop_leaves_its_pods_running(
    cluster: "Cluster", tmp_path: Path
) -> None:
    """It ends without an error; the next one that starts takes them over."""
    known = json.loads(cluster.settings.read_text())
    own = {"nodeName": "second", "directory": str(tmp_path), "addressPrefix": "127.251"}
    known |= {**own, "kubeletPort": 0, "servicesFile": str(tmp_path / "services.json")}
    file = tmp_path / "node.json"
    file.write_text(json.dumps(known))
    thing = pod("second", shell("main", "exec sleep 1000"), nodeName="second")

    async def live(act: Callable[[], Json]) -> Json:
        """Run the node in this very process until the act is over."""
        node = asyncio.create_task(agent.run(settings.read(file)))
        found = await asyncio.to_thread(act)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(node, 10)
        return found

    first = await live(lambda: cluster.run(thing, is_ready))
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "news"}})
    second = await live(lambda: cluster.until("node", "second", is_ready))
    await live(
        lambda: json.loads(cluster.kubectl("delete", "pod", "second", "-o", "name") and "{}")
    )
    cluster.kubectl("delete", "node", "second")
    assert (first["spec"]["nodeName"], second["metadata"]["name"]) == ("second", "second")
    assert first["status"]["containerStatuses"][0]["restartCount"] == 0


def test_settings_that_cannot_be_used_end_the_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a sentence that says what to write."""
    file = tmp_path / "node.json"
    file.write_text("{}")
    assert __main__.main(["--config", str(file)]) == 1
    assert "set kubeconfig to a text" in capsys.readouterr().err
