"""A Pod's document becomes the few values that plans read."""

from datetime import UTC, datetime
from typing import Any

from perennial_operator.observe.pods import facts, moment
from perennial_operator.plan.snapshot import ContainerFacts, PodFacts

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TEXT = "2026-01-05T12:00:00Z"


def pod(**status: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return a Pod with a status."""
    metadata = {"name": "p", "uid": "u", "labels": {"a": "b"}, "creationTimestamp": TEXT}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def test_times_are_aware() -> None:
    """No time is no moment."""
    assert (moment(TEXT), moment(None), moment("")) == (NOON, None, None)


def test_a_new_pod_has_nothing_yet() -> None:
    """Everything that is unknown is empty."""
    assert facts(pod()) == PodFacts("p", "u", {"a": "b"}, "Pending", created_at=NOON)


def test_a_ready_pod_says_since_when() -> None:
    """Phase, address and readiness."""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": TEXT}
    found = facts(pod(phase="Running", podIP="127.1.2.3", conditions=[ready]))
    assert (found.phase, found.ip, found.is_ready, found.ready_since) == (
        "Running",
        "127.1.2.3",
        True,
        NOON,
    )


def test_trouble_around_a_pod_is_seen() -> None:
    """It cannot be placed, is evicted, or goes away."""
    document = pod(
        conditions=[
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes"},
            {"type": "DisruptionTarget", "status": "True"},
            {"type": "Ready", "status": "False", "lastTransitionTime": TEXT},
        ]
    )
    document["metadata"]["deletionTimestamp"] = TEXT
    found = facts(document)
    assert (found.unschedulable, found.is_disrupted, found.is_deleting) == ("0/1 nodes", True, True)
    assert (found.is_ready, found.ready_since) == (False, None)


def test_containers_tell_how_they_ended() -> None:
    """Also after a restart, and why they wait."""
    ended = {"exitCode": 65, "reason": "Error", "message": "digest differs", "finishedAt": TEXT}
    found = facts(
        pod(
            initContainerStatuses=[{"name": "fetch", "state": {"terminated": ended}}],
            containerStatuses=[
                {
                    "name": "crashing",
                    "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                    "lastState": {"terminated": ended},
                },
                {
                    "name": "pulling",
                    "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}},
                },
                {"name": "fine", "ready": True, "state": {"running": {}}},
            ],
        )
    )
    assert found.containers == (
        ContainerFacts(
            "fetch",
            is_init=True,
            exit_code=65,
            reason="Error",
            message="digest differs",
            finished_at=NOON,
        ),
        ContainerFacts(
            "crashing",
            waiting_reason="CrashLoopBackOff",
            exit_code=65,
            reason="Error",
            message="digest differs",
            restarts=3,
            finished_at=NOON,
        ),
        ContainerFacts("pulling", waiting_reason="ErrImagePull", message="no such image"),
        ContainerFacts("fine", is_ready=True, is_running=True),
    )
