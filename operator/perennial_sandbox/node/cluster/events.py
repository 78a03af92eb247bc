"""Events about Pods, as `kubectl describe pod` shows them; a repeated one is counted."""

import asyncio
import logging
import uuid
from collections import OrderedDict
from dataclasses import dataclass

from perennial_sandbox.node import clock
from perennial_sandbox.node.cluster.api_client import ApiClient, ApiError
from perennial_sandbox.node.pods.objects import Json, name_of, namespace_of, timestamp, uid_of

_log = logging.getLogger(__name__)
_REMEMBERED = 2000
_COMPONENT = "perennial-process-node"


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened to a container of a Pod; two equal ones are one Event with a count."""

    pod_uid: str
    type: str
    reason: str
    message: str
    container: str = ""


class Events:
    """Sends Events in the background; losing one harms nobody."""

    def __init__(self, client: ApiClient, node_name: str) -> None:
        """Start with an empty queue."""
        self._client = client
        self._node_name = node_name
        self._queue: asyncio.Queue[tuple[Json, Happening]] = asyncio.Queue(_REMEMBERED)
        self._sent: OrderedDict[Happening, tuple[str, int]] = OrderedDict()

    def normal(self, pod: Json, reason: str, message: str, *, container: str = "") -> None:
        """Report something expected."""
        self._put(pod, Happening(uid_of(pod), "Normal", reason, message, container))

    def warning(self, pod: Json, reason: str, message: str, *, container: str = "") -> None:
        """Report something that a person may have to act on."""
        self._put(pod, Happening(uid_of(pod), "Warning", reason, message, container))

    async def send_forever(self) -> None:
        """Send what is queued."""
        while True:
            pod, happening = await self._queue.get()
            try:
                await self._send(pod, happening)
            except ApiError as error:
                _log.info("event %s not recorded: %s", happening.reason, error)

    def _put(self, pod: Json, happening: Happening) -> None:
        if not self._queue.full():
            self._queue.put_nowait((pod, happening))

    async def _send(self, pod: Json, happening: Happening) -> None:
        path = f"/api/v1/namespaces/{namespace_of(pod)}/events"
        name, count = self._sent.get(happening, ("", 0))
        if count:
            change = {"count": count + 1, "lastTimestamp": timestamp(clock.now())}
            await self._client.patch(f"{path}/{name}", change)
        else:
            name = f"{name_of(pod)[:200]}.{uuid.uuid4().hex[:16]}"
            await self._client.create(path, self._event(pod, happening, name))
        self._sent[happening] = (name, count + 1)
        self._sent.move_to_end(happening)
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def _event(self, pod: Json, happening: Happening, name: str) -> Json:
        moment = timestamp(clock.now())
        about: Json = {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": namespace_of(pod),
            "name": name_of(pod),
            "uid": happening.pod_uid,
        }
        if happening.container:
            about["fieldPath"] = f"spec.containers{{{happening.container}}}"
        return {
            "metadata": {"name": name, "namespace": namespace_of(pod)},
            "involvedObject": about,
            "type": happening.type,
            "reason": happening.reason,
            "message": happening.message,
            "count": 1,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "source": {"component": _COMPONENT, "host": self._node_name},
            "reportingComponent": _COMPONENT,
            "reportingInstance": self._node_name,
        }
