"""A Pod's status from the states of its containers: statuses, conditions, phase."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from perennial_sandbox.node.pods import lifecycle
from perennial_sandbox.node.pods.objects import Json, at, timestamp
from perennial_sandbox.node.pods.plan import Container, PodPlan, Role
from perennial_sandbox.node.pods.states import ContainerState, Exit

OWNED_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides a Pod's status besides its spec and its recorded status."""

    plan: PodPlan
    states: Mapping[str, ContainerState]
    now: datetime
    back_off: lifecycle.BackOff
    pod_ip: str = ""
    host_ip: str = ""
    is_prepared: bool = False
    is_over: bool = False
    is_deleting: bool = False


@dataclass(frozen=True, slots=True)
class _Claim:
    """A condition without its times."""

    type: str
    holds: bool
    reason: str = ""
    message: str = ""


def status_of(pod: Json, situation: Situation) -> Json:
    """Return the part of the Pod's status that the node owns."""
    phase = _phase(situation)
    recorded = pod.get("status", {})
    moment = timestamp(situation.now)
    containers, initial = _container_statuses(situation)
    status: Json = {
        "phase": phase,
        "conditions": _conditions(pod, situation, phase),
        "startTime": recorded.get("startTime") or moment,
        "containerStatuses": containers,
    }
    if initial:
        status["initContainerStatuses"] = initial
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    if situation.host_ip:
        status |= {"hostIP": situation.host_ip, "hostIPs": [{"ip": situation.host_ip}]}
    if situation.pod_ip:
        status |= {"podIP": situation.pod_ip, "podIPs": [{"ip": situation.pod_ip}]}
    return status


def recorded_statuses(pod: Json) -> dict[str, Json]:
    """Return the recorded status of each container by name."""
    groups = ("initContainerStatuses", "containerStatuses")
    return {one["name"]: one for group in groups for one in at(pod, "status", group) or ()}


def differs(recorded: Json, status: Json) -> bool:
    """Tell whether the recorded status lacks something of the wanted one."""
    rest = {key: value for key, value in status.items() if key != "conditions"}
    if any(recorded.get(key) != value for key, value in rest.items()):
        return True
    known = {one["type"]: one for one in recorded.get("conditions", ())}
    return any(
        known.get(one["type"], {}).get(key) != value
        for one in status["conditions"]
        for key, value in one.items()
        if key != "lastTransitionTime"
    )


def is_ready(state: ContainerState) -> bool:
    """Tell whether a container counts as ready."""
    return state.is_running and state.has_started and state.is_ready


def _phase(now: Situation) -> str:
    mains = [now.states[one.name] for one in now.plan.of(Role.MAIN)]
    if now.is_over:
        succeeded = all(state.has_succeeded for state in mains)
        return "Succeeded" if succeeded else "Failed"
    return "Running" if any(state.was_run for state in mains) else "Pending"


def _container_statuses(now: Situation) -> tuple[list[Json], list[Json]]:
    initialized = lifecycle.is_initialized(now.plan, now.states)
    idle = "ContainerCreating" if initialized else "PodInitializing"
    mains = [_container_status(one, now, idle) for one in now.plan.of(Role.MAIN)]
    early = now.plan.of(Role.INIT, Role.SIDECAR)
    return mains, [_container_status(one, now, "PodInitializing") for one in early]


def _container_status(container: Container, now: Situation, idle: str) -> Json:
    state = now.states[container.name]
    shown, last = _shown(container, now, idle)
    status: Json = {
        "name": container.name,
        "image": container.image,
        "imageID": container.image if state.was_run else "",
        "containerID": state.run_id,
        "restartCount": max(state.run, 0),
        "ready": _counts_as_ready(container, state),
        "started": state.is_running and state.has_started,
        "state": shown,
        "lastState": {} if last is None else {"terminated": _terminated(last)},
    }
    return {key: value for key, value in status.items() if value != "" or key == "imageID"}


