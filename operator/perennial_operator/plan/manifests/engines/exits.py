"""The exit rows of the trainer contract: what an exit code means for the run, on any engine."""

from dataclasses import dataclass

from perennial_operator.api import reasons
from perennial_operator.plan.manifests.engines.attempt import Reaction

REFUSALS = frozenset({64, 65, 66, 78})
TRY_LATER = frozenset({69, 75})
KILLED = 137


@dataclass(frozen=True, slots=True)
class Row:
    """A reason, and what the run does."""

    reason: str
    reaction: Reaction


def judge(exit_code: int | None, reason: str, *, is_disrupted: bool) -> Row:
    """Return the first row that fits.

    An own-limit OOM carries no disruption, on purpose: it spends an attempt.
    """
    if is_disrupted:
        return Row(reasons.DISRUPTED, Reaction.FREE)
    if exit_code in REFUSALS:
        return Row(reasons.TRAINER_REFUSED, Reaction.NEVER)
    if exit_code == KILLED and reason == "OOMKilled":
        return Row(reasons.OOM_KILLED, Reaction.AT_ONCE)
    if exit_code in TRY_LATER:
        return Row(reasons.TRY_LATER, Reaction.LATER)
    return Row(reasons.TRAINER_FAILED, Reaction.AT_ONCE)
