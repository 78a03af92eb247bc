"""The Cluster port: raw documents in and out, errors of our tree, one method a verb.

Everything above speaks this protocol; `kubernetes_client` is its only adapter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the static table of kinds: no discovery, nothing stale."""

    kind: str
    group: str
    version: str
    plural: str
    is_namespaced: bool = True

    @property
    def api_version(self) -> str:
        """Return `group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `continue_token` is empty on the last."""

    items: Sequence[Document]
    resource_version: str
    continue_token: str = ""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """ADDED, MODIFIED, DELETED, BOOKMARK, with the object."""

    type: str
    object: Document


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects: a namespace ("" = all), a label selector, a field selector."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""


class Stream(Protocol):
    """One open watch; `close` may be called from any thread and ends the iteration."""

    def __iter__(self) -> Iterator[WatchEvent]:
        """Yield complete events; the end of the stream ends the loop."""

    def close(self) -> None:
        """End the stream."""


class Cluster(Protocol):
    """Requests to the API server, each with its own timeout; blocking, call it in a thread."""

    def get(self, kind: Kind, *, namespace: str, name: str) -> Document | None:
        """Return the live object, or None if it is absent."""

    def list(
        self,
        kind: Kind,
        selection: Selection,
        *,
        continue_token: str = "",
        limit: int = 500,
        metadata_only: bool = False,
    ) -> Page:
        """Return one page."""

    def watch(self, kind: Kind, selection: Selection, *, since: str) -> Stream:
        """Open a watch; `Expired`, here or from the stream, if `since` is too old."""

    def apply(
        self, document: Mapping[str, Any], *, manager: str, subresource: str = ""
    ) -> Document:
        """Server-side apply with force. uid and resourceVersion in it are preconditions."""

    def create(self, document: Mapping[str, Any]) -> Document:
        """Create; `Exists` if the name is taken."""

    def delete(
        self, kind: Kind, *, namespace: str, name: str, preconditions: Mapping[str, str]
    ) -> None:
        """Delete in the background with uid and resourceVersion as preconditions."""

    def merge_patch(
        self, kind: Kind, *, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> Document:
        """Merge-patch; only Events use it."""


def pages(
    cluster: Cluster, kind: Kind, selection: Selection, *, metadata_only: bool = False
) -> tuple[list[Document], str]:
    """Return all items of a list and its resourceVersion, page by page."""
    page = cluster.list(kind, selection, metadata_only=metadata_only)
    items = list(page.items)
    while page.continue_token:
        page = cluster.list(
            kind, selection, continue_token=page.continue_token, metadata_only=metadata_only
        )
        items.extend(page.items)
    return items, page.resource_version
