"""A stand-in for the Cluster port that answers from a table and remembers what it was asked.

It imitates no server: it has no versions, no watches, no conflicts but those that a test says.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from perennial_operator.cluster.port import Document, Kind, Page, Selection, WatchEvent

Name = tuple[str, str]


class ListedStream:
    """A watch that yields what it was given; an exception among it is raised."""

    def __init__(self, items: Iterable[WatchEvent | Exception]) -> None:
        """Keep what to yield."""
        self._items = tuple(items)
        self.is_closed = False

    def __iter__(self) -> Iterator[WatchEvent]:
        """Yield the events, raise the errors."""
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        """Note that somebody ended it."""
        self.is_closed = True


class SilentStream(ListedStream):
    """A watch that says nothing until somebody ends it."""

    def __init__(self) -> None:
        """Start open."""
        super().__init__(())
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[WatchEvent]:
        """Wait for the end."""
        self.closed.wait()
        return iter(())

    def close(self) -> None:
        """End."""
        self.closed.set()


class ScriptedCluster:
    """`live` are the objects that exist, by kind and name; `failures` are raised, by verb.

    `calls` lists verb, kind and name of each request; `sent` the documents of the writes.
    """

    def __init__(self, *live: Document) -> None:
        """Start with these objects."""
        self.live: dict[Name, Document] = {
            (each["kind"], each["metadata"]["name"]): each for each in live
        }
        self.failures: dict[str, list[Exception]] = {}
        self.streams: list[ListedStream] = []
        self.calls: list[tuple[str, str, str]] = []
        self.sent: list[Document] = []
        self._versions = itertools.count(1_000)

    def fail(self, verb: str, *errors: Exception) -> None:
        """Let the next requests of a verb fail."""
        self.failures.setdefault(verb, []).extend(errors)

    def get(self, kind: Kind, *, namespace: str, name: str) -> Document | None:  # noqa: ARG002  # the port's signature
        """Return the live object, or None."""
        self._note("get", kind.kind, name)
        return self.live.get((kind.kind, name))

    def list(
        self,
        kind: Kind,
        selection: Selection,
        *,
        continue_token: str = "",
        limit: int = 500,
        metadata_only: bool = False,
    ) -> Page:
        """Return all live objects of the kind, one a page."""
        del selection, limit, metadata_only
        self._note("list", kind.kind, continue_token)
        found = [each for (live, _), each in self.live.items() if live == kind.kind]
        start = int(continue_token or 0)
        following = str(start + 1) if start + 1 < len(found) else ""
        return Page(found[start : start + 1], "900", following)

    def watch(self, kind: Kind, selection: Selection, *, since: str) -> ListedStream:
        """Return the next stream, a silent one if none was given."""
        del selection
        self._note("watch", kind.kind, since)
        return self.streams.pop(0) if self.streams else SilentStream()

    def apply(
        self, document: Mapping[str, Any], *, manager: str, subresource: str = ""
    ) -> Document:
        """Answer with the document and a newer version."""
        del manager
        verb = f"apply {subresource}".strip()
        self._note(verb, document["kind"], document["metadata"]["name"])
        return self._written(document)

    def create(self, document: Mapping[str, Any]) -> Document:
        """Answer with the document and a version."""
        self._note("create", document["kind"], document["metadata"]["name"])
        return self._written(document)

    def delete(
        self, kind: Kind, *, namespace: str, name: str, preconditions: Mapping[str, str]
    ) -> None:
        """Forget the object."""
        del namespace
        self._note("delete", kind.kind, name)
        self.sent.append(dict(preconditions))
        self.live.pop((kind.kind, name), None)

    def merge_patch(
        self, kind: Kind, *, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Document:
        """Answer with the patch."""
        del namespace
        self._note("patch", kind.kind, name)
        self.sent.append(dict(patch))
        return dict(patch)

    def _note(self, verb: str, kind: str, name: str) -> None:
        self.calls.append((verb, kind, name))
        if waiting := self.failures.get(verb):
            raise waiting.pop(0)

    def _written(self, document: Mapping[str, Any]) -> Document:
        self.sent.append(dict(document))
        name = document["kind"], document["metadata"]["name"]
        before = self.live.get(name) or {}
        known = before.get("metadata") or {"uid": f"uid-{document['metadata']['name']}"}
        metadata = {**known, **document["metadata"], "resourceVersion": str(next(self._versions))}
        self.live[name] = {**before, **document, "metadata": metadata}
        return self.live[name]
