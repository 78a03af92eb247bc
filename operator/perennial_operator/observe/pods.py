"""A Pod's document to the few values that plans read. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from perennial_operator.plan.snapshot import ContainerFacts, PodFacts

Document = Mapping[str, Any]


def moment(text: str | None) -> datetime | None:
    """Return a time of the API as an aware datetime, None for none."""
    return datetime.fromisoformat(text) if text else None


def facts(document: Document) -> PodFacts:
    """Return the facts of one Pod."""
    metadata, status = document["metadata"], document.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    is_ready = ready.get("status") == "True"
    scheduled = conditions.get("PodScheduled") or {}
    return PodFacts(
        name=metadata["name"],
        uid=metadata["uid"],
        labels=metadata.get("labels") or {},
        phase=status.get("phase") or "Pending",
        ip=status.get("podIP") or "",
        created_at=moment(metadata.get("creationTimestamp")),
        is_ready=is_ready,
        ready_since=moment(ready.get("lastTransitionTime")) if is_ready else None,
        is_deleting="deletionTimestamp" in metadata,
        is_disrupted=(conditions.get("DisruptionTarget") or {}).get("status") == "True",
        unschedulable=scheduled.get("message") or "" if scheduled.get("status") == "False" else "",
        containers=tuple(_containers(status)),
    )


def _containers(status: Document) -> Iterable[ContainerFacts]:
    for key, is_init in (("initContainerStatuses", True), ("containerStatuses", False)):
        yield from (_container(each, is_init=is_init) for each in status.get(key) or ())


def _container(status: Document, *, is_init: bool) -> ContainerFacts:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    last = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
    return ContainerFacts(
        name=status["name"],
        is_init=is_init,
        is_ready=bool(status.get("ready")),
        is_running="running" in state,
        waiting_reason=waiting.get("reason") or "",
        exit_code=last.get("exitCode"),
        reason=last.get("reason") or "",
        message=last.get("message") or (waiting.get("message") or ""),
        restarts=status.get("restartCount") or 0,
        finished_at=moment(last.get("finishedAt")),
    )
