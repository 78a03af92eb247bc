"""What Envoy's statistics say: counters by revision, versions in force, warm clusters. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perennial_operator.api.routing_intent import RevisionCounters

_CLUSTER = re.compile(r"^cluster\.([a-z0-9-]+)\.([a-z0-9_]+)$")
_ROUTES_VERSION = "http.http.rds.models.version_text"
_REJECTED = (
    "http.http.rds.models.update_rejected",
    "cluster_manager.cds.update_rejected",
    "listener_manager.lds.update_rejected",
)
STATS_FILTER = (
    r"^cluster\..*\.(upstream_(rq_(total|retry|timeout|rx_reset|tx_reset|2xx|4xx|5xx|active)"
    r"|cx_connect_fail)|membership_healthy)$"
    r"|^http\.http\.(rds\.models\.(version_text|update_rejected)|downstream_rq_active)$"
    r"|^cluster_manager\.(warming_clusters|cds\.update_rejected)$"
    r"|^listener_manager\.lds\.update_rejected$"
)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Envoy's own numbers at one moment; `rejected` counts refused files since its boot."""

    routes_version: str = ""
    warming_clusters: int = 0
    downstream_active: int = 0
    rejected: int = 0
    clusters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def counters(self, revision: str) -> RevisionCounters:
        """Return what Envoy counted for a revision; zeros if it has no such cluster."""
        numbers = self.clusters.get(revision, {})

        def of(name: str) -> int:
            return numbers.get(f"upstream_{name}", 0)

        return RevisionCounters(
            first=of("rq_total") - of("rq_retry"),
            retries=of("rq_retry"),
            connect_failures=of("cx_connect_fail"),
            resets=of("rq_rx_reset"),
            timeouts=of("rq_timeout"),
            status_2xx=of("rq_2xx"),
            status_4xx=of("rq_4xx"),
            status_5xx=of("rq_5xx"),
            active=of("rq_active"),
        )

    def has_warm(self, revisions: Iterable[str]) -> bool:
        """Whether Envoy knows all these clusters and still initializes none."""
        return self.warming_clusters == 0 and all(name in self.clusters for name in revisions)


def parse(document: Mapping[str, object]) -> Statistics:
    """Read the answer of `/stats?format=json`; entries of another form are passed over."""
    entries = document.get("stats")
    numbers: dict[str, int] = {}
    routes_version = ""
    for entry in entries if isinstance(entries, list) else ():
        name, value = entry.get("name"), entry.get("value")
        if name == _ROUTES_VERSION and isinstance(value, str):
            routes_version = value
        elif isinstance(name, str) and isinstance(value, int):
            numbers[name] = value
    return Statistics(
        routes_version=routes_version,
        warming_clusters=numbers.get("cluster_manager.warming_clusters", 0),
        downstream_active=numbers.get("http.http.downstream_rq_active", 0),
        rejected=sum(numbers.get(name, 0) for name in _REJECTED),
        clusters=_by_cluster(numbers),
    )


def _by_cluster(numbers: Mapping[str, int]) -> dict[str, dict[str, int]]:
    clusters: dict[str, dict[str, int]] = {}
    for name, value in numbers.items():
        if match := _CLUSTER.match(name):
            clusters.setdefault(match.group(1), {})[match.group(2)] = value
    return clusters
