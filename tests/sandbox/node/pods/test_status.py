"""Tests of a Pod's status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.pods import status
from perennial_sandbox.node.pods.lifecycle import BackOff
from perennial_sandbox.node.pods.objects import Json, timestamp
from perennial_sandbox.node.pods.plan import plan_of
from perennial_sandbox.node.pods.states import ContainerState, Exit
from perennial_sandbox.node.pods.status import Situation
from perennial_sandbox.node.testing import (
    NOON,
    container,
    ended,
    merged,
    pod,
    refused,
    running,
    sidecar,
)

NEW = ContainerState()
TIME = timestamp(NOON)
WITH_INIT = {"initContainers": [container("init"), sidecar()]}


def situation(thing: Json, *, is_over: bool = False, **states: ContainerState) -> Situation:
    """Return the situation of a Pod; containers that are not given never started."""
    plan = plan_of(thing)
    return Situation(
        plan=plan,
        states={one.name: states.get(one.name, NEW) for one in plan.containers},
        now=NOON,
        back_off=BackOff(),
        pod_ip="127.9.0.1",
        host_ip="127.0.0.1",
        is_prepared=True,
        is_over=is_over,
    )


def found(thing: Json, *, is_over: bool = False, **states: ContainerState) -> Json:
    """Return the status of a Pod."""
    return status.status_of(thing, situation(thing, is_over=is_over, **states))


def conditions(shown: Json) -> dict[str, tuple[str, str | None]]:
    """Return status and reason of each condition."""
    return {one["type"]: (one["status"], one["reason"]) for one in shown["conditions"]}


def first(shown: Json, group: str = "containerStatuses") -> Json:
    """Return the first container's status."""
    one: Json = shown[group][0]
    return one


def condition(kind: str, holds: str = "True", reason: str | None = None) -> Json:
    """Return a condition since noon."""
    return {
        "type": kind,
        "status": holds,
        "reason": reason,
        "message": None,
        "lastTransitionTime": TIME,
    }


def test_the_status_of_a_running_pod_is_complete() -> None:
    """Everything that clients of Kubernetes look at is there."""
    thing = pod()
    thing["metadata"]["generation"] = 3
    assert found(thing, main=running(2, previous=ended(1).exit)) == {
        "phase": "Running",
        "conditions": [
            condition("PodReadyToStartContainers"),
            condition("Initialized"),
            condition("ContainersReady"),
            condition("Ready"),
        ],
        "startTime": TIME,
        "hostIP": "127.0.0.1",
        "hostIPs": [{"ip": "127.0.0.1"}],
        "podIP": "127.9.0.1",
        "podIPs": [{"ip": "127.9.0.1"}],
        "observedGeneration": 3,
        "containerStatuses": [
            {
                "name": "main",
                "image": "app",
                "imageID": "app",
                "containerID": "id/2",
                "restartCount": 2,
                "ready": True,
                "started": True,
                "state": {"running": {"startedAt": TIME}},
                "lastState": {
                    "terminated": {
                        "exitCode": 1,
                        "reason": "Error",
                        "startedAt": TIME,
                        "finishedAt": "2030-01-01T12:00:01Z",
                        "containerID": "id/0",
                    }
                },
            }
        ],
    }


def test_a_pod_without_address_shows_none() -> None:
    """Absent is not the empty text."""
    plan = plan_of(pod())
    bare = Situation(plan=plan, states={"main": NEW}, now=NOON, back_off=BackOff())
    shown = status.status_of(pod(), bare)
    assert not {"podIP", "podIPs", "hostIP", "hostIPs", "initContainerStatuses"} & set(shown)


