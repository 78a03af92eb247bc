"""Metrics of writes and Events."""

from prometheus_client import Counter

WRITES = Counter(
    "perennial_operator_writes",
    "Writes by what they were: create, update, delete, status or event.",
    ["resource", "reason"],
)
WRITES_SKIPPED = Counter(
    "perennial_operator_writes_skipped", "Applies that would have changed nothing.", ["resource"]
)
EVENTS = Counter("perennial_operator_events", "Events sent.", ["type", "reason"])
EVENTS_DROPPED = Counter("perennial_operator_events_dropped", "Events not sent: too many.")
