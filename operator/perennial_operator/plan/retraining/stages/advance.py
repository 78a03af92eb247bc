"""What a stage hands back: the run's new status, the edge it saw, and what shall exist.

A stage never writes state, times or conditions by itself: `run` does, from this value.
"""

from dataclasses import dataclass, replace

from perennial_operator.api.conditions import Claim
from perennial_operator.api.status.retrain_job import RetrainJobStatus
from perennial_operator.plan import actions as wanted
from perennial_operator.plan.retraining.approvals import Reply
from perennial_operator.plan.retraining.states import Event


@dataclass(frozen=True, slots=True)
class Advance:
    """One look at a run.

    `note` says in words what it waits for; `stalled` is set while only a person can help.
    `reason` and `message` explain an edge that ends the run.
    """

    status: RetrainJobStatus
    edge: Event | None = None
    claims: tuple[Claim, ...] = ()
    actions: tuple[tuple[wanted.Action, ...], ...] = ()
    events: tuple[wanted.Event, ...] = ()
    look_again_seconds: float | None = None
    note: str = ""
    reason: str = ""
    message: str = ""
    stalled: Claim | None = None
    replies: tuple[Reply, ...] = ()


def leave(status: RetrainJobStatus) -> RetrainJobStatus:
    """Return the status without an intent: the step is over."""
    return replace(status, intent=None)


def waits(status: RetrainJobStatus, note: str, *, seconds: float | None = None) -> Advance:
    """Return a look that changed nothing."""
    return Advance(status, note=note, look_again_seconds=seconds)
