"""Metrics of passes, queue, store and resync. No label names an object."""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 60)

RECONCILES = Counter(
    "perennial_operator_reconcile", "Passes by how they ended.", ["kind", "result"]
)
RECONCILE_SECONDS = Histogram(
    "perennial_operator_reconcile_seconds", "Time of a pass.", ["kind"], buckets=SECONDS
)
DECIDE_SECONDS = Histogram(
    "perennial_operator_decide_seconds", "Time of a decision.", ["kind"], buckets=SECONDS
)
BUGS = Counter("perennial_operator_bugs", "Passes that ended by a bug.", ["kind"])
QUEUE_DEPTH = Gauge("perennial_operator_queue_depth", "Keys that are due.", ["rank"])
QUEUE_ADDS = Counter("perennial_operator_queue_adds", "What made keys due.", ["kind", "source"])
QUEUE_WAIT_SECONDS = Histogram(
    "perennial_operator_queue_wait_seconds", "Time from due to taken.", ["rank"], buckets=SECONDS
)
QUEUE_RETRIES = Counter("perennial_operator_queue_retries", "Passes to be repeated.", ["kind"])
QUEUE_IN_FLIGHT = Gauge("perennial_operator_queue_in_flight", "Keys being worked on.")
STORE_OBJECTS = Gauge("perennial_operator_store_objects", "Objects known.", ["resource"])
STORE_BYTES = Gauge("perennial_operator_store_bytes", "Bytes of known bodies.", ["resource"])
STORE_SYNCED = Gauge("perennial_operator_store_synced", "Whether every kind was listed once.")
RESYNC_DIFFERENCES = Counter(
    "perennial_operator_resync_differences",
    "What a resync found: missed, behind or ghost.",
    ["resource", "type"],
)
RESYNC_TIMESTAMP = Gauge(
    "perennial_operator_resync_timestamp_seconds", "When a resync ended last, as Unix time."
)
EVENT_LOOP_LAG_SECONDS = Gauge(
    "perennial_operator_event_loop_lag_seconds", "How late the event loop turns."
)
