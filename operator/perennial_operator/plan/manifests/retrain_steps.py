"""Step Jobs of a run: one container of the serving image, its input as JSON, its least rights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perennial_operator.api import names
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import run_objects
from perennial_operator.plan.snapshot import Meta, Options

CHECK = "check"
TRAIN = "train"
HARVEST = "harvest"
VALIDATE = "validate"

CONTAINER = "step"
VERBS: Mapping[str, str] = {CHECK: "check", HARVEST: "harvest", VALIDATE: "compare"}


@dataclass(frozen=True, slots=True)
class StepJob:
    """A step to run: `document` is its input, `credentials` its folders as (Secret, URI)."""

    run: Meta
    step: str
    name: str
    document: Mapping[str, Any]
    options: Options
    credentials: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def job_name(run: str, step: str, n: int) -> str:
    """Return the name of the n-th try of a step."""
    return f"{run}-{step}-{n}"


def job(step: StepJob) -> Object:
    """Return the Job of a step."""
    labels = run_objects.labels(step.run, component=names.COMPONENT_STEP, step=step.step)
    template = {"metadata": {"labels": labels}, "spec": _pod(step)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": run_objects.metadata(
            step.run, step.name, component=names.COMPONENT_STEP, step=step.step
        ),
        "spec": run_objects.job_fields(template, CONTAINER),
    }


def _pod(step: StepJob) -> dict[str, Any]:
    volumes = [run_objects.scratch("scratch")]
    if step.credentials:
        volumes.append(run_objects.credentials_volume("credentials", step.credentials))
    return {
        **run_objects.restricted_pod(),
        "containers": [_container(step)],
        "volumes": volumes,
    }


def _container(step: StepJob) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": step.options.serving_image,
        "args": ["job", VERBS[step.step]],
        "env": [
            *run_objects.settings(step.options),
            {"name": "PERENNIAL_STEP", "value": run_objects.json_value(step.document)},
            *(run_objects.CREDENTIALS_ENV if step.credentials else ()),
        ],
        "resources": run_objects.step_resources(step.options),
        "securityContext": run_objects.restricted_container(),
        "volumeMounts": [
            run_objects.mount("scratch", run_objects.SCRATCH_DIR),
            *([run_objects.CREDENTIALS_MOUNT] if step.credentials else ()),
        ],
    }
