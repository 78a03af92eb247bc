"""Condition types, and the algebra that joins them.

True is good, except of the pair `Reconciling` and `Stalled`, which are absent unless True and
never True together. `Progressing` is neutral. A condition's time moves only with its status.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from perennial_operator.api import reasons
from perennial_operator.api.schema.shared_types import Condition

TRUE = "True"
FALSE = "False"
UNKNOWN = "Unknown"

RECONCILING = "Reconciling"
STALLED = "Stalled"

READY = "Ready"
AVAILABLE = "Available"
MODEL_VERIFIED = "ModelVerified"
TRAFFIC_APPLIED = "TrafficApplied"
PROGRESSING = "Progressing"

SUSPENDED = "Suspended"
DATA_READY = "DataReady"
TRAINED = "Trained"
VALIDATED = "Validated"
APPROVED = "Approved"
PROMOTED = "Promoted"
COMPLETE = "Complete"
FAILED = "Failed"

ANSWERED = "Answered"

MESSAGE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Claim:
    """What a planner says of one condition now: no generation and no time."""

    type: str
    status: str
    reason: str
    message: str = ""


def settle(
    previous: Iterable[Condition], claims: Iterable[Claim], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Return the claims as conditions; a type that is not claimed is gone.

    The time of a condition is kept while its status is, so an unchanged claim changes nothing.
    """
    before = {condition.type: condition for condition in previous}
    return tuple(
        Condition(
            type=claim.type,
            status=claim.status,
            reason=claim.reason,
            message=clipped(claim.message),
            observed_generation=generation,
            last_transition_time=_since(before.get(claim.type), claim, now),
        )
        for claim in claims
    )


def summary(
    available: Claim,
    *,
    reconciling: Claim | None = None,
    stalled: Claim | None = None,
    note: str = "",
) -> tuple[Claim, ...]:
    """Return `Ready`, `Available` and what is True of the pair; `Stalled` hides `Reconciling`.

    `note` is what a person should know although it denies nothing (a refused candidate).
    """
    pair = stalled or reconciling
    return (
        _ready(available, pair, note),
        available,
        *((pair,) if pair else ()),
    )


def find(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """Return the condition of that type, or None."""
    return next((each for each in conditions if each.type == type_), None)


def is_true(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether the condition of that type is there and True."""
    found = find(conditions, type_)
    return found is not None and found.status == TRUE


def stamp(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clipped(message: str) -> str:
    """Return the message within the length that the schema allows."""
    if len(message) <= MESSAGE_LIMIT:
        return message
    return message[: MESSAGE_LIMIT - 1] + "…"


def _ready(available: Claim, pair: Claim | None, note: str) -> Claim:
    if pair:
        return Claim(READY, FALSE, pair.reason, pair.message)
    if available.status == TRUE:
        return Claim(READY, TRUE, reasons.READY, note or available.message)
    return Claim(READY, available.status, available.reason, available.message)


def _since(before: Condition | None, claim: Claim, now: datetime) -> str:
    if before and before.status == claim.status and before.last_transition_time:
        return before.last_transition_time
    return stamp(now)
