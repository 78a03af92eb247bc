"""What a planner may ask for: values that `apply` sends and `testing` folds back.

A plan that writes no status only re-asserts what the status already says. Groups of actions are
barriers: within a group up to four run at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of a whole intent.

    `uid` names the live child that is known ("" = none known: the root is read live first);
    `resource_version` is a precondition, for routing intents.
    """

    object: Object
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Create once; an existing object of that name is ours iff its root uid fits."""

    object: Object


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly this object, in the background."""

    kind: str
    name: str
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Write the status of a Decision, once."""

    name: str
    uid: str
    resource_version: str
    answer: str
    message: str
    generation: int = 1


Action = Apply | Create | Delete | Answer


@dataclass(frozen=True, slots=True)
class Event:
    """One edge that a person would want to know; `type` is Normal or Warning."""

    type: str
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`status` is the whole new status document, or None to leave it as it is."""

    status: Mapping[str, Any] | None = None
    actions: tuple[tuple[Action, ...], ...] = ()
    events: tuple[Event, ...] = ()
    look_again_seconds: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written."""
        return self.status is None and not self.actions and not self.events
