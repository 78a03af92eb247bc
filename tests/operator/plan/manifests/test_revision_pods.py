"""A revision's Pods: restricted, credentials only where bytes are fetched, probes on `admin`."""

from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api.schema.shared_types import LocalReference, PodFields
from perennial_operator.plan.manifests import revision_pods
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS

META = Meta("churn", "default", "uid-1", 3, "9", NOON)
REVISION = "churn-0123456789"
MODEL = {"uri": "s3://models/one", "digest": "sha256:1", "format": "onnx", "credentials": "keys"}


def template(pod: PodFields = PodFields(), **model: str) -> dict[str, Any]:  # noqa: B008  # frozen
    """Return the rendered template."""
    return revision_pods.template(
        META, REVISION, model={**MODEL, **model}, pod=pod, options=OPTIONS
    )


def containers(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return `fetch` and `predictor`."""
    (fetch,), (predictor,) = found["spec"]["initContainers"], found["spec"]["containers"]
    return fetch, predictor


def environment(container: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a container."""
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_our_images_get_arguments_only() -> None:
    """The image knows its program; the role is its argument."""
    fetch, predictor = containers(template())
    assert (fetch["args"], predictor["args"]) == (["fetch"], ["serve"])
    assert "command" not in fetch
    assert fetch["image"] == predictor["image"] == OPTIONS.serving_image


def test_both_roles_know_the_model_and_only_the_server_its_name() -> None:
    """Settings are the contract with the serving image."""
    fetch, predictor = containers(template())
    shared = {
        "PERENNIAL_MODEL_URI": "s3://models/one",
        "PERENNIAL_MODEL_DIGEST": "sha256:1",
        "PERENNIAL_MODEL_FORMAT": "onnx",
    }
    assert shared.items() <= environment(fetch).items()
    assert shared.items() <= environment(predictor).items()
    named = {
        "PERENNIAL_MODEL_NAME": "churn",
        "PERENNIAL_REVISION": REVISION,
        "PERENNIAL_DRAIN_DELAY_SECONDS": "10",
    }
    assert named.items() <= environment(predictor).items()
    assert not named.keys() & environment(fetch).keys()
    assert "PERENNIAL_MODEL_FORMAT" not in environment(containers(template(format=""))[0])


def test_credentials_reach_fetch_and_nobody_else() -> None:
    """Only the documented keys, each optional, in one folder; the predictor mounts none."""
    found = template()
    fetch, predictor = containers(found)
    mounts = {each["name"]: each for each in fetch["volumeMounts"]}
    assert mounts["credentials"] == {
        "name": "credentials",
        "mountPath": "/perennial/credentials",
        "readOnly": True,
    }
    assert environment(fetch)["PERENNIAL_CREDENTIALS_DIR"] == "/perennial/credentials"
    assert "credentials" not in {each["name"] for each in predictor["volumeMounts"]}
    (volume,) = [each for each in found["spec"]["volumes"] if each["name"] == "credentials"]
    (source,) = volume["projected"]["sources"]
    assert source["secret"]["name"] == "keys"
    assert source["secret"]["optional"] is True
    paths = {item["path"] for item in source["secret"]["items"]}
    assert "model/AWS_SECRET_ACCESS_KEY" in paths

    bare = template(credentials="")
    assert {each["name"] for each in bare["spec"]["volumes"]} == {"models", "scratch"}


def test_the_server_reads_and_fetch_writes_the_model() -> None:
    """One volume, two rights."""
    fetch, predictor = containers(template())
    rights = [
        next(each for each in container["volumeMounts"] if each["name"] == "models")
        for container in (fetch, predictor)
    ]
    assert rights == [
        {"name": "models", "mountPath": "/models"},
        {"name": "models", "mountPath": "/models", "readOnly": True},
    ]


def test_probes_ask_the_admin_port() -> None:
    """A flood on the data port cannot fail them."""
    _, predictor = containers(template())
    probes = {
        key: (value["httpGet"], value["periodSeconds"], value["failureThreshold"])
        for key, value in predictor.items()
        if key.endswith("Probe")
    }
    assert probes == {
        "startupProbe": ({"path": "/readyz", "port": "admin"}, 1, 600),
        "readinessProbe": ({"path": "/readyz", "port": "admin"}, 2, 2),
        "livenessProbe": ({"path": "/livez", "port": "admin"}, 10, 3),
    }
    assert [(each["name"], each["containerPort"]) for each in predictor["ports"]] == [
        ("data", 8080),
        ("admin", 8081),
    ]


def test_the_grace_period_covers_drain_and_the_last_request() -> None:
    """The drain delay, a whole request and a margin: drainDelay + request timeout + margin."""
    assert template()["spec"]["terminationGracePeriodSeconds"] == 45
    slow = replace(OPTIONS, drain_delay_seconds=20)
    found = revision_pods.template(META, REVISION, model=MODEL, pod=PodFields(), options=slow)
    assert found["spec"]["terminationGracePeriodSeconds"] == 55


def test_every_container_is_restricted() -> None:
    """No escalation, no capability, a read-only root, no user id of ours."""
    found = template()
    for container in containers(found):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert found["spec"]["securityContext"]["runAsNonRoot"] is True
    assert "runAsUser" not in found["spec"]["securityContext"]
    assert found["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (PodFields(node_selector={"a": "b"}), {"nodeSelector": {"a": "b"}}),
        (PodFields(tolerations=({"key": "x"},)), {"tolerations": [{"key": "x"}]}),
        (PodFields(affinity={"podAffinity": {}}), {"affinity": {}}),
        (PodFields(service_account_name="me"), {"serviceAccountName": "me"}),
        (
            PodFields(image_pull_secrets=(LocalReference("pull"),)),
            {"imagePullSecrets": [{"name": "pull"}]},
        ),
        (PodFields(runtime_class_name="gvisor"), {"runtimeClassName": "gvisor"}),
        (PodFields(host_users=False), {"hostUsers": False}),
        (
            PodFields(topology_spread_constraints=({"maxSkew": 1},)),
            {"topologySpreadConstraints": [{"maxSkew": 1}]},
        ),
    ],
)
def test_curated_fields_reach_the_pod(pod: PodFields, expected: dict[str, Any]) -> None:
    """Each field under its own name."""
    found = template(pod)["spec"]
    (key,) = expected
    assert found[key] == (pod.affinity if key == "affinity" else expected[key])


