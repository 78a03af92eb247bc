"""Waits until the control plane can be used, and brings objects in, each when it can be taken."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from perennial_sandbox.control_plane.api import Api
from perennial_sandbox.control_plane.parts import NODE_NAME
from perennial_sandbox.errors import NotReadyError

Json = dict[str, Any]
Manifest = Mapping[str, Any]
_LOOK_AGAIN_SECONDS = 0.1
# Objects that others live in, or that are described by them, come first.
_EARLY_KINDS = ("Namespace", "CustomResourceDefinition")


def await_server(api: Api, *, seconds: float) -> None:
    """Wait until the API server answers and its controllers have begun to work."""
    await_true(api.answers, seconds=seconds, complaint="the API server did not answer")
    # Without it the API server refuses every Pod.
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    await_true(
        lambda: api.find(account) is not None,
        seconds=seconds,
        complaint="the controllers did not begin to work",
    )


def await_node(api: Api, *, seconds: float) -> None:
    """Wait until Pods can be scheduled to the process node."""
    await_true(
        lambda: _takes_pods(api), seconds=seconds, complaint="the process node did not become ready"
    )


def apply_all(api: Api, manifests: Iterable[Manifest], *, seconds: float) -> None:
    """Apply all objects: first those that others need, then the rest in the given order."""
    given = list(manifests)
    early = [one for kind in _EARLY_KINDS for one in given if one["kind"] == kind]
    for manifest in early:
        _apply(api, manifest, seconds)
    for manifest in early:
        if manifest["kind"] == "CustomResourceDefinition":
            _await_established(api, manifest, seconds)
    for manifest in given:
        if manifest["kind"] not in _EARLY_KINDS:
            _apply(api, manifest, seconds)


def _apply(api: Api, manifest: Manifest, seconds: float) -> None:
    """Apply one object; again while the server says that it is busy or does not know the kind."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            api.apply(manifest)
        except NotReadyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def _await_established(api: Api, manifest: Manifest, seconds: float) -> None:
    path = api.object_path(manifest)
    await_true(
        lambda: _is(api.find(path), "Established"),
        seconds=seconds,
        complaint=f"{manifest['metadata']['name']} was not established",
    )


def _takes_pods(api: Api) -> bool:
    node = api.find(f"/api/v1/nodes/{NODE_NAME}")
    return _is(node, "Ready") and not (node or {})["spec"].get("taints")


def _is(thing: Json | None, condition: str) -> bool:
    # A fresh object has no status, or conditions that are null.
    conditions = (thing or {}).get("status", {}).get("conditions") or []
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


def await_true(is_done: Callable[[], bool], *, seconds: float, complaint: str) -> None:
    """Wait until something is so; complain when the time has run out."""
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            message = f"{complaint} within {seconds:g} s"
            raise NotReadyError(message)
        time.sleep(_LOOK_AGAIN_SECONDS)
