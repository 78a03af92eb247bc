"""Asks the API server what the sandbox needs to know, and applies objects.

A small synchronous client: starting a sandbox is one straight line of steps.
"""

import json
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from perennial_sandbox.errors import NotReadyError, RefusedError

_MANAGER = "perennial-sandbox"
_BUSY = (429, 500, 502, 503, 504)
Json = dict[str, Any]


class Api:
    """One connection to the API server as one user."""

    def __init__(
        self,
        server: str,
        *,
        authority: str,
        token: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare the connection; nothing is sent yet."""
        self._http = httpx.Client(
            base_url=server,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cadata=authority),
            timeout=10,
            transport=transport,
            trust_env=False,
        )
        self._resources: dict[str, dict[str, Json]] = {}

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._http.close()

    def answers(self) -> bool:
        """Whether the API server says that it is ready."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def find(self, path: str) -> Json | None:
        """Return an object; None if it does not exist (yet)."""
        try:
            response = self._http.get(path)
        except httpx.TransportError:
            return None
        if not response.is_success:
            return None
        found: Json = response.json()
        return found

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Create the object, or bring it to this form, by server-side apply."""
        path = self._path(manifest)
        try:
            response = self._http.patch(
                path,
                params={"fieldManager": _MANAGER, "force": "true"},
                headers={"Content-Type": "application/apply-patch+yaml"},
                content=json.dumps(manifest),
            )
        except httpx.TransportError as error:
            message = f"the API server did not answer while {_title(manifest)} was applied"
            raise NotReadyError(message) from error
        if response.status_code in _BUSY:
            raise NotReadyError(_refusal(manifest, response))
        if not response.is_success:
            raise RefusedError(_refusal(manifest, response))

    def object_path(self, manifest: Mapping[str, Any]) -> str:
        """Return the path under which the object can be read."""
        return self._path(manifest)

    def _path(self, manifest: Mapping[str, Any]) -> str:
        group = _group_path(str(manifest["apiVersion"]))
        resource = self._resource(group, manifest)
        metadata = manifest["metadata"]
        folder = ""
        if resource["namespaced"]:
            folder = f"/namespaces/{metadata.get('namespace', 'default')}"
        return f"{group}{folder}/{resource['name']}/{metadata['name']}"

    def _resource(self, group: str, manifest: Mapping[str, Any]) -> Json:
        kind = str(manifest["kind"])
        if kind not in self._resources.get(group, {}):
            listed = (self.find(group) or {}).get("resources", [])
            self._resources[group] = {one["kind"]: one for one in listed if "/" not in one["name"]}
        try:
            return self._resources[group][kind]
        except KeyError:
            message = f"the API server does not know {_title(manifest)} yet"
            raise NotReadyError(message) from None


def _group_path(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _title(manifest: Mapping[str, Any]) -> str:
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']} {place}{metadata['name']}"


def _refusal(manifest: Mapping[str, Any], response: httpx.Response) -> str:
    try:
        reason = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        reason = response.text
    return f"the API server refused {_title(manifest)}: {reason}"
