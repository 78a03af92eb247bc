"""Decides what the router of a namespace needs: all of it with a model, nothing without one."""

from datetime import datetime

from perennial_operator.api import names
from perennial_operator.plan.actions import Action, Apply, Create, Delete, Object, Plan
from perennial_operator.plan.manifests import router
from perennial_operator.plan.snapshot import Child, RouterSnapshot

DEPLOYMENT = "Deployment"

Group = tuple[Action, ...]


def decide(seen: RouterSnapshot, now: datetime) -> Plan:  # noqa: ARG001  # every planner has this shape
    """Return the plan for the router of a namespace."""
    if not seen.models:
        gone = tuple(_delete(child) for child in seen.children if child.name == names.ROUTER)
        return Plan(actions=(gone,) if gone else ())
    namespace, options = seen.key.namespace, seen.options
    rights = (router.service_account(namespace), router.role_binding(namespace))
    parts = (router.deployment(namespace, options), router.service(namespace))
    groups = (
        tuple(_apply(seen, each) for each in rights),
        tuple(_apply(seen, each) for each in parts),
        _token(seen),
    )
    return Plan(actions=tuple(group for group in groups if group))


def _token(seen: RouterSnapshot) -> Group:
    """Return the Secret while it may be missing: it is never read, but no Pod starts without it."""
    deployment = _child(seen, DEPLOYMENT)
    token = seen.token_of.get(deployment.uid, "") if deployment else ""
    if deployment is None or not token or _is_running(deployment):
        return ()
    namespace = seen.key.namespace
    return (Create(router.secret(namespace, deployment_uid=deployment.uid, token=token)),)


def _is_running(deployment: Child) -> bool:
    ready = deployment.document.get("status", {}).get("readyReplicas", 0)
    wanted = deployment.document["spec"].get("replicas", 1)
    return bool(ready >= wanted)


def _apply(seen: RouterSnapshot, document: Object) -> Apply:
    live = _child(seen, document["kind"])
    return Apply(document, uid=live.uid if live else "")


def _child(seen: RouterSnapshot, kind: str) -> Child | None:
    found = (each for each in seen.children if (each.kind, each.name) == (kind, names.ROUTER))
    return next(found, None)


def _delete(child: Child) -> Delete:
    return Delete(child.kind, child.name, child.uid, child.resource_version)
