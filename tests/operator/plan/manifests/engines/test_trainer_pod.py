"""The trainer's Pod: what it sees, what it can write, and what it never gets."""

import json
from dataclasses import replace
from typing import Any

import pytest

from perennial_operator.api import documents
from perennial_operator.api.retrain_job import RetrainJobSpec
from perennial_operator.api.status.retrain_job import PinnedData
from perennial_operator.plan.manifests import run_objects
from perennial_operator.plan.manifests.engines import trainer_pod
from perennial_operator.plan.manifests.engines.attempt import Attempt
from perennial_operator.plan.manifests.step_inputs import Inputs
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS, retrain_job

IMAGE = f"registry.test/own@sha256:{'0' * 64}"
OWN = {
    "image": IMAGE,
    "command": ["python", "-m"],
    "args": ["train", "; touch /tmp/x"],
    "env": [{"name": "DEPTH", "value": "3"}, {"name": "PERENNIAL_OUT", "value": "/elsewhere"}],
    "workingDir": "/work",
}
POD = {
    "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
    "resources": {"limits": {"memory": "4Gi"}},
    "nodeSelector": {"gpu": "no"},
    "serviceAccountName": "trainer",
    "hostUsers": False,
    "securityContext": {"runAsUser": 1000},
    "volumes": [
        {
            "name": "in",
            "mountPath": "/cache",
            "readOnly": True,
            "persistentVolumeClaim": {"claimName": "cache"},
        }
    ],
}


def attempt(**spec: Any) -> Attempt:  # noqa: ANN401  # JSON
    """Return the second attempt of a run."""
    parsed = documents.load(RetrainJobSpec, retrain_job(**spec)["spec"])
    return Attempt(
        run=Meta("again", "default", "uid-1", 1, "1", NOON),
        n=2,
        inputs=Inputs(parsed, "run-1", "classification"),
        data=PinnedData(uri="s3://rows", train_rows=9, train_digest="sha256:1"),
        features=("age", "plan"),
        seed=7,
        nominal_time="2026-01-05T12:00:00Z",
        options=OPTIONS,
    )


def pod(**spec: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return the Pod's spec."""
    found: dict[str, Any] = trainer_pod.template(attempt(**spec))["spec"]
    return found


def environment(container: dict[str, Any]) -> dict[str, Any]:
    """Return a container's environment by name."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def mounts(container: dict[str, Any]) -> dict[str, bool]:
    """Return where a container mounts something, and whether read-only."""
    return {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}


def test_a_recipe_is_a_role_of_the_serving_image() -> None:
    """By arguments only; its last words are its log."""
    (trainer,) = pod()["containers"]

    assert (trainer["image"], trainer["args"]) == (OPTIONS.serving_image, ["job", "train"])
    assert "command" not in trainer
    assert trainer["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert trainer["resources"] == {
        "requests": {"cpu": "1", "memory": "2Gi"},
        "limits": {"memory": "2Gi"},
    }


def test_the_trainer_reads_its_input_and_writes_its_output() -> None:
    """And nothing else: no token, no credentials, no configuration folder of ours."""
    (trainer,) = pod(output={"uri": "s3://output/churn", "credentialsSecretRef": {"name": "keys"}})[
        "containers"
    ]

    assert mounts(trainer) == {
        "/perennial/in": True,
        "/perennial/out": False,
        run_objects.SCRATCH_DIR: False,
    }
    assert environment(trainer) == {
        "PERENNIAL_IN": "/perennial/in",
        "PERENNIAL_OUT": "/perennial/out",
        "TMPDIR": run_objects.SCRATCH_DIR,
        "PERENNIAL_RUN_ID": "run-1",
        "PERENNIAL_ATTEMPT": "2",
        "PERENNIAL_SEED": "7",
        "PERENNIAL_CPU_LIMIT": {
            "resourceFieldRef": {"containerName": "trainer", "resource": "requests.cpu"}
        },
    }


def test_a_user_s_container_stays_as_it_was_written() -> None:
    """Lists, never shell text; the contract's variables are ours."""
    (trainer,) = pod(trainer={"container": OWN})["containers"]

    assert (trainer["image"], trainer["command"]) == (IMAGE, ["python", "-m"])
    assert trainer["args"] == ["train", "; touch /tmp/x"]
    assert trainer["workingDir"] == "/work"
    assert environment(trainer)["DEPTH"] == "3"
    assert environment(trainer)["PERENNIAL_OUT"] == "/perennial/out"
    names = [each["name"] for each in trainer["env"]]
    assert len(names) == len(set(names))


def test_init_and_sidecar_carry_the_rows_and_the_result() -> None:
    """The first lays out, the second uploads below this attempt's own prefix."""
    fetch, upload = pod()["initContainers"]

    assert (fetch["name"], fetch["args"]) == ("fetch", ["job", "inputs"])
    assert "restartPolicy" not in fetch
    assert mounts(fetch) == {
        "/perennial/in": False,
        "/perennial/in/config": True,
        run_objects.SCRATCH_DIR: False,
    }
    assert (upload["name"], upload["args"]) == ("upload", ["job", "upload"])
    assert upload["restartPolicy"] == "Always"
    assert mounts(upload) == {"/perennial/out": True, run_objects.SCRATCH_DIR: False}
    assert json.loads(environment(upload)["PERENNIAL_STEP"]) == {
        "runId": "run-1",
        "attempt": 2,
        "output": "s3://output/churn",
    }


def test_only_our_containers_get_the_output_s_credentials() -> None:
    """In a folder that their settings name."""
    spec = pod(output={"uri": "s3://output/churn", "credentialsSecretRef": {"name": "keys"}})

    for container in spec["initContainers"]:
        assert mounts(container)["/perennial/credentials"] is True
        assert environment(container)["PERENNIAL_CREDENTIALS_DIR"] == "/perennial/credentials"
    volume = next(each for each in spec["volumes"] if each["name"] == "credentials")
    assert volume["projected"]["sources"][0]["secret"]["name"] == "keys"


def test_an_upload_has_time_to_end() -> None:
    """Two minutes for the trainer, ten for the sidecar."""
    assert pod()["terminationGracePeriodSeconds"] == 720


def test_every_container_is_restricted() -> None:
    """Ids may be chosen, the standard stays."""
    spec = pod(trainer={"recipe": {"name": "tabular-classification"}, "pod": POD})

    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1000,
    }
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"] == run_objects.restricted_container()