def _shown(container: Container, now: Situation, idle: str) -> tuple[Json, Exit | None]:
    """Return the state to show and the exit to show as the last one."""
    state = now.states[container.name]
    if state.is_running and state.started_at is not None:
        return {"running": {"startedAt": timestamp(state.started_at)}}, state.previous
    if state.waiting is not None and not now.is_over:
        waiting = {"reason": state.waiting.reason, "message": state.waiting.message}
        return {"waiting": waiting}, state.exit or state.previous
    if state.exit is None:
        return {"waiting": {"reason": idle}}, None
    restart_at = now.back_off.restart_at(state)
    done = now.is_over or now.is_deleting or lifecycle.is_work_done(now.plan, now.states)
    if done or restart_at is None or not lifecycle.restarts(container, state):
        return {"terminated": _terminated(state.exit)}, state.previous
    delay = now.back_off.delay(now.back_off.next_streak(state))
    message = f"back-off {delay.total_seconds():g}s restarting failed container={container.name}"
    return {"waiting": {"reason": "CrashLoopBackOff", "message": message}}, state.exit


def _terminated(end: Exit) -> Json:
    shown: Json = {
        "exitCode": end.code,
        "reason": end.reason,
        "startedAt": timestamp(end.started_at),
        "finishedAt": timestamp(end.finished_at),
    }
    if end.run_id:
        shown["containerID"] = end.run_id
    if end.message:
        shown["message"] = end.message
    return shown


def _counts_as_ready(container: Container, state: ContainerState) -> bool:
    if container.role is Role.INIT:
        return state.has_succeeded
    return is_ready(state)


def _conditions(pod: Json, now: Situation, phase: str) -> list[Json]:
    known = {one["type"]: one for one in at(pod, "status", "conditions") or ()}
    ready = _containers_ready(now, phase)
    claims = (
        _Claim("PodReadyToStartContainers", now.is_prepared and not now.is_over),
        _initialized(now, phase),
        ready,
        _pod_ready(ready, now, known),
    )
    return [_condition(one, known.get(one.type), now.now) for one in claims]


def _condition(claim: _Claim, known: Json | None, now: datetime) -> Json:
    condition: Json = {"type": claim.type, "status": "True" if claim.holds else "False"}
    unchanged = known is not None and known.get("status") == condition["status"]
    since = known.get("lastTransitionTime") if known and unchanged else None
    # A null removes in a merge what an earlier status said.
    condition["reason"] = claim.reason or None
    condition["message"] = claim.message or None
    condition["lastTransitionTime"] = since or timestamp(now)
    return condition


def _initialized(now: Situation, phase: str) -> _Claim:
    if lifecycle.is_initialized(now.plan, now.states):
        reason = "PodCompleted" if phase == "Succeeded" else ""
        return _Claim("Initialized", holds=True, reason=reason)
    early = now.plan.of(Role.INIT, Role.SIDECAR)
    waiting = [one.name for one in early if not _has_passed(one, now.states[one.name])]
    message = f"containers with incomplete status: [{' '.join(waiting)}]"
    return _Claim("Initialized", holds=False, reason="ContainersNotInitialized", message=message)


def _has_passed(container: Container, state: ContainerState) -> bool:
    return state.has_succeeded if container.role is Role.INIT else state.has_started


def _containers_ready(now: Situation, phase: str) -> _Claim:
    if now.is_over:
        reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
        return _Claim("ContainersReady", holds=False, reason=reason)
    lasting: Iterable[Container] = now.plan.of(Role.SIDECAR, Role.MAIN)
    unready = [one.name for one in lasting if not is_ready(now.states[one.name])]
    if not unready:
        return _Claim("ContainersReady", holds=True)
    message = f"containers with unready status: [{' '.join(unready)}]"
    return _Claim("ContainersReady", holds=False, reason="ContainersNotReady", message=message)


def _pod_ready(ready: _Claim, now: Situation, known: Mapping[str, Json]) -> _Claim:
    if not ready.holds:
        return _Claim("Ready", ready.holds, ready.reason, ready.message)
    gates = now.plan.readiness_gates
    closed = [one for one in gates if known.get(one, {}).get("status") != "True"]
    if not closed:
        return _Claim("Ready", holds=True)
    message = f"conditions that are not True: [{' '.join(closed)}]"
    return _Claim("Ready", holds=False, reason="ReadinessGatesNotReady", message=message)
