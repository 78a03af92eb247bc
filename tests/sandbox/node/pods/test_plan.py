"""Tests of the typed view of a Pod."""

import pytest

from perennial_sandbox.node.pods import plan
from perennial_sandbox.node.pods.plan import Container, Mount, PodPlan, Role
from perennial_sandbox.node.pods.probing import Probe
from perennial_sandbox.node.testing import container, pod, sidecar


def test_a_plain_pod_has_one_main_container() -> None:
    """The defaults of Kubernetes hold for what a Pod does not say."""
    assert plan.plan_of(pod()) == PodPlan(containers=(Container("main", image="app"),))


def test_roles_follow_from_place_and_restart_policy() -> None:
    """An init container that always restarts is a sidecar; the order of the spec is kept."""
    thing = pod(initContainers=[container("a"), sidecar("b"), container("c")])
    found = [(one.name, one.role) for one in plan.plan_of(thing).containers]
    assert found == [
        ("a", Role.INIT),
        ("b", Role.SIDECAR),
        ("c", Role.INIT),
        ("main", Role.MAIN),
    ]


def test_containers_can_be_selected_by_role() -> None:
    """Selection keeps the order."""
    found = plan.plan_of(pod(initContainers=[container("a"), sidecar("b")]))
    names = [one.name for one in found.of(Role.MAIN, Role.INIT)]
    assert names == ["a", "main"]


def test_a_container_keeps_every_field_that_the_node_acts_on() -> None:
    """Nothing of the spec is lost on the way."""
    spec = container(
        command=["run"],
        args=["-v"],
        workingDir="/work",
        env=[{"name": "A", "value": "1"}],
        envFrom=[{"configMapRef": {"name": "c"}}],
        volumeMounts=[
            {"name": "v", "mountPath": "/data/", "subPath": "x"},
            {"name": "r", "mountPath": "/"},
        ],
        ports=[{"name": "http", "containerPort": 80}, {"containerPort": 81}],
        resources={"limits": {"memory": "1Mi"}},
        startupProbe={"exec": {}},
        readinessProbe={"httpGet": {}},
        livenessProbe={"tcpSocket": {}},
        lifecycle={"preStop": {"sleep": {"seconds": 1}}},
        terminationMessagePath="/end",
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    (found,) = plan.plan_of(pod(spec, restartPolicy="Never")).containers
    assert found == Container(
        name="main",
        image="app",
        command=("run",),
        args=("-v",),
        restart_policy="Never",
        working_directory="/work",
        environment=({"name": "A", "value": "1"},),
        environment_from=({"configMapRef": {"name": "c"}},),
        mounts=(Mount("v", "/data", "x"), Mount("r", "/")),
        ports={"http": 80},
        resources={"limits": {"memory": "1Mi"}},
        startup=Probe({"exec": {}}),
        readiness=Probe({"httpGet": {}}),
        liveness=Probe({"tcpSocket": {}}),
        pre_stop={"sleep": {"seconds": 1}},
        termination_path="/end",
        uses_logs_as_message=True,
    )


def test_a_pod_keeps_every_field_that_the_node_acts_on() -> None:
    """Volumes, network, gates and grace are the Pod's own."""
    found = plan.plan_of(
        pod(
            volumes=[{"name": "v", "emptyDir": {}}],
            hostNetwork=True,
            readinessGates=[{"conditionType": "x/y"}],
            terminationGracePeriodSeconds=7,
        )
    )
    assert (found.volumes, found.uses_host_network, found.readiness_gates, found.grace_seconds) == (
        ({"name": "v", "emptyDir": {}},),
        True,
        ("x/y",),
        7,
    )


@pytest.mark.parametrize(("limit", "size"), [("64Mi", 64 * 2**20), (None, None)])
def test_a_memory_limit_is_counted_in_bytes(limit: str | None, size: int | None) -> None:
    """Without a limit there is no number."""
    resources = {"limits": {"memory": limit}} if limit else {}
    assert Container("a", resources=resources).memory_limit_bytes == size


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("app", "app"),
        ("app:v1", "app"),
        ("host:5000/app", "host:5000/app"),
        ("host:5000/app:v1", "host:5000/app"),
        ("host/app@sha256:aa", "host/app"),
        ("host/app:v1@sha256:aa", "host/app"),
    ],
)
def test_tag_and_digest_are_no_part_of_an_images_name(image: str, name: str) -> None:
    """The port of a registry is."""
    assert plan.image_name(image) == name
