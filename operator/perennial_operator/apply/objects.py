"""Writes of children, each with its guard.

A known child is applied with its uid; an unknown one only after its root was seen alive in this
pass and no foreign object bears its name; deletions name uid and resourceVersion.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perennial_operator.api import names, reasons
from perennial_operator.apply import intents, metrics
from perennial_operator.cluster import kinds
from perennial_operator.cluster.answers import Exists, Gone, Stale
from perennial_operator.cluster.port import Cluster, Document, Kind, Selection
from perennial_operator.errors import Invalid, Unavailable
from perennial_operator.plan.actions import Apply, Create, Delete
from perennial_operator.plan.snapshot import MODEL, Child, Key

Call = Callable[..., Awaitable[Any]]
Remember = Callable[[Document], None]


@dataclass(slots=True)
class Guard:
    """Whether the root of this pass lives: asked at most once; a router needs some model."""

    cluster: Cluster
    call: Call
    key: Key
    uid: str
    _answer: bool | None = field(default=None)

    async def root_is_live(self) -> bool:
        """Ask the server, not the store."""
        if self._answer is None:
            self._answer = await self.call(self._ask)
        return self._answer

    def _ask(self) -> bool:
        if not self.uid:
            models = self.cluster.list(
                kinds.MODEL_DEPLOYMENT, Selection(namespace=self.key.namespace)
            )
            return any("deletionTimestamp" not in each["metadata"] for each in models.items)
        kind = kinds.MODEL_DEPLOYMENT if self.key.kind == MODEL else kinds.RETRAIN_JOB
        root = self.cluster.get(kind, namespace=self.key.namespace, name=self.key.name)
        if root is None or root["metadata"]["uid"] != self.uid:
            return False
        return "deletionTimestamp" not in root["metadata"]


@dataclass(frozen=True, slots=True)
class Children:
    """Writes the children of one root in one pass; returns whether something was written."""

    cluster: Cluster
    call: Call
    remember: Remember
    guard: Guard
    known: Mapping[tuple[str, str], Child]

    async def apply(self, action: Apply) -> bool:
        """Apply an intent, unless it is in force."""
        intent = intents.stamped(action.object)
        kind = kinds.of(intent)
        child = self.known.get((kind.kind, intent["metadata"]["name"]))
        known_uid = action.uid or (child.uid if child else "")
        if child and known_uid == child.uid and intents.is_in_force(child.document, intent):
            metrics.WRITES_SKIPPED.labels(kind.plural).inc()
            return False
        witness = {"uid": known_uid or await self._adopted_uid(intent)}
        if action.resource_version:
            witness["resourceVersion"] = action.resource_version
        metadata = intent["metadata"] | {k: v for k, v in witness.items() if v}
        sent = {**intent, "metadata": metadata}
        self.remember(await self._apply(sent))
        metrics.WRITES.labels(kind.plural, "update" if witness["uid"] else "create").inc()
        return True

    async def create(self, action: Create) -> bool:
        """Create once; what is there already counts if it is ours."""
        await self._demand_live_root()
        try:
            made = await self.call(self.cluster.create, action.object)
        except Exists:
            await self._demand_ours(action.object)
            return False
        self.remember(made)
        metrics.WRITES.labels(kinds.of(made).plural, "create").inc()
        return True

    async def delete(self, action: Delete) -> bool:
        """Delete what is ours, seen live, and unchanged since the plan was made."""
        kind, namespace = kinds.named(action.kind), self.guard.key.namespace
        if not self.guard.uid and await self.guard.root_is_live():
            message = "a model needs the router that was to be removed"
            raise Stale(message)
        live = await self._get(kind, namespace, action.name)
        if live is None or live["metadata"]["uid"] != action.uid:
            return False
        if not self._is_ours(live):
            raise Invalid(reasons.NAME_COLLISION, f"{action.kind} {action.name} is not ours")
        preconditions = {"uid": action.uid, "resourceVersion": action.resource_version}
        await self.call(
            lambda: self.cluster.delete(
                kind, namespace=namespace, name=action.name, preconditions=preconditions
            )
        )
        metrics.WRITES.labels(kind.plural, "delete").inc()
        return True

    async def _apply(self, document: Document) -> Document:
        applied = await self.call(
            lambda: self.cluster.apply(document, manager=names.MANAGER_CHILDREN)
        )
        return dict(applied)

    async def _adopted_uid(self, intent: Document) -> str:
        """Return the uid of a live object of ours that the store did not show, "" if none."""
        await self._demand_live_root()
        metadata = intent["metadata"]
        live = await self._get(kinds.of(intent), metadata["namespace"], metadata["name"])
        if live is None:
            return ""
        self._demand_own(live)
        return str(live["metadata"]["uid"])

    async def _demand_ours(self, wanted: Mapping[str, Any]) -> None:
        kind, metadata = kinds.of(wanted), wanted["metadata"]
        if kind == kinds.SECRET:
            return  # we may not read Secrets; the name is ours by its owner
        live = await self._get(kind, metadata["namespace"], metadata["name"])
        if live is None:
            message = f"{kind.kind} {metadata['name']} went away"
            raise Stale(message)
        self._demand_own(live)
        self.remember(live)

    async def _demand_live_root(self) -> None:
        if not await self.guard.root_is_live():
            message = f"{self.guard.key} no longer lives"
            raise Gone(message)

    async def _get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        found: Document | None = await self.call(
            lambda: self.cluster.get(kind, namespace=namespace, name=name)
        )
        return found

    def _demand_own(self, live: Document) -> None:
        if self._is_ours(live):
            return
        shown = f"{live['kind']} {live['metadata']['name']}"
        if (live["metadata"].get("labels") or {}).get(names.LABEL_MANAGED_BY) == names.MANAGED_BY:
            message = f"{shown} belongs to a namesake that is being deleted"
            raise Unavailable(message)
        raise Invalid(
            reasons.NAME_COLLISION,
            f"{shown} exists and is not ours: delete or rename it, or rename this object",
        )

    def _is_ours(self, live: Document) -> bool:
        labels = live["metadata"].get("labels") or {}
        if labels.get(names.LABEL_MANAGED_BY) != names.MANAGED_BY:
            return False
        if not self.guard.uid:
            return labels.get(names.LABEL_COMPONENT) == names.COMPONENT_ROUTER
        return labels.get(names.LABEL_ROOT_UID) == self.guard.uid
