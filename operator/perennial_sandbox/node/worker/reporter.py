"""Writes a Pod's status to the API server: only changes, only the newest, until it is there."""

import asyncio
import logging

from perennial_sandbox.node.cluster.api_client import (
    ApiClient,
    ApiError,
    ConflictError,
    NotFoundError,
)
from perennial_sandbox.node.pods import status as pod_status
from perennial_sandbox.node.pods.objects import Json, name_of, namespace_of, uid_of

_log = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0


class Reporter:
    """Keeps the recorded status of one Pod as wanted."""

    def __init__(self, client: ApiClient, pod: Json) -> None:
        """Start from the Pod as it was listed."""
        self._client = client
        self._pod = pod
        self._wanted: Json | None = None
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()

    @property
    def pod(self) -> Json:
        """The newest form of the Pod that the server told."""
        return self._pod

    def heard(self, pod: Json) -> None:
        """Take a Pod that the server told; an older one than known is ignored."""
        if _version(pod) >= _version(self._pod):
            self._pod = pod

    def want(self, status: Json) -> None:
        """Set the status that should be recorded."""
        if status != self._wanted:
            self._wanted = status
            self._settled.clear()
            self._changed.set()

    async def settled(self) -> None:
        """Wait until the wanted status is recorded, or its Pod is gone."""
        await self._settled.wait()

    async def report_forever(self) -> None:
        """Write what is wanted, again and again if the server does not answer."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = self._wanted
            try:
                if wanted is not None:
                    await self._write(wanted)
                pause = _FIRST_PAUSE_SECONDS
            except ApiError as error:
                _log.warning("status of %s not recorded: %s", name_of(self._pod), error)
                self._changed.set()
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE_SECONDS, pause * 2)
                continue
            if wanted is self._wanted:
                self._settled.set()

    async def _write(self, wanted: Json) -> None:
        if not pod_status.differs(self._pod.get("status", {}), wanted):
            return
        pod = self._pod
        path = f"/api/v1/namespaces/{namespace_of(pod)}/pods/{name_of(pod)}/status"
        change = {"metadata": {"uid": uid_of(pod)}, "status": wanted}
        try:
            self.heard(await self._client.patch(path, change))
        except (NotFoundError, ConflictError):
            # The Pod is gone, or another one has its name: nobody reads this status any more.
            _log.info("pod %s is gone", name_of(pod))


def _version(pod: Json) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)