def test_the_start_time_never_changes() -> None:
    """It is what the server recorded first."""
    thing = pod()
    thing["status"]["startTime"] = "2029-01-01T00:00:00Z"
    assert found(thing)["startTime"] == "2029-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("states", "is_over", "phase"),
    [
        ({}, False, "Pending"),
        ({"init": running()}, False, "Pending"),
        ({"init": ended(), "side": running(), "main": running()}, False, "Running"),
        ({"init": ended(), "side": running(), "main": ended(1)}, False, "Running"),
        ({"init": ended(), "side": ended(), "main": ended()}, True, "Succeeded"),
        ({"init": ended(), "side": ended(1), "main": ended()}, True, "Succeeded"),
        ({"init": ended(), "side": ended(), "main": ended(1)}, True, "Failed"),
        ({"init": ended(1)}, True, "Failed"),
    ],
)
def test_the_phase_follows_the_main_containers(
    states: dict[str, ContainerState],
    is_over: bool,  # noqa: FBT001  # a case's data
    phase: str,
) -> None:
    """It is final only when all containers have ended; a sidecar's exit code does not matter."""
    assert found(pod(**WITH_INIT), is_over=is_over, **states)["phase"] == phase


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ({}, {"waiting": {"reason": "PodInitializing"}}),
        (
            {"init": ended(), "side": running()},
            {"waiting": {"reason": "ContainerCreating"}},
        ),
        (
            {"init": ended(), "side": running(), "main": refused("ImagePullBackOff")},
            {"waiting": {"reason": "ImagePullBackOff", "message": "why"}},
        ),
        (
            {"init": ended(), "side": running(), "main": ended(1, streak=1)},
            {
                "waiting": {
                    "reason": "CrashLoopBackOff",
                    "message": "back-off 1s restarting failed container=main",
                }
            },
        ),
    ],
)
def test_a_waiting_container_says_why(states: dict[str, ContainerState], shown: Json) -> None:
    """The reasons are those that people know from Kubernetes."""
    assert first(found(pod(**WITH_INIT), **states))["state"] == shown


def test_a_crashing_container_shows_its_last_end() -> None:
    """While it waits, the last state is the crash, and the count is of restarts that happened."""
    shown = first(found(pod(), main=ended(7, run=2)))
    assert (shown["lastState"]["terminated"]["exitCode"], shown["restartCount"]) == (7, 2)


def test_a_container_that_will_not_restart_is_terminated() -> None:
    """Its end is the state itself; what was before stays the last state."""
    before = Exit(1, "Error", NOON, NOON, message="oh")
    shown = first(found(pod(restartPolicy="Never"), main=ended(0, previous=before)))
    assert (shown["state"]["terminated"]["reason"], shown["lastState"]) == (
        "Completed",
        {
            "terminated": {
                "exitCode": 1,
                "reason": "Error",
                "startedAt": TIME,
                "finishedAt": TIME,
                "message": "oh",
            }
        },
    )


def test_a_deleted_pods_containers_do_not_back_off() -> None:
    """Nothing will start again, so nothing waits."""
    thing = pod()
    plan = plan_of(thing)
    states = {"main": ended(1)}
    now = Situation(plan, states, NOON, BackOff(), is_deleting=True)
    assert "terminated" in first(status.status_of(thing, now))["state"]


def test_a_refused_container_of_a_deleted_pod_has_no_last_state() -> None:
    """It never ran; at the end it is as if it had never been tried."""
    shown = first(found(pod(), is_over=True, main=refused("ImagePullBackOff")))
    assert (shown["state"], shown["lastState"]) == (
        {"waiting": {"reason": "ContainerCreating"}},
        {},
    )


@pytest.mark.parametrize(
    ("state", "ready", "started"),
    [
        (NEW, False, False),
        (running(has_started=False), False, False),
        (running(is_ready=False), False, True),
        (running(), True, True),
        (ended(0), False, False),
    ],
)
def test_a_main_container_is_ready_only_while_it_runs(
    state: ContainerState,
    ready: bool,  # noqa: FBT001  # a case's data
    started: bool,  # noqa: FBT001  # a case's data
) -> None:
    """Readiness needs a start, a start needs a process."""
    shown = first(found(pod(), main=state))
    assert (shown["ready"], shown["started"]) == (ready, started)


def test_an_init_container_is_ready_when_it_succeeded() -> None:
    """That is how Kubernetes counts it."""
    shown = found(pod(**WITH_INIT), init=ended(), side=running(is_ready=False))
    ready = [one["ready"] for one in shown["initContainerStatuses"]]
    assert ready == [True, False]


