"""Labels, owners, volumes and Jobs that the objects of a run share."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.plan.manifests import run_objects
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS

RUN = Meta("again", "default", "uid-1", 1, "1", NOON)


def test_a_child_is_owned_by_its_run() -> None:
    """As a controller, so it goes when the run goes."""
    found = run_objects.metadata(RUN, "again-check-1", component="step", step="check")

    assert found == {
        "name": "again-check-1",
        "namespace": "default",
        "labels": {
            "app.kubernetes.io/name": "again",
            "app.kubernetes.io/component": "step",
            "app.kubernetes.io/managed-by": "perennial",
            "perennial.dev/root-kind": "RetrainJob",
            "perennial.dev/root-name": "again",
            "perennial.dev/root-uid": "uid-1",
            "perennial.dev/run-id": "uid-1",
            "perennial.dev/step": "check",
        },
        "ownerReferences": [
            {
                "apiVersion": "perennial.dev/v1alpha1",
                "kind": "RetrainJob",
                "name": "again",
                "uid": "uid-1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def test_pods_fit_the_restricted_standard() -> None:
    """No root, no token, no escalation, no capability, no writable root."""
    assert run_objects.restricted_pod() == {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    assert run_objects.restricted_container() == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_only_the_documented_keys_of_a_scheme_are_projected() -> None:
    """Each purpose has its folder; an absent Secret does not hold the Pod back."""
    found = run_objects.credentials_volume(
        "credentials", {"output": ("keys", "s3://out"), "data": ("web", "https://rows")}
    )

    assert found == {
        "name": "credentials",
        "projected": {
            "defaultMode": 0o440,
            "sources": [
                {
                    "secret": {
                        "name": "web",
                        "optional": True,
                        "items": [
                            {"key": "HTTPS_AUTHORIZATION", "path": "data/HTTPS_AUTHORIZATION"}
                        ],
                    }
                },
                {
                    "secret": {
                        "name": "keys",
                        "optional": True,
                        "items": [
                            {"key": key, "path": f"output/{key}"}
                            for key in (
                                "AWS_ACCESS_KEY_ID",
                                "AWS_SECRET_ACCESS_KEY",
                                "AWS_SESSION_TOKEN",
                                "AWS_REGION",
                                "AWS_ENDPOINT_URL",
                            )
                        ],
                    }
                },
            ],
        },
    }


@pytest.mark.parametrize("uri", ["file:///rows", "gopher://rows", ""])
def test_a_scheme_without_keys_gets_no_secret(uri: str) -> None:
    """No items would mean all keys."""
    found = run_objects.credentials_volume("credentials", {"data": ("keys", uri)})

    assert found == run_objects.scratch("credentials")


@given(st.dictionaries(st.text(), st.text()))
def test_json_for_the_environment_cannot_be_expanded(document: dict[str, str]) -> None:
    """The kubelet expands `$(NAME)` and halves `$$`; the text holds neither."""
    text = run_objects.json_value(document)

    assert "$" not in text
    assert json.loads(text) == document


def test_settings_are_handed_on() -> None:
    """What the operator may do, its steps may do."""
    options = replace(OPTIONS, allowed_hosts="s3.test", allow_private_networks=True)

    assert run_objects.settings(options) == [
        {"name": "PERENNIAL_ALLOWED_HOSTS", "value": "s3.test"},
        {"name": "PERENNIAL_ALLOW_PRIVATE_NETWORKS", "value": "true"},
        {"name": "PERENNIAL_ALLOW_UNSAFE_FORMATS", "value": "false"},
        {"name": "TMPDIR", "value": run_objects.SCRATCH_DIR},
    ]


def test_steps_have_the_operator_s_resources() -> None:
    """Memory is limited, CPU is not."""
    assert run_objects.step_resources(replace(OPTIONS, step_cpu="2", step_memory="3Gi")) == {
        "requests": {"cpu": "2", "memory": "3Gi"},
        "limits": {"memory": "3Gi"},
    }


def test_a_job_is_never_retried_but_replaced_when_disrupted() -> None:
    """The second rule keeps the exit code in the Job's condition."""
    assert run_objects.job_fields({"spec": {}}, "step") == {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": "step",
                        "operator": "NotIn",
                        "values": [0],
                    },
                },
            ]
        },
        "template": {"spec": {}},
    }


def test_a_mount_is_writable_unless_said() -> None:
    """The field is absent where it says nothing."""
    assert run_objects.mount("in", "/in") == {"name": "in", "mountPath": "/in"}
    assert run_objects.mount("in", "/in", read_only=True)["readOnly"] is True
