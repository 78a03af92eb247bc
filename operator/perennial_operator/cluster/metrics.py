"""Metrics of requests and watches. Labels name resources, never objects."""

from prometheus_client import Counter, Gauge, Histogram

API_REQUESTS = Counter(
    "perennial_operator_api_requests",
    "Requests to the API server by their answer; code 0: none came.",
    ["verb", "resource", "code"],
)
API_REQUEST_SECONDS = Histogram(
    "perennial_operator_api_request_seconds",
    "Time of requests to the API server, watches aside.",
    ["verb", "resource"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
API_THROTTLED_SECONDS = Counter(
    "perennial_operator_api_throttled_seconds", "Time that writes waited for our own limit."
)
WATCH_AGE_SECONDS = Gauge(
    "perennial_operator_watch_age_seconds",
    "Time since the last complete event of a watch.",
    ["resource"],
)
WATCH_RESTARTS = Counter(
    "perennial_operator_watch_restarts",
    "Watches opened again, by why the last one ended.",
    ["resource", "reason"],
)
