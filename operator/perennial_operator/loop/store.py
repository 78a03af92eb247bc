"""Last seen objects, and which keys a change of one makes due. Pure, one thread, no locks.

Laws: only a newer resourceVersion is taken; the reply to our own write is stored at once, so its
echo is not newer; a child queues its root only if what plans read has changed; a list turns what
vanished into deletions; another uid is a deletion and a creation.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from perennial_operator.api import names
from perennial_operator.observe.records import KEY_KINDS, Record
from perennial_operator.plan.snapshot import MODEL, ROUTER, RUN, Key

USER = "user"
CHILD = "child"
DECISION = "decision"

TOMBSTONES = 20_000

Name = tuple[str, str, str]
Group = TypeVar("Group", Key, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Due:
    """A key that has to be looked at, and what made it so."""

    key: Key
    source: str


class Store:
    """All objects that were seen, by name and by the key they belong to."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: dict[Name, Record] = {}
        self._of_key: defaultdict[Key, dict[Name, Record]] = defaultdict(dict)
        self._of_kind: defaultdict[tuple[str, str], dict[Name, Record]] = defaultdict(dict)
        self._tombstones: dict[Name, int] = {}

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        """Yield every object."""
        return iter(self._records.values())

    def get(self, kind: str, *, namespace: str, name: str) -> Record | None:
        """Return the object of that name, None if it was not seen."""
        return self._records.get((kind, namespace, name))

    def of_key(self, key: Key) -> tuple[Record, ...]:
        """Return the root of a key and everything that belongs to it."""
        return tuple(self._of_key.get(key, {}).values())

    def in_namespace(self, kind: str, namespace: str) -> tuple[Record, ...]:
        """Return the objects of a kind in a namespace."""
        return tuple(self._of_kind.get((kind, namespace), {}).values())

    def of_kind(self, kind: str) -> tuple[Record, ...]:
        """Return all objects of a kind."""
        groups = (members for (each, _), members in self._of_kind.items() if each == kind)
        return tuple(record for members in groups for record in members.values())

    def namespaces_of(self, kind: str) -> tuple[str, ...]:
        """Return the namespaces that hold an object of a kind."""
        return tuple(namespace for each, namespace in self._of_kind if each == kind)

    def all_keys(self) -> frozenset[Key]:
        """Return every key that something belongs to, and the router of each model."""
        found = {key for key, members in self._of_key.items() if members}
        return frozenset(found | {Key(ROUTER, k.namespace, "") for k in found if k.kind == MODEL})

    def upsert(self, record: Record, *, is_own: bool = False) -> tuple[Due, ...]:
        """Take an object if it is newer; `is_own`: it is the reply to our own write."""
        name = _name(record)
        before = self._records.get(name)
        if not self._is_newer(record, before):
            return ()
        self._forget(before)
        self._keep(record)
        if before and before.facts == record.facts:
            return ()
        return self._due(record, before, is_own=is_own)

    def remove(self, record: Record) -> tuple[Due, ...]:
        """Take a deletion; `record` is the object's last state."""
        name = _name(record)
        before = self._records.get(name)
        self._bury(name, record.resource_version)
        if not before or before.resource_version > record.resource_version:
            return ()
        self._forget(before)
        return self._due(before, None, is_own=False)

    def replace(
        self, kind: str, namespace: str, *, records: Iterable[Record], version: int
    ) -> tuple[Due, ...]:
        """Take a whole list of a kind ("" = all namespaces), as it was at `version`."""
        found = {_name(each): each for each in records}
        vanished = [
            each
            for each in self.of_kind(kind)
            if namespace in ("", each.namespace)
            and _name(each) not in found
            and each.resource_version <= version
        ]
        due = [item for each in vanished for item in self._vanish(each, version)]
        due += [item for each in found.values() for item in self.upsert(each)]
        return tuple(dict.fromkeys(due))

    def _vanish(self, record: Record, version: int) -> tuple[Due, ...]:
        self._bury(_name(record), version)
        self._forget(record)
        return self._due(record, None, is_own=False)

    def _is_newer(self, record: Record, before: Record | None) -> bool:
        if record.resource_version <= self._tombstones.get(_name(record), 0):
            return False
        return before is None or record.resource_version > before.resource_version

    def _keep(self, record: Record) -> None:
        name = _name(record)
        self._records[name] = record
        self._of_kind[record.kind, record.namespace][name] = record
        if record.key:
            self._of_key[record.key][name] = record

    def _forget(self, record: Record | None) -> None:
        if not record:
            return
        name = _name(record)
        del self._records[name]
        _drop(self._of_kind, (record.kind, record.namespace), name)
        if record.key:
            _drop(self._of_key, record.key, name)

    def _bury(self, name: Name, version: int) -> None:
        self._tombstones.pop(name, None)
        self._tombstones[name] = version
        if len(self._tombstones) > TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]

    def _due(self, record: Record, before: Record | None, *, is_own: bool) -> tuple[Due, ...]:
        keys = {each.key for each in (record, before) if each and each.key}
        sources = {names.DECISION: DECISION} | dict.fromkeys(KEY_KINDS, USER)
        source = sources.get(record.kind, CHILD)
        is_born = before is None and record.kind in KEY_KINDS  # a run that a Retry made begins
        own = () if is_own and not is_born else tuple(Due(key, source) for key in keys)
        if record.kind not in KEY_KINDS:
            return own
        return own + tuple(Due(key, CHILD) for key in self._related(record))

    def _related(self, record: Record) -> Iterable[Key]:
        """Return the other keys that read this root: a model and its runs read each other."""
        namespace = record.namespace
        model = record.name if record.kind == names.MODEL_DEPLOYMENT else record.model
        yield from (
            Key(RUN, namespace, each.name)
            for each in self.in_namespace(names.RETRAIN_JOB, namespace)
            if each.model == model and each.name != record.name
        )
        if record.kind == names.RETRAIN_JOB:
            yield Key(MODEL, namespace, model)
        else:
            yield Key(ROUTER, namespace, "")


def _drop(index: defaultdict[Group, dict[Name, Record]], group: Group, name: Name) -> None:
    members = index[group]
    del members[name]
    if not members:
        del index[group]


def _name(record: Record) -> Name:
    return record.kind, record.namespace, record.name
