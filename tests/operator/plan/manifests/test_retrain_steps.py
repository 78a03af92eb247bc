"""A step is a Job with one container, its input and its least rights."""

import json
from dataclasses import replace

import pytest

from perennial_operator.plan.manifests import retrain_steps, run_objects
from perennial_operator.plan.manifests.retrain_steps import StepJob
from perennial_operator.plan.snapshot import Meta
from perennial_operator.testing import NOON, OPTIONS

RUN = Meta("again", "default", "uid-1", 1, "1", NOON)
STEP = StepJob(
    run=RUN,
    step="check",
    name="again-check-1",
    document={"b": 1, "a": "$(PATH)"},
    options=OPTIONS,
)
OPENED = replace(STEP, credentials={"output": ("keys", "s3://out")})


def test_names_count_the_tries() -> None:
    """A Job's name is never used twice."""
    assert retrain_steps.job_name("again", "check", 2) == "again-check-2"


@pytest.mark.parametrize(
    ("step", "verb"), [("check", "check"), ("harvest", "harvest"), ("validate", "compare")]
)
def test_each_step_runs_its_verb(step: str, verb: str) -> None:
    """In the serving image, by arguments only."""
    found = retrain_steps.job(replace(STEP, step=step))
    (container,) = found["spec"]["template"]["spec"]["containers"]

    assert container["args"] == ["job", verb]
    assert container["image"] == OPTIONS.serving_image
    assert "command" not in container


def test_a_step_without_secrets_mounts_only_its_scratch() -> None:
    """The whole Pod, as it is sent."""
    found = retrain_steps.job(STEP)

    assert found["metadata"] == run_objects.metadata(
        RUN, "again-check-1", component="step", step="check"
    )
    assert found["spec"]["template"] == {
        "metadata": {"labels": run_objects.labels(RUN, component="step", step="check")},
        "spec": {
            **run_objects.restricted_pod(),
            "containers": [
                {
                    "name": "step",
                    "image": OPTIONS.serving_image,
                    "args": ["job", "check"],
                    "env": [
                        *run_objects.settings(OPTIONS),
                        {
                            "name": "PERENNIAL_STEP",
                            "value": '{"a":"\\u0024(PATH)","b":1}',
                        },
                    ],
                    "resources": run_objects.step_resources(OPTIONS),
                    "securityContext": run_objects.restricted_container(),
                    "volumeMounts": [{"name": "scratch", "mountPath": run_objects.SCRATCH_DIR}],
                }
            ],
            "volumes": [run_objects.scratch("scratch")],
        },
    }
    rule = found["spec"]["podFailurePolicy"]["rules"][1]
    assert rule["onExitCodes"]["containerName"] == "step"


def test_secrets_are_mounted_where_the_settings_say() -> None:
    """Read-only, and named by the environment."""
    pod = retrain_steps.job(OPENED)["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert container["env"][-1] == {
        "name": "PERENNIAL_CREDENTIALS_DIR",
        "value": "/perennial/credentials",
    }
    assert container["volumeMounts"][1] == {
        "name": "credentials",
        "mountPath": "/perennial/credentials",
        "readOnly": True,
    }
    assert pod["volumes"][1]["projected"]["sources"][0]["secret"]["name"] == "keys"


def test_a_step_s_object_is_plain_json() -> None:
    """It can be sent, and equals itself afterwards."""
    found = retrain_steps.job(OPENED)

    assert json.loads(json.dumps(found)) == found
