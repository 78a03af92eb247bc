"""Compares the store with the cluster and repairs it: a dead watch may delay, never mislead.

Metadata alone is listed. What is missing or stays behind is fetched, what is gone is removed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from perennial_operator.api import names
from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Cluster, Document, Kind, Selection, pages
from perennial_operator.errors import PerennialError
from perennial_operator.loop import metrics
from perennial_operator.loop.agenda import Agenda
from perennial_operator.observe.records import Record

logger = logging.getLogger(__name__)

BEHIND_SECONDS = 30.0
MISSED = "missed"
BEHIND = "behind"
GHOST = "ghost"

Call = Callable[..., Awaitable[Any]]
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Differences:
    """Names of one kind: absent from the store, older there, or there only."""

    missed: frozenset[Name] = frozenset()
    behind: frozenset[Name] = frozenset()
    ghosts: frozenset[Name] = frozenset()


def differences(
    records: Iterable[Record], listed: Mapping[Name, int], *, version: int
) -> Differences:
    """Compare records of one kind with versions by name, as listed at `version`."""
    known = {(each.namespace, each.name): each.resource_version for each in records}
    return Differences(
        missed=frozenset(listed.keys() - known.keys()),
        behind=frozenset(name for name, at in listed.items() if known.get(name, at) < at),
        ghosts=frozenset(
            name for name, at in known.items() if name not in listed and at <= version
        ),
    )


class Resync:
    """Finds and repairs differences, kind by kind."""

    def __init__(
        self,
        agenda: Agenda,
        cluster: Cluster,
        *,
        call: Call,
        namespaces: tuple[str, ...],
        behind_seconds: float = BEHIND_SECONDS,
    ) -> None:
        """`namespaces` are those that are watched; ("",) is all."""
        self._agenda = agenda
        self._cluster = cluster
        self._call = call
        self._namespaces = namespaces
        self._behind_seconds = behind_seconds
        self._behind_before: set[str] = set()
        self.stale_kinds: frozenset[str] = frozenset()

    async def run(self, period: Callable[[], float], *, clock: Callable[[], float]) -> None:
        """Compare all kinds once a period, for ever; `clock` gives Unix time."""
        while True:
            await asyncio.sleep(period())
            for kind in (*kinds.OURS, *kinds.WATCHED):
                await self.compare(kind)
            metrics.RESYNC_TIMESTAMP.set(clock())

    async def compare(self, kind: Kind) -> None:
        """Compare and repair one kind; a cluster that does not answer is asked next time."""
        try:
            for namespace in self._namespaces:
                await self._compare(kind, namespace)
        except PerennialError as error:
            logger.warning("resync failed", extra={"resource": kind.plural, "detail": str(error)})

    async def _compare(self, kind: Kind, namespace: str) -> None:
        found = await self._differences(kind, namespace)
        if found.missed or found.behind:
            await asyncio.sleep(self._behind_seconds)  # their watch may be on its way
            again = await self._differences(kind, namespace)
            found = Differences(
                found.missed & again.missed, found.behind & again.behind, again.ghosts
            )
        for name in sorted(found.missed | found.behind):
            await self._fetch(kind, name)
        for name in sorted(found.ghosts):
            record = self._agenda.store.get(kind.kind, namespace=name[0], name=name[1])
            if record and not await self._get(kind, name):
                self._agenda.bury(record)
        self._note(kind, found)

    async def _differences(self, kind: Kind, namespace: str) -> Differences:
        is_ours = kind in kinds.OURS
        selection = Selection(namespace, "" if is_ours else names.MANAGED_SELECTOR)
        items, version = await self._call(
            lambda: pages(self._cluster, kind, selection, metadata_only=True)
        )
        listed = {
            (each["metadata"].get("namespace", ""), each["metadata"]["name"]): int(
                each["metadata"]["resourceVersion"]
            )
            for each in items
        }
        records = [
            each
            for each in self._agenda.store.of_kind(kind.kind)
            if namespace in ("", each.namespace)
        ]
        return differences(records, listed, version=int(version))

    async def _fetch(self, kind: Kind, name: Name) -> None:
        live = await self._get(kind, name)
        if live:
            self._agenda.see(live)

    async def _get(self, kind: Kind, name: Name) -> Document | None:
        found: Document | None = await self._call(
            lambda: self._cluster.get(kind, namespace=name[0], name=name[1])
        )
        return found

    def _note(self, kind: Kind, found: Differences) -> None:
        """Count what was found; a kind of ours that is behind twice running has a dead watch."""
        for word, which in ((MISSED, found.missed), (BEHIND, found.behind), (GHOST, found.ghosts)):
            metrics.RESYNC_DIFFERENCES.labels(kind.plural, word).inc(len(which))
        was_behind = kind.kind in self._behind_before
        is_behind = bool(found.missed or found.behind)
        self._behind_before.discard(kind.kind)
        if is_behind:
            self._behind_before.add(kind.kind)
        if is_behind and was_behind and kind in kinds.OURS:
            self.stale_kinds |= {kind.kind}
        if not is_behind:
            self.stale_kinds -= {kind.kind}
