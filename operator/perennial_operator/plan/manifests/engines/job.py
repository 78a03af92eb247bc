"""Engine `Job`: a batch Job with one Pod. Builds it, and reads its status.

Conditions decide, Pods explain: the exit code is in the Pod, and in the Job's condition when
the Pod is gone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from perennial_operator.api import names, reasons
from perennial_operator.api.documents import durations
from perennial_operator.plan.actions import Object
from perennial_operator.plan.manifests import run_objects
from perennial_operator.plan.manifests.engines import exits, trainer_pod
from perennial_operator.plan.manifests.engines.attempt import (
    Attempt,
    EngineStatus,
    Phase,
)
from perennial_operator.plan.snapshot import Child, ContainerFacts, PodFacts
from perennial_serving.contract import results

KIND = "Job"
_EXIT_CODE = re.compile(r"exit code ([0-9]{1,3})")


def build(attempt: Attempt) -> Object:
    """Return the Job of an attempt."""
    fields = run_objects.job_fields(trainer_pod.template(attempt), trainer_pod.TRAINER)
    deadline = durations.seconds(attempt.spec.limits.active_deadline)
    return {
        "apiVersion": "batch/v1",
        "kind": KIND,
        "metadata": run_objects.metadata(
            attempt.run, attempt.name, component=names.COMPONENT_TRAINER, step="train"
        ),
        "spec": {**fields, "activeDeadlineSeconds": deadline},
    }


def classify(job: Child, pods: Iterable[PodFacts]) -> EngineStatus:
    """Return where the Job stands; a Job that its controller has not seen yet is Unknown."""
    status = job.document.get("status") or {}
    if not status:
        return EngineStatus(Phase.UNKNOWN)
    own = pods_of(job.name, pods)
    phase = _phase(status, own)
    found = EngineStatus(phase, started=status.get("startTime", ""))
    if phase is Phase.WAITING:
        return _why_waiting(found, own)
    if phase is Phase.FAILED:
        return _why_failed(found, condition(status, "Failed") or {}, own)
    if phase is Phase.SUCCEEDED:
        return replace(found, ended=status.get("completionTime", ""))
    return found


def condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    """Return a Job's condition if it is True."""
    return next(
        (
            each
            for each in status.get("conditions", ())
            if each["type"] == type_ and each["status"] == "True"
        ),
        None,
    )


def pods_of(name: str, pods: Iterable[PodFacts]) -> tuple[PodFacts, ...]:
    """Return the Pods of a Job, oldest first."""
    own = (pod for pod in pods if pod.labels.get(run_objects.LABEL_JOB_NAME) == name)
    return tuple(sorted(own, key=lambda pod: (str(pod.created_at), pod.name)))


def _phase(status: Mapping[str, Any], pods: tuple[PodFacts, ...]) -> Phase:
    if condition(status, "Complete"):
        return Phase.SUCCEEDED
    if condition(status, "Failed"):
        return Phase.RUNNING if status.get("terminating") else Phase.FAILED
    is_ending = condition(status, "FailureTarget") or condition(status, "SuccessCriteriaMet")
    if is_ending or any(_has_trained(pod) for pod in pods):
        return Phase.RUNNING
    return Phase.WAITING


def _has_trained(pod: PodFacts) -> bool:
    """Whether its trainer runs, or ended by itself; one that was disrupted is being replaced."""
    container = _container(pod, trainer_pod.TRAINER)
    if container is None or pod.is_disrupted:
        return False
    return container.is_running or container.exit_code is not None


def _why_waiting(found: EngineStatus, pods: tuple[PodFacts, ...]) -> EngineStatus:
    if not pods:
        return replace(found, reason="NoPod", message="its Pod does not exist yet")
    newest = pods[-1]
    if newest.unschedulable:
        return replace(found, reason="Unschedulable", message=newest.unschedulable)
    for container in newest.containers:
        if container.waiting_reason:
            return replace(
                found,
                reason=container.waiting_reason,
                message=f"container {container.name}: {container.message}".rstrip(": "),
            )
    return replace(found, reason=newest.phase, message=f"its Pod {newest.name} is starting")


def _why_failed(
    found: EngineStatus, failed: Mapping[str, Any], pods: tuple[PodFacts, ...]
) -> EngineStatus:
    ended = replace(found, ended=failed.get("lastTransitionTime", ""))
    if failed.get("reason") == reasons.DEADLINE_EXCEEDED:
        return replace(
            ended,
            reason=reasons.DEADLINE_EXCEEDED,
            message="it ran longer than spec.limits.activeDeadline",
        )
    newest = pods[-1] if pods else None
    container = (newest and _first_failed(newest)) or _from_condition(failed)
    is_disrupted = newest is not None and newest.is_disrupted
    row = exits.judge(container.exit_code, container.reason, is_disrupted=is_disrupted)
    return replace(
        ended,
        reason=row.reason,
        reaction=row.reaction,
        message=_said(container.message),
        exit_code=container.exit_code,
    )


def _from_condition(failed: Mapping[str, Any]) -> ContainerFacts:
    """Return what the Job's condition still knows of a trainer whose Pod is gone."""
    message = failed.get("message", "")
    match = _EXIT_CODE.search(message)
    exit_code = int(match[1]) if match else None
    return ContainerFacts(trainer_pod.TRAINER, exit_code=exit_code, message=message)


def _said(message: str) -> str:
    """Return a container's last words: the sentence of our own result, or its log as it is."""
    result = results.parse(message)
    return f"{result.reason}: {result.message}" if result else message.strip()


def _first_failed(pod: PodFacts) -> ContainerFacts | None:
    """Return the init `fetch`, if it failed, else the trainer, if it did."""
    for name in (trainer_pod.FETCH, trainer_pod.TRAINER):
        container = _container(pod, name)
        if container and container.exit_code:
            return container
    return None


def _container(pod: PodFacts, name: str) -> ContainerFacts | None:
    return next((each for each in pod.containers if each.name == name), None)
