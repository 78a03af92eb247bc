"""Facts about the API server that the machine builds on, on the real one."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from machine_stage import MachineStage, config_map

from perennial_operator.api import names
from perennial_operator.apply import intents
from perennial_operator.cluster import kinds
from perennial_operator.cluster.answers import Exists, Expired, Gone, Stale, Unexpected
from perennial_operator.cluster.credentials import Credentials
from perennial_operator.cluster.kubernetes_client import KubernetesCluster
from perennial_operator.cluster.port import Selection
from perennial_operator.errors import Invalid, Unavailable
from perennial_operator.testing import model_deployment
from perennial_sandbox.sandbox import Running

pytestmark = pytest.mark.e2e

Document = dict[str, Any]


@pytest.fixture
def stage(installed: Running) -> MachineStage:
    """Return a namespace of its own."""
    return MachineStage(installed)


def applied(stage: MachineStage, **fields: Any) -> Document:  # noqa: ANN401  # JSON
    """Apply the ConfigMap `x` as the operator does."""
    document = config_map("x", namespace=stage.namespace)
    document["metadata"] |= fields.pop("metadata", {})
    return stage.cluster.apply({**document, **fields}, manager=names.MANAGER_CHILDREN)


def workload(namespace: str, kind: str, **spec: Any) -> Document:  # noqa: ANN401  # JSON
    """Return a Deployment or Job with a quantity in another form than the server's."""
    labels = {"app": "x"}
    resources = {"requests": {"cpu": "0.5", "memory": "1024Mi"}}
    container = {"name": "x", "image": "x", "resources": resources, "env": []}
    pod = {"containers": [container], "restartPolicy": spec.pop("restart", "Always")}
    return {
        "apiVersion": "apps/v1" if kind == "Deployment" else "batch/v1",
        "kind": kind,
        "metadata": {"name": "x", "namespace": namespace},
        "spec": {**spec, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def test_an_equal_apply_changes_nothing(stage: MachineStage) -> None:
    """The resourceVersion stays, so no watch fires."""
    first, second = applied(stage), applied(stage)
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def test_a_field_that_is_left_out_is_removed(stage: MachineStage) -> None:
    """Set and then unset equals never set."""
    applied(stage, data={"a": "1", "b": "2"})
    assert applied(stage, data={"a": "1"})["data"] == {"a": "1"}


def test_a_version_in_an_apply_is_a_precondition_but_not_on_what_is_absent(
    stage: MachineStage,
) -> None:
    """Hence the look at the live root before anything unknown is made."""
    made = applied(stage, metadata={"resourceVersion": "1"})
    assert made["metadata"]["name"] == "x"
    with pytest.raises(Stale):
        applied(stage, metadata={"resourceVersion": "1"})


def test_a_uid_in_an_apply_stops_a_resurrection(stage: MachineStage) -> None:
    """An old plan cannot make a deleted object again."""
    with pytest.raises(Stale):
        applied(stage, metadata={"uid": "00000000-0000-0000-0000-000000000000"})
    assert stage.get(kinds.CONFIG_MAP, "x") is None


def test_a_uid_is_not_noticed_on_status(stage: MachineStage) -> None:
    """So status writes carry the resourceVersion; a wrong one is stale, a missing object gone."""
    root = stage.model()
    document = {
        "apiVersion": names.API_VERSION,
        "kind": names.MODEL_DEPLOYMENT,
        "status": {"url": "x"},
    }

    def write(name: str = "churn", **metadata: str) -> Document:
        meta = {"namespace": stage.namespace, "name": name, **metadata}
        return stage.cluster.apply(
            {**document, "metadata": meta}, manager=names.MANAGER_STATUS, subresource="status"
        )

    written = write(resourceVersion=root["metadata"]["resourceVersion"])
    assert written["metadata"]["generation"] == root["metadata"]["generation"]
    with pytest.raises(Stale):
        write(resourceVersion=root["metadata"]["resourceVersion"])
    with pytest.raises(Gone):
        write("absent", resourceVersion="1")


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda s: applied(s, nonsense={}), Unexpected),
        (lambda s: applied(s, data={"a": 1}), Unexpected),
        (lambda s: s.cluster.create(config_map("x", namespace="no-such-namespace")), Gone),
        (lambda s: s.put({**model_deployment(), "spec": {"model": {}}}), Invalid),
        (lambda s: s.cluster.apply(workload(s.namespace, "Job"), manager="m"), Invalid),
    ],
)
def test_refusals_are_understood(
    stage: MachineStage, act: Callable[[MachineStage], object], error: type[Exception]
) -> None:
    """Undeclared fields and wrong types are our bugs; invalid children are told to people."""
    with pytest.raises(error):
        act(stage)