def test_the_curated_fields_reach_the_pod() -> None:
    """And the trainer; the rest of a Pod is ours."""
    spec = pod(trainer={"recipe": {"name": "tabular-classification"}, "pod": POD})
    (trainer,) = spec["containers"]

    assert spec["nodeSelector"] == {"gpu": "no"}
    assert (spec["serviceAccountName"], spec["hostUsers"]) == ("trainer", False)
    assert trainer["resources"] == {"limits": {"memory": "4Gi"}}
    assert environment(trainer)["OMP_NUM_THREADS"] == "1"
    assert "env" not in spec
    assert "volumeMounts" not in spec


def test_a_user_s_volume_cannot_take_the_place_of_ours() -> None:
    """Its name has a prefix; its mount is as it was written."""
    spec = pod(trainer={"recipe": {"name": "tabular-classification"}, "pod": POD})
    (trainer,) = spec["containers"]

    assert {"name": "user-in", "persistentVolumeClaim": {"claimName": "cache"}} in spec["volumes"]
    assert {"name": "user-in", "mountPath": "/cache", "readOnly": True} in trainer["volumeMounts"]
    names = [each["name"] for each in spec["volumes"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("spec", [{}, {"trainer": {"container": OWN}}])
def test_every_mount_has_its_volume(spec: dict[str, Any]) -> None:
    """And each volume is mounted somewhere."""
    found = pod(**spec)
    containers = (*found["initContainers"], *found["containers"])
    mounted = {each["name"] for container in containers for each in container["volumeMounts"]}

    assert mounted == {each["name"] for each in found["volumes"]}


def test_run_json_is_the_trainer_contract_s() -> None:
    """Its folders are relative to the two variables."""
    assert trainer_pod.run_json(attempt()) == {
        "v": 1,
        "runId": "run-1",
        "attempt": 2,
        "model": "churn",
        "task": "classification",
        "recipe": {"name": "tabular-classification", "version": "1"},
        "trigger": "Manual",
        "nominalTime": "2026-01-05T12:00:00Z",
        "seed": 7,
        "columns": {"time": "", "label": "target", "group": "", "id": "", "weight": ""},
        "features": ["age", "plan"],
        "train": {"dir": "train", "rows": 9, "digest": "sha256:1"},
        "output": {"dir": ".", "uri": "s3://output/churn/runs/run-1/a2"},
    }
    assert trainer_pod.run_json(attempt(trainer={"container": OWN}))["recipe"] is None


def test_the_config_never_changes() -> None:
    """Immutable, named by the attempt, with both files."""
    found = trainer_pod.config_map(attempt(parameters={"depth": "3"}))

    assert found["immutable"] is True
    assert found["metadata"]["name"] == "again-in-2"
    assert json.loads(found["data"]["run.json"]) == trainer_pod.run_json(
        attempt(parameters={"depth": "3"})
    )
    assert json.loads(found["data"]["parameters.json"]) == {"depth": "3"}


def test_another_operator_image_builds_the_same_pod() -> None:
    """Only the serving image is in it."""
    one = attempt()
    other = replace(one, options=replace(OPTIONS, operator_image="other"))

    assert trainer_pod.template(one) == trainer_pod.template(other)
