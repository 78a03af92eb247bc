"""The counters as Prometheus text: one collector turns integers into families at each scrape."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from perennial_serving.batch.driver import Counts
from perennial_serving.contract import metrics
from perennial_serving.monitor.recorder import Durations, Recorder

_OWN = (metrics.LABEL_MODEL, metrics.LABEL_REVISION)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is true at the moment of a scrape, next to the recorder's counts."""

    in_flight: int = 0
    queued: int = 0
    is_ready: bool = False
    load_seconds: float = 0.0
    digest: str = ""
    format: str = ""
    runtime: str = ""
    counts: Counts | None = None


class Exporter(Collector):
    """Prints the metrics of one model's revision."""

    def __init__(
        self, model: str, revision: str, *, recorder: Recorder, snapshot: Callable[[], Snapshot]
    ) -> None:
        """Take where the numbers come from; nothing is copied until a scrape."""
        self._own = (model, revision)
        self._recorder = recorder
        self._snapshot = snapshot
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """Return the page of /metrics."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        yield from self._requests()
        yield from self._counters()
        yield from self._gauges(self._snapshot())

    def _requests(self) -> Iterator[Metric]:
        recorder = self._recorder
        labels = (metrics.LABEL_LANE, metrics.LABEL_PROTOCOL, metrics.LABEL_CODE)
        yield self._counter(
            metrics.REQUESTS,
            "Answered inference requests.",
            labels=labels,
            values={
                (lane, kind, str(code)): n for (lane, kind, code), n in recorder.requests.items()
            },
        )
        histogram = HistogramMetricFamily(
            metrics.REQUEST_SECONDS,
            "From the arrival of a request to its answer.",
            labels=(*_OWN, *labels[:2]),
        )
        for (lane, protocol), durations in recorder.seconds.items():
            histogram.add_metric(
                (*self._own, lane, protocol), _buckets(durations), durations.total_seconds
            )
        yield histogram
        stages = SummaryMetricFamily(
            metrics.STAGE_SECONDS,
            "Time spent in each stage of a request.",
            labels=(*_OWN, metrics.LABEL_LANE, metrics.LABEL_STAGE),
        )
        for (lane, name), stage in recorder.stages.items():
            stages.add_metric((*self._own, lane, name), stage.count, stage.total_seconds)
        yield stages

    def _counters(self) -> Iterator[Metric]:
        recorder = self._recorder
        lane = (metrics.LABEL_LANE,)
        for name, text, label, values in (
            (metrics.REJECTED, "Requests not let in.", metrics.LABEL_REASON, recorder.rejected),
            (metrics.INVALID, "Requests refused as wrong.", metrics.LABEL_REASON, recorder.invalid),
            (
                metrics.DEADLINE_EXCEEDED,
                "Requests whose deadline passed.",
                metrics.LABEL_WHERE,
                recorder.deadline_exceeded,
            ),
        ):
            yield self._counter(name, text, labels=(*lane, label), values=dict(values.items()))
        for name, text, counts in (
            (metrics.BUGS, "Requests that met a bug.", recorder.bugs),
            (metrics.CANCELED, "Requests whose client left.", recorder.canceled),
            (metrics.NONFINITE, "Output numbers that JSON cannot hold.", recorder.nonfinite),
        ):
            yield self._counter(
                name, text, labels=lane, values={(k,): n for k, n in counts.items()}
            )

    def _gauges(self, now: Snapshot) -> Iterator[Metric]:
        counts = now.counts or Counts()
        for name, text, value in (
            (metrics.ROWS, "Rows that went through the model.", counts.rows),
            (metrics.BATCHES, "Runs of the model.", counts.batches),
            (metrics.BATCH_SPLITS, "Failing batches that were halved.", counts.splits),
        ):
            yield self._counter(name, text, labels=(), values={(): value})
        lag = self._recorder.take_loop_lag()
        for name, text, level in (
            (metrics.IN_FLIGHT, "Requests let in and not answered yet.", now.in_flight),
            (metrics.QUEUED, "Requests that wait for a runner.", now.queued),
            (metrics.LOOP_LAG, "Largest delay of the event loop since the last scrape.", lag),
            (metrics.MODEL_READY, "1 while the model answers.", int(now.is_ready)),
            (metrics.MODEL_LOAD_SECONDS, "Time to load and warm the model.", now.load_seconds),
        ):
            gauge = GaugeMetricFamily(name, text, labels=_OWN)
            gauge.add_metric(self._own, level)
            yield gauge
        labels = (metrics.LABEL_DIGEST, metrics.LABEL_FORMAT, metrics.LABEL_RUNTIME)
        info = GaugeMetricFamily(metrics.MODEL_INFO, "What is loaded.", labels=(*_OWN, *labels))
        if now.digest:
            info.add_metric((*self._own, now.digest, now.format, now.runtime), 1)
        yield info

    def _counter(
        self,
        name: str,
        text: str,
        *,
        labels: Sequence[str],
        values: Mapping[tuple[str, ...], int],
    ) -> Metric:
        family = CounterMetricFamily(name, text, labels=(*_OWN, *labels))
        for key, value in values.items():
            family.add_metric((*self._own, *key), value)
        return family


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in metrics.REQUEST_BUCKETS), "+Inf"]
    return list(zip(bounds, accumulate(durations.counts), strict=True))