def test_a_taken_name_is_told_apart_from_a_stale_write(stage: MachineStage) -> None:
    """Creation says so; deletion checks uid and version."""
    made = stage.cluster.create(config_map("x", namespace=stage.namespace))
    with pytest.raises(Exists):
        stage.cluster.create(config_map("x", namespace=stage.namespace))

    def delete(**preconditions: str) -> None:
        stage.cluster.delete(
            kinds.CONFIG_MAP, namespace=stage.namespace, name="x", preconditions=preconditions
        )

    for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
        with pytest.raises(Stale):
            delete(**wrong)
    delete(uid=made["metadata"]["uid"], resourceVersion=made["metadata"]["resourceVersion"])
    delete(uid=made["metadata"]["uid"])
    assert stage.get(kinds.CONFIG_MAP, "x") is None


def test_immutable_fields_are_our_bug(stage: MachineStage) -> None:
    """Names of immutable kinds hold a hash of their inputs."""
    job = workload(stage.namespace, "Job", restart="Never")
    stage.cluster.apply(job, manager="m")
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    with pytest.raises(Unexpected, match="immutable"):
        stage.cluster.apply(job, manager="m")


def test_an_intent_is_recognized_in_what_the_server_stored(stage: MachineStage) -> None:
    """Defaults, canonical quantities and other writers do not look like drift."""
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}}
    intent = intents.stamped(workload(stage.namespace, "Deployment", **spec))
    live = stage.cluster.apply(intent, manager=names.MANAGER_CHILDREN)
    resources = live["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["requests"] == {"cpu": "500m", "memory": "1Gi"}
    assert intents.is_in_force(live, intent)
    live["spec"]["replicas"] = 7
    assert not intents.is_in_force(live, intent)


def test_a_watch_goes_on_from_a_version_and_expires_with_history(stage: MachineStage) -> None:
    """Nothing between list and watch is lost; an ancient version is refused."""
    page = stage.cluster.list(kinds.CONFIG_MAP, Selection(stage.namespace))
    made = applied(stage)
    stream = stage.cluster.watch(
        kinds.CONFIG_MAP, Selection(stage.namespace), since=page.resource_version
    )
    uid = made["metadata"]["uid"]  # the controllers add a ConfigMap of their own meanwhile
    event = next(each for each in stream if each.object["metadata"].get("uid") == uid)
    assert event.type == "ADDED"
    stream.close()
    with pytest.raises(Expired):
        patiently(lambda: list(stage.cluster.watch(kinds.MODEL_DEPLOYMENT, Selection(), since="1")))


def patiently(act: Callable[[], object]) -> None:
    """Act once the server can answer: a new kind's storage takes a while to start (429)."""
    for _ in range(100):
        try:
            act()
        except Unavailable:
            time.sleep(0.2)
        else:
            return


def test_lists_can_be_read_in_pages_and_as_metadata_only(stage: MachineStage) -> None:
    """Each item says what it is, and nothing more."""
    for number in range(3):
        stage.put(config_map(f"x{number}", namespace=stage.namespace))
    page = stage.cluster.list(
        kinds.CONFIG_MAP, Selection(stage.namespace), limit=2, metadata_only=True
    )
    assert len(page.items) == 2
    assert page.continue_token
    assert all("data" not in item and item["kind"] == "ConfigMap" for item in page.items)


@pytest.mark.parametrize("token", ["wrong", ""])
def test_strangers_are_unavailable_to_us(installed: Running, token: str) -> None:
    """401 and 403 are waited out, not taken for answers."""
    cluster = KubernetesCluster(
        Credentials(installed.server, ca_file=str(installed.ca_file), token=token)
    )
    with pytest.raises(Unavailable):
        cluster.list(kinds.POD, Selection())
    cluster.close()
