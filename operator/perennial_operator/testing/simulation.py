"""What the controllers of a cluster and the routers would do, as functions over documents.

Deployments get Pods that become ready after a while, Jobs end as the test says, routers take
over each intent and count the traffic that the test asks for.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from perennial_operator.api import conditions, names
from perennial_operator.api.routing_intent import (
    WEIGHT_SUM,
    ModelState,
    RevisionCounters,
    RouterState,
    RoutingIntent,
)

Document = dict[str, Any]

_SUCCESS = {
    "reason": "CompletionsReached",
    "message": "Reached expected number of succeeded pods",
}


@dataclass(frozen=True, slots=True)
class PodBehavior:
    """What the Pods of a Deployment do instead of becoming ready.

    With an `exit_code` the named container (default: the first) ends with it again and again;
    without one the Pods run and never become ready.
    """

    container: str = ""
    exit_code: int | None = None
    reason: str = "Error"
    message: str = ""
    restarts: int = 5


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a Job's Pod ends; `message` is its termination message, a mapping becomes JSON."""

    message: Mapping[str, Any] | str = ""
    exit_code: int = 0
    reason: str = ""


@dataclass(slots=True)
class Simulation:
    """The knobs of the world.

    `pods`: behavior by Deployment name; `jobs`: result by Job name (absent: it keeps running);
    `requests_per_second` by model; `errors`: share of 5xx by revision; `routers`: ready router
    Pods while their Deployment is not planned; `acknowledge`: whether routers take over new
    intents; `start_seconds`: until Pods are ready.
    """

    pods: dict[str, PodBehavior] = field(default_factory=dict)
    jobs: dict[str, JobResult] = field(default_factory=dict)
    requests_per_second: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    routers: int = 1
    acknowledge: bool = True
    policies_active: bool = True
    start_seconds: float = 1.0


def template_hash(deployment: Document) -> str:
    """Return what tells Pods of one template from those of another."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def wanted_pods(deployment: Document) -> tuple[str, ...]:
    """Return the names of the Pods that a Deployment should have."""
    stem = f"{deployment['metadata']['name']}-{template_hash(deployment)}"
    return tuple(f"{stem}-{number}" for number in range(deployment["spec"].get("replicas", 1)))


def new_pod(owner: Document, name: str) -> Document:
    """Return a Pod of an owner's template that was only just created."""
    metadata = owner["metadata"]
    template = owner["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {**(template.get("metadata", {}).get("labels") or {}), **_made_by(owner)},
            "ownerReferences": [{"kind": owner["kind"], "uid": metadata["uid"]}],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    }


def _made_by(owner: Document) -> dict[str, str]:
    """Return the label by which the Job controller marks its Pods."""
    if owner["kind"] != "Job":
        return {}
    return {"batch.kubernetes.io/job-name": owner["metadata"]["name"]}


def ready_status(pod: Document, *, ip: str, now: datetime) -> Document:
    """Return the status of a Pod that is ready since `now`."""
    inits, mains = _containers(pod)
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": _stamp(now)}}
    return {
        "phase": "Running",
        "podIP": ip,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": _stamp(now)}],
        "initContainerStatuses": [
            {"name": each, "ready": True, "restartCount": 0, "state": ended} for each in inits
        ],
        "containerStatuses": [
            {"name": each, "ready": True, "restartCount": 0, "state": {"running": {}}}
            for each in mains
        ],
    }


def failing_status(pod: Document, behavior: PodBehavior, *, ip: str, now: datetime) -> Document:
    """Return the status of a Pod that behaves badly."""
    inits, mains = _containers(pod)
    bad = behavior.container or next(iter(mains), "")
    state = _bad_state(behavior, now) if behavior.exit_code is not None else {"running": {}}
    restarts = behavior.restarts if behavior.exit_code is not None else 0
    entry = {"name": bad, "ready": False, "restartCount": restarts, **_with_last(state)}
    key = "initContainerStatuses" if bad in inits else "containerStatuses"
    condition = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
    phase = "Pending" if bad in inits else "Running"
    return {"phase": phase, "podIP": ip, "conditions": [condition], key: [entry]}


def deployment_status(deployment: Document, pods: Sequence[Document], *, now: datetime) -> Document:
    """Return the status of a Deployment with these Pods."""
    wanted = deployment["spec"].get("replicas", 1)
    ready = sum(is_ready(each) for each in pods)
    available = {
        "type": "Available",
        "status": "True" if ready >= wanted else "False",
        "reason": "MinimumReplicas",
        "lastTransitionTime": _stamp(now),
    }
    before = (deployment.get("status") or {}).get("conditions") or [{}]
    if before[0].get("status") == available["status"]:
        available = before[0]
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": len(pods),
        "updatedReplicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, wanted - ready),
        "conditions": [available],
    }


