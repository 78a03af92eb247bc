"""What the Pods of a revision say: how many serve, what keeps the others, in words for people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial_operator.api import names, reasons
from perennial_operator.api.routing_intent import WEIGHT_SUM
from perennial_operator.plan.snapshot import ContainerFacts, PodFacts
from perennial_serving.contract import results
from perennial_serving.contract.results import Outcome, Reason

SETTLED_SECONDS = 2
TEXT_LIMIT = 300
BACKING_OFF = "CrashLoopBackOff"
OOM_KILLED = "OOMKilled"

_NEXT_STEPS: Mapping[str, str] = {
    Reason.DIGEST_MISMATCH: "set spec.model.digest to the digest of the published bytes",
    Reason.NOT_FOUND: "publish the model there, or correct spec.model.uri",
    Reason.ACCESS_DENIED: "give spec.model.credentialsSecretRef a Secret that may read there",
    Reason.ADDRESS_REFUSED: "ask an administrator to allow the host, or use another location",
    Reason.URI_REFUSED: "correct spec.model.uri",
    Reason.FORMAT_MISMATCH: "set spec.model.format to what the file is, or publish it again",
    Reason.UNSAFE_FORMAT: "publish the model as onnx or skops",
    OOM_KILLED: "raise spec.resources.limits.memory",
}
_WAITING: Mapping[str, str] = {
    "CreateContainerConfigError": "create the object that spec refers to",
    "ErrImagePull": "make the image available to the cluster",
    "ImagePullBackOff": "make the image available to the cluster",
}


@dataclass(frozen=True, slots=True)
class Crashes:
    """How often containers ended by themselves lately; `message` names the first."""

    restarts: int
    oom_kills: int
    is_backing_off: bool
    message: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a Pod from serving: a reason, words, and whether waiting may help."""

    reason: str
    message: str
    outcome: Outcome | None = None


def of(found: Iterable[PodFacts], revision: str) -> tuple[PodFacts, ...]:
    """Return the living Pods of a revision."""
    return tuple(
        pod
        for pod in found
        if pod.labels.get(names.LABEL_REVISION) == revision and not pod.is_deleting
    )


def settled(found: Iterable[PodFacts], now: datetime, *, seconds: int = SETTLED_SECONDS) -> int:
    """Return how many Pods are ready for at least this long."""
    since = now - timedelta(seconds=seconds)
    return sum(
        pod.is_ready and pod.ready_since is not None and pod.ready_since <= since for pod in found
    )


def needed(weight: int, need: int) -> int:
    """Return how many ready Pods this weight takes if `need` Pods carry all traffic.

    >>> [needed(weight, 10) for weight in (0, 500, 2500, 10000)]
    [2, 2, 3, 10]
    """
    return max(min(2, need), -(-weight * need // WEIGHT_SUM))


def crashes(found: Iterable[PodFacts], since: datetime) -> Crashes | None:
    """Return the crashes after `since`, None without any."""
    crashed = [
        (pod, each)
        for pod in found
        for each in pod.containers
        if each.finished_at and each.finished_at >= since and _is_crash(each)
    ]
    if not crashed:
        return None
    pod, container = crashed[0]
    return Crashes(
        restarts=sum(each.restarts for _pod, each in crashed),
        oom_kills=sum(max(each.restarts, 1) for _pod, each in crashed if _is_oom(each)),
        is_backing_off=any(each.waiting_reason == BACKING_OFF for _pod, each in crashed),
        message=_ended(pod, container).message,
    )


def first_trouble(found: Iterable[PodFacts]) -> Trouble | None:
    """Return the first cause that keeps a Pod from being ready, None if none is known."""
    troubles = (each for pod in found if not pod.is_ready and (each := _trouble(pod)))
    return next(troubles, None)


def trouble(found: tuple[PodFacts, ...]) -> str:
    """Return the first cause in words, also where nothing is known."""
    if not found:
        return "it has no Pods; look at the events of its Deployment"
    cause = first_trouble(found)
    return cause.message if cause else f"{sum(pod.is_ready for pod in found)} are ready"


def _trouble(pod: PodFacts) -> Trouble | None:
    if pod.unschedulable:
        return Trouble("Unschedulable", f"Pod {pod.name} has no node: {pod.unschedulable}")
    for container in pod.containers:
        if container.waiting_reason in _WAITING:
            return _waits(pod, container)
        if container.exit_code not in (None, 0) and not container.is_ready:
            return _ended(pod, container)
    return None


def _waits(pod: PodFacts, container: ContainerFacts) -> Trouble:
    is_reference = container.waiting_reason == "CreateContainerConfigError"
    reason = reasons.REF_NOT_FOUND if is_reference else container.waiting_reason
    text = (
        f"Pod {pod.name}: container {container.name} waits ({container.waiting_reason}): "
        f"{container.message[:TEXT_LIMIT]}; {_WAITING[container.waiting_reason]}"
    )
    return Trouble(reason, text)


def _ended(pod: PodFacts, container: ContainerFacts) -> Trouble:
    result = results.parse(container.message)
    reason = result.reason if result else container.reason or "Error"
    said = result.message if result else container.message
    next_step = _NEXT_STEPS.get(reason, "read its log")
    text = (
        f"Pod {pod.name}: container {container.name} ended with exit code "
        f"{container.exit_code} ({reason}): {said[:TEXT_LIMIT] or 'no message'}; {next_step}"
    )
    return Trouble(reason, text, result.outcome if result else None)


def _is_crash(container: ContainerFacts) -> bool:
    if container.exit_code in (None, 0):
        return False
    result = results.parse(container.message)
    is_artifact = result is not None and result.outcome in (Outcome.INVALID, Outcome.UNAVAILABLE)
    return not (container.is_init and is_artifact)


def _is_oom(container: ContainerFacts) -> bool:
    return container.reason == OOM_KILLED
