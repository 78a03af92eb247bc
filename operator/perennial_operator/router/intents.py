"""Which routing intent is in force: a refused one leaves the last good one where it is. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from perennial_operator.api import documents
from perennial_operator.api.routing_intent import WEIGHT_SUM, RoutingIntent


@dataclass(frozen=True, slots=True)
class InForce:
    """The last good intent of a model, and why a newer one was refused ("" if none was)."""

    intent: RoutingIntent
    refused: str = ""


def parse(text: str) -> RoutingIntent | str:
    """Return the intent that the JSON text holds, or a sentence that says what is wrong."""
    try:
        intent = documents.load(RoutingIntent, json.loads(text))
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        return f"not a routing intent: {type(error).__name__}"
    return _finding(intent) or intent


def accept(current: InForce | None, text: str) -> InForce | None:
    """Return what is in force after `text` was read; None if there never was a good one."""
    offered = parse(text)
    if isinstance(offered, str):
        return _refuse(current, offered)
    if current is None or offered == current.intent or offered.uid != current.intent.uid:
        return InForce(offered)
    if offered.epoch <= current.intent.epoch:
        return _refuse(
            current, f"epoch {offered.epoch} is not above {current.intent.epoch}, which is in force"
        )
    return InForce(offered)


def revisions(intents: Mapping[str, InForce]) -> frozenset[str]:
    """Return every revision that some intent names, with weight or kept warm."""
    return frozenset(
        name
        for each in intents.values()
        for name in (*(arm.revision for arm in each.intent.arms), *each.intent.keep)
    )


def _refuse(current: InForce | None, why: str) -> InForce | None:
    return InForce(current.intent, why) if current else None


def _finding(intent: RoutingIntent) -> str:
    if not all(isinstance(arm.weight, int) and arm.weight >= 0 for arm in intent.arms):
        return "weights must be whole numbers of at least 0"
    if sum(arm.weight for arm in intent.arms) != WEIGHT_SUM:
        return f"weights must sum to {WEIGHT_SUM}"
    if not isinstance(intent.epoch, int) or intent.epoch < 1:
        return "epoch must be a whole number of at least 1"
    return ""
