"""Tests of the router's metrics."""

from prometheus_client.parser import text_string_to_metric_families

from perennial_operator.api.routing_intent import ModelState, RevisionCounters, RouterState
from perennial_operator.router import metrics

STATE = RouterState(
    pod="p",
    boot="b",
    time="2026-01-01T00:00:00Z",
    config_version="v",
    models={
        "m": ModelState(
            epoch=1,
            acknowledged=True,
            since="",
            weights={"m-1": 9000, "m-2": 1000},
            endpoints={"m-1": 2},
            withdrawn=("m-2",),
            counters={"m-1": RevisionCounters(first=3, retries=1, status_2xx=3, status_5xx=2)},
        )
    },
)


def samples(state: RouterState) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and label values."""
    families = text_string_to_metric_families(metrics.render(state).decode())
    return {
        (each.name, *sorted(each.labels.values())): each.value
        for family in families
        for each in family.samples
    }


def test_a_state_becomes_the_metrics_that_it_shows() -> None:
    """Counters, shares and endpoints carry model and revision, nothing else."""
    seen = samples(STATE)

    assert seen["perennial_router_requests_total", "2xx", "m", "m-1"] == 3
    assert seen["perennial_router_requests_total", "5xx", "m", "m-1"] == 2
    assert seen["perennial_router_retries_total", "m", "m-1"] == 1
    assert seen["perennial_router_weight_ratio", "m", "m-2"] == 0.1
    assert seen["perennial_router_endpoints", "m", "m-1"] == 2
    assert seen["perennial_router_withdrawn", "m"] == 1
    assert seen["perennial_router_config_rejected",] == 0


def test_refused_files_show() -> None:
    """An alert can be made of what Envoy refused."""
    refused = RouterState("p", "b", "", "", config_rejected="Envoy refused 1 files")

    assert samples(refused) == {("perennial_router_config_rejected",): 1}