def test_the_user_s_environment_volumes_and_ids_reach_the_predictor() -> None:
    """Ours win over a name that is ours; ids tighten the Pod's context."""
    volume = {"name": "data", "mountPath": "/data", "readOnly": True, "emptyDir": {}}
    env = ({"name": "A", "value": "b"}, {"name": "PERENNIAL_REVISION", "value": "forged"})
    found = template(PodFields(env=env, volumes=(volume,), security_context={"runAsUser": 7}))
    fetch, predictor = containers(found)

    assert environment(predictor)["A"] == "b"
    assert environment(predictor)["PERENNIAL_REVISION"] == REVISION
    assert "A" not in environment(fetch)
    assert {"name": "data", "emptyDir": {}} in found["spec"]["volumes"]
    mount = {"name": "data", "mountPath": "/data", "readOnly": True}
    assert mount in predictor["volumeMounts"]
    assert found["spec"]["securityContext"]["runAsUser"] == 7
    assert found["spec"]["securityContext"]["runAsNonRoot"] is True


def test_resources_are_the_predictor_s() -> None:
    """What the user asks for, and nothing if nothing was asked."""
    bare = template()
    assert revision_pods.with_resources(bare, {}) == bare
    asked = {"limits": {"memory": "1Gi"}}
    fetch, predictor = containers(revision_pods.with_resources(bare, asked))
    assert predictor["resources"] == asked
    assert "resources" not in fetch


@pytest.mark.parametrize("model", [MODEL, {"uri": "file:///m", "digest": "sha256:2"}])
def test_a_template_says_what_it_serves(model: dict[str, str]) -> None:
    """Identity can be read back from the Pods."""
    found = revision_pods.template(META, REVISION, model=model, pod=PodFields(), options=OPTIONS)
    assert revision_pods.model_of(found) == model


def test_a_deployment_selects_exactly_its_revision() -> None:
    """Revision and root: no selector matches two; Pods are replaced before they go."""
    made = template()
    found = revision_pods.deployment(META, REVISION, template=made, replicas=3)
    spec = found["spec"]
    assert spec["replicas"] == 3
    assert spec["selector"]["matchLabels"] == {
        "perennial.dev/revision": REVISION,
        "perennial.dev/root-uid": "uid-1",
    }
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert "perennial.dev/attempt" not in labels
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert found["metadata"]["name"] == REVISION