@pytest.mark.parametrize(
    ("states", "is_over", "expected"),
    [
        ({}, False, ("False", "ContainersNotInitialized", "False", "ContainersNotReady")),
        (
            {"init": ended(), "side": running(), "main": running()},
            False,
            ("True", None, "True", None),
        ),
        (
            {"init": ended(), "side": running(is_ready=False), "main": running()},
            False,
            ("True", None, "False", "ContainersNotReady"),
        ),
        (
            {"init": ended(), "side": ended(), "main": ended()},
            True,
            ("True", "PodCompleted", "False", "PodCompleted"),
        ),
        ({"init": ended(1)}, True, ("False", "ContainersNotInitialized", "False", "PodFailed")),
    ],
)
def test_conditions_say_what_is_missing(
    states: dict[str, ContainerState],
    is_over: bool,  # noqa: FBT001  # a case's data
    expected: tuple[str, str | None, str, str | None],
) -> None:
    """A sidecar counts for readiness like a main container."""
    seen = conditions(found(pod(**WITH_INIT), is_over=is_over, **states))
    assert (*seen["Initialized"], *seen["Ready"]) == expected
    assert seen["ContainersReady"] == seen["Ready"]


def test_unready_containers_are_named() -> None:
    """The messages help to find the container."""
    shown = found(pod(**WITH_INIT), init=ended(), side=running(has_started=False))
    messages = {one["type"]: one["message"] for one in shown["conditions"]}
    assert (messages["Initialized"], messages["Ready"]) == (
        "containers with incomplete status: [side]",
        "containers with unready status: [side main]",
    )


def test_a_readiness_gate_keeps_a_pod_unready() -> None:
    """Until somebody sets its condition."""
    thing = pod(readinessGates=[{"conditionType": "x/gate"}])
    closed = conditions(found(thing, main=running()))["Ready"]
    thing["status"]["conditions"] = [{"type": "x/gate", "status": "True"}]
    opened = conditions(found(thing, main=running()))["Ready"]
    assert (closed, opened) == (("False", "ReadinessGatesNotReady"), ("True", None))


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    """Only a change of status is a transition."""
    thing = pod()
    old = "2029-01-01T00:00:00Z"
    thing["status"]["conditions"] = [
        {"type": "Initialized", "status": "True", "lastTransitionTime": old},
        {"type": "Ready", "status": "True", "lastTransitionTime": old},
    ]
    times = {one["type"]: one["lastTransitionTime"] for one in found(thing)["conditions"]}
    assert (times["Initialized"], times["Ready"]) == (old, TIME)


def test_a_recorded_status_does_not_differ() -> None:
    """What the server stored after a write needs no other write."""
    thing = pod()
    wanted = found(thing, main=running())
    before = status.differs(thing["status"], wanted)
    thing["status"] = merged(thing["status"], wanted)
    after = status.differs(thing["status"], found(thing, main=running()))
    assert (before, after) == (True, False)


def test_a_changed_condition_differs() -> None:
    """Also if everything else is the same."""
    thing = pod()
    thing["status"] = merged(thing["status"], found(thing, main=running()))
    thing["status"]["conditions"][-1]["status"] = "False"
    assert status.differs(thing["status"], found(thing, main=running()))


def test_recorded_statuses_are_found_by_name() -> None:
    """Init containers and main containers share one space of names."""
    thing = pod(**WITH_INIT)
    thing["status"] = found(thing)
    names = set(status.recorded_statuses(thing))
    assert (names, status.recorded_statuses(pod())) == ({"init", "side", "main"}, {})


STATES = st.sampled_from(
    [NEW, running(), running(is_ready=False), ended(0), ended(1), refused("ImagePullBackOff")]
)


@given(st.fixed_dictionaries({"init": STATES, "side": STATES, "main": STATES}), st.booleans())
def test_every_situation_has_a_status_that_settles(
    states: dict[str, ContainerState],
    is_over: bool,  # noqa: FBT001  # a case's data
) -> None:
    """Whatever the states: recorded once, the same situation causes no second write."""
    thing = pod(**WITH_INIT)
    thing["status"] = merged(thing["status"], found(thing, is_over=is_over, **states))
    assert not status.differs(thing["status"], found(thing, is_over=is_over, **states))
