"""The router's metrics, as text from the state that `/v1/state` shows. Pure.

No object name but model and revision becomes a label.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from perennial_operator.api.routing_intent import WEIGHT_SUM, ModelState, RouterState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LABELS = ("model", "revision")
_COUNTERS = (
    ("retries", "perennial_router_retries", "Requests tried again on another Pod."),
    ("connect_failures", "perennial_router_connect_failures", "Connections that failed."),
    ("resets", "perennial_router_resets", "Requests that a Pod reset."),
    ("timeouts", "perennial_router_timeouts", "Requests that a Pod did not answer in time."),
)


class _State(Collector):
    def __init__(self, state: RouterState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        models = self._state.models.items()
        yield _requests(models)
        for field, name, text in _COUNTERS:
            family = CounterMetricFamily(name, text, labels=_LABELS)
            for model, state in models:
                for revision, counters in state.counters.items():
                    family.add_metric((model, revision), getattr(counters, field))
            yield family
        yield _weights(models)
        yield _endpoints(models)
        yield _withdrawn(models)
        rejected = GaugeMetricFamily(
            "perennial_router_config_rejected", "Whether Envoy refused a file since its start."
        )
        rejected.add_metric((), float(bool(self._state.config_rejected)))
        yield rejected


def render(state: RouterState) -> bytes:
    """Return the exposition text of one state."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_State(state))
    return generate_latest(registry)


_Models = Iterable[tuple[str, ModelState]]


def _requests(models: _Models) -> Metric:
    family = CounterMetricFamily(
        "perennial_router_requests",
        "Answers of Pods by class of status code.",
        labels=(*_LABELS, "code_class"),
    )
    for model, state in models:
        for revision, counters in state.counters.items():
            for each in ("2xx", "4xx", "5xx"):
                value = getattr(counters, f"status_{each}")
                family.add_metric((model, revision, each), value)
    return family


def _weights(models: _Models) -> Metric:
    family = GaugeMetricFamily(
        "perennial_router_weight_ratio", "Share of traffic in force.", labels=_LABELS
    )
    for model, state in models:
        for revision, weight in state.weights.items():
            family.add_metric((model, revision), weight / WEIGHT_SUM)
    return family


def _endpoints(models: _Models) -> Metric:
    family = GaugeMetricFamily(
        "perennial_router_endpoints", "Ready Pods that may get requests.", labels=_LABELS
    )
    for model, state in models:
        for revision, count in state.endpoints.items():
            family.add_metric((model, revision), count)
    return family


def _withdrawn(models: _Models) -> Metric:
    family = GaugeMetricFamily(
        "perennial_router_withdrawn", "Arms without Pods whose share was moved.", labels=("model",)
    )
    for model, state in models:
        family.add_metric((model,), len(state.withdrawn))
    return family
