"""Tests of reading Envoy's statistics."""

import re

from perennial_operator.api.routing_intent import RevisionCounters
from perennial_operator.router import acknowledgements
from perennial_operator.router.acknowledgements import STATS_FILTER, Statistics

ANSWER = {
    "stats": [
        {"name": "cluster.m-1.upstream_rq_total", "value": 12},
        {"name": "cluster.m-1.upstream_rq_retry", "value": 2},
        {"name": "cluster.m-1.upstream_cx_connect_fail", "value": 1},
        {"name": "cluster.m-1.upstream_rq_rx_reset", "value": 3},
        {"name": "cluster.m-1.upstream_rq_timeout", "value": 4},
        {"name": "cluster.m-1.upstream_rq_2xx", "value": 8},
        {"name": "cluster.m-1.upstream_rq_4xx", "value": 1},
        {"name": "cluster.m-1.upstream_rq_5xx", "value": 1},
        {"name": "cluster.m-1.upstream_rq_active", "value": 5},
        {"name": "cluster.m-2.membership_healthy", "value": 0},
        {"name": "cluster_manager.warming_clusters", "value": 0},
        {"name": "http.http.rds.models.version_text", "value": "abc"},
        {"name": "http.http.downstream_rq_active", "value": 7},
        {"name": "listener_manager.lds.update_rejected", "value": 1},
        {"name": "cluster_manager.cds.update_rejected", "value": 1},
        {"histograms": {"supported_quantiles": []}},
    ]
}


def test_an_answer_becomes_counters_by_revision() -> None:
    """First attempts are all requests less the retries."""
    seen = acknowledgements.parse(ANSWER)

    assert seen.counters("m-1") == RevisionCounters(10, 2, 1, 3, 4, 8, 1, 1, 5)
    assert seen.counters("unknown") == RevisionCounters()
    assert (seen.routes_version, seen.downstream_active, seen.rejected) == ("abc", 7, 2)


def test_an_answer_of_another_form_is_empty() -> None:
    """What Envoy does not say is not known."""
    assert acknowledgements.parse({"stats": "no"}) == Statistics()


def test_clusters_are_warm_when_known_and_none_initializes() -> None:
    """A route may name a cluster only once Envoy has it."""
    seen = acknowledgements.parse(ANSWER)

    assert seen.has_warm(["m-1", "m-2"])
    assert not seen.has_warm(["m-1", "m-3"])
    assert not Statistics(warming_clusters=1, clusters=seen.clusters).has_warm(["m-1"])


def test_the_filter_lets_through_what_is_parsed() -> None:
    """Each statistic that is read passes the filter that Envoy applies."""
    names = [entry["name"] for entry in ANSWER["stats"] if "name" in entry]

    assert all(re.search(STATS_FILTER, str(name)) for name in names)
    assert not re.search(STATS_FILTER, "cluster.m-1.upstream_cx_total")
