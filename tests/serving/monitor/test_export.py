"""The metrics page: parsed by Prometheus' own parser, with our names and labels."""

from prometheus_client.parser import text_string_to_metric_families

from perennial_serving.batch.driver import Counts
from perennial_serving.contract import metrics
from perennial_serving.monitor.export import Exporter, Snapshot
from perennial_serving.monitor.recorder import Recorder

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
OWN = {"model": "iris", "revision": "iris-1"}


def scrape(recorder: Recorder, snapshot: Snapshot) -> Samples:
    """Return all samples of a scrape, without our own two labels."""
    exporter = Exporter("iris", "iris-1", recorder=recorder, snapshot=lambda: snapshot)
    samples: Samples = {}
    for family in text_string_to_metric_families(exporter.text().decode()):
        assert family.documentation
        for sample in family.samples:
            assert sample.labels.items() >= OWN.items()
            rest = frozenset(sample.labels.items() - OWN.items())
            assert (sample.name, rest) not in samples
            samples[sample.name, rest] = sample.value
    return samples


def busy_recorder() -> Recorder:
    """Return a recorder that saw one of everything."""
    recorder = Recorder()
    recorder.answered("live", "json", code=200, seconds=0.003)
    recorder.stages["live", "run"].add(0.25)
    recorder.rejected["live", "overloaded"] += 1
    recorder.invalid["shadow", "ShapeInvalid"] += 1
    recorder.deadline_exceeded["live", "queue"] += 1
    recorder.bugs["live"] += 1
    recorder.canceled["live"] += 1
    recorder.nonfinite["live"] += 2
    recorder.lagged(0.5)
    return recorder


def labels(**given: str) -> frozenset[tuple[str, str]]:
    """Return labels as a key."""
    return frozenset(given.items())


def test_everything_that_happened_is_on_the_page() -> None:
    """Counters with their labels, gauges of the moment, what is loaded."""
    snapshot = Snapshot(
        in_flight=3,
        queued=2,
        is_ready=True,
        load_seconds=1.5,
        digest="sha256:00",
        format="onnx",
        runtime="onnxruntime_onnx",
        counts=Counts(rows=10, batches=4, splits=1),
    )
    samples = scrape(busy_recorder(), snapshot)
    expected = {
        (metrics.REQUESTS, labels(lane="live", protocol="json", code="200")): 1,
        ("perennial_request_seconds_count", labels(lane="live", protocol="json")): 1,
        ("perennial_request_seconds_bucket", labels(lane="live", protocol="json", le="0.002")): 0,
        ("perennial_request_seconds_bucket", labels(lane="live", protocol="json", le="0.005")): 1,
        ("perennial_request_seconds_bucket", labels(lane="live", protocol="json", le="+Inf")): 1,
        ("perennial_stage_seconds_count", labels(lane="live", stage="run")): 1,
        ("perennial_stage_seconds_sum", labels(lane="live", stage="run")): 0.25,
        (metrics.REJECTED, labels(lane="live", reason="overloaded")): 1,
        (metrics.INVALID, labels(lane="shadow", reason="ShapeInvalid")): 1,
        (metrics.DEADLINE_EXCEEDED, labels(lane="live", where="queue")): 1,
        (metrics.BUGS, labels(lane="live")): 1,
        (metrics.CANCELED, labels(lane="live")): 1,
        (metrics.NONFINITE, labels(lane="live")): 2,
        (metrics.ROWS, labels()): 10,
        (metrics.BATCHES, labels()): 4,
        (metrics.BATCH_SPLITS, labels()): 1,
        (metrics.IN_FLIGHT, labels()): 3,
        (metrics.QUEUED, labels()): 2,
        (metrics.LOOP_LAG, labels()): 0.5,
        (metrics.MODEL_READY, labels()): 1,
        (metrics.MODEL_LOAD_SECONDS, labels()): 1.5,
        (
            metrics.MODEL_INFO,
            labels(digest="sha256:00", format="onnx", runtime="onnxruntime_onnx"),
        ): 1,
    }
    assert {key: samples[key] for key in expected} == expected


def test_before_the_model_is_loaded_the_page_is_there_too() -> None:
    """Not ready, nothing loaded, nothing counted."""
    samples = scrape(Recorder(), Snapshot())
    assert samples[metrics.MODEL_READY, labels()] == 0
    assert not [name for name, _ in samples if name == metrics.MODEL_INFO]