def finished_pod(pod: Document, result: JobResult, *, now: datetime) -> Document:
    """Return the status of a Job's Pod that ended; one that may is started again in place."""
    _, mains = _containers(pod)
    is_text = isinstance(result.message, str)
    state = {
        "terminated": {
            "exitCode": result.exit_code,
            "reason": result.reason or ("Error" if result.exit_code else "Completed"),
            "message": result.message if is_text else json.dumps(result.message),
            "finishedAt": _stamp(now),
        }
    }
    main = {"name": mains[0], "ready": False, "restartCount": 0}
    if result.exit_code and pod["spec"].get("restartPolicy") == "OnFailure":
        again = main | {"restartCount": 1, **_with_last(state)}
        return {"phase": "Running", "containerStatuses": [again]}
    phase = "Failed" if result.exit_code else "Succeeded"
    return {"phase": phase, "containerStatuses": [main | {"state": state}]}


def job_status(job: Document, pod: Document, *, now: datetime) -> Document:
    """Return the status of a Job with this Pod."""
    started = (job.get("status") or {}).get("startTime") or _stamp(now)
    phase = pod["status"]["phase"]
    if phase not in ("Succeeded", "Failed"):
        return {"active": 1, "startTime": started}
    is_good = phase == "Succeeded"
    told = _SUCCESS if is_good else _failure(job, pod)
    types = ("SuccessCriteriaMet", "Complete") if is_good else ("FailureTarget", "Failed")
    return {
        "succeeded" if is_good else "failed": 1,
        "startTime": started,
        "conditions": [
            {"type": each, "status": "True", "lastTransitionTime": _stamp(now), **told}
            for each in types
        ],
        **({"completionTime": _stamp(now)} if is_good else {}),
    }


def is_ready(pod: Document) -> bool:
    """Whether a Pod's status says Ready."""
    found = pod["status"].get("conditions") or ()
    return any((each["type"], each["status"]) == ("Ready", "True") for each in found)


def endpoints(pods: Iterable[Document]) -> dict[str, int]:
    """Return the ready Pods of each revision."""
    found: dict[str, int] = {}
    for pod in pods:
        revision = pod["metadata"]["labels"].get(names.LABEL_REVISION)
        if revision and is_ready(pod):
            found[revision] = found.get(revision, 0) + 1
    return found


def counted(
    counters: Mapping[str, RevisionCounters],
    intent: RoutingIntent,
    *,
    requests: float,
    errors: Mapping[str, float],
    alive: Mapping[str, int],
) -> dict[str, RevisionCounters]:
    """Return the counters after so many requests were spread by the weights of an intent."""
    after = {name: counters.get(name, RevisionCounters()) for name in _revisions(intent)}
    for arm in intent.arms:
        share = round(requests * arm.weight / WEIGHT_SUM)
        bad = round(share * (errors.get(arm.revision, 0.0) if alive.get(arm.revision) else 1.0))
        old = after[arm.revision]
        after[arm.revision] = replace(
            old,
            first=old.first + share,
            status_2xx=old.status_2xx + share - bad,
            status_5xx=old.status_5xx + bad,
        )
    return {**counters, **after}


def router_state(
    pod: str,
    intents: Iterable[RoutingIntent],
    *,
    counters: Mapping[str, RevisionCounters],
    alive: Mapping[str, int],
    now: datetime,
) -> RouterState:
    """Return what a router Pod answers that runs these intents."""
    models = {
        intent.model: ModelState(
            epoch=intent.epoch,
            acknowledged=True,
            since=_stamp(now),
            weights={arm.revision: arm.weight for arm in intent.arms},
            endpoints={name: alive.get(name, 0) for name in _revisions(intent)},
            counters={name: counters[name] for name in _revisions(intent) if name in counters},
        )
        for intent in intents
    }
    return RouterState(pod, boot="1", time=_stamp(now), config_version="1", models=models)


def _revisions(intent: RoutingIntent) -> tuple[str, ...]:
    return (*(arm.revision for arm in intent.arms), *intent.keep)


def _containers(pod: Document) -> tuple[list[str], list[str]]:
    spec = pod["spec"]
    inits = [each["name"] for each in spec.get("initContainers") or ()]
    return inits, [each["name"] for each in spec["containers"]]


def _failure(job: Document, pod: Document) -> dict[str, str]:
    """Return why the Job controller gives up: a rule of the Job's own, or no try is left."""
    (main,) = pod["status"]["containerStatuses"]
    code = main["state"]["terminated"]["exitCode"]
    rules = job["spec"].get("podFailurePolicy", {}).get("rules", ())
    matching = (n for n, each in enumerate(rules) if each["action"] == "FailJob")
    number = next(matching, None)
    if number is None:
        message = "Job has reached the specified backoff limit"
        return {"reason": "BackoffLimitExceeded", "message": message}
    shown = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    message = (
        f"Container {main['name']} for pod {shown} failed with exit code {code} "
        f"matching FailJob rule at index {number}"
    )
    return {"reason": "PodFailurePolicy", "message": message}


def _bad_state(behavior: PodBehavior, now: datetime) -> Document:
    ended = {
        "exitCode": behavior.exit_code,
        "reason": behavior.reason,
        "message": behavior.message,
        "finishedAt": _stamp(now),
    }
    return {"terminated": ended}


def _with_last(state: Document) -> Document:
    if "terminated" not in state:
        return {"state": state}
    return {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": state}


def _stamp(now: datetime) -> str:
    return conditions.stamp(now)
