"""The service: state, admission and snapshot move together."""

# ruff: noqa: ANN001 - the types of fixtures live in conftest.py, which cannot be imported

from perennial_serving.batch.driver import Counts
from perennial_serving.contract.results import Reason
from perennial_serving.monitor.export import Snapshot
from perennial_serving.web.life import Event, State
from perennial_serving.web.service import Service


def test_admission_follows_the_state() -> None:
    """Closed until Ready, open while draining, closed at the end."""
    service = Service("iris", "iris-1", max_in_flight=1)
    assert service.admission.closed is Reason.STARTING
    seen = []
    for event in (Event.LISTENING, Event.LOADED, Event.WARMED, Event.SIGNAL, Event.DRAINED):
        service.happened(event)
        seen.append((service.state, service.admission.closed, service.is_leaving))
    assert seen == [
        (State.LOADING, Reason.MODEL_LOADING, False),
        (State.WARMING, Reason.MODEL_LOADING, False),
        (State.READY, None, False),
        (State.DRAINING, None, True),
        (State.STOPPING, Reason.DRAINING, True),
    ]


def test_without_a_model_there_is_little_to_show() -> None:
    """And nothing that could be stuck."""
    service = Service("iris", "iris-1", max_in_flight=1)
    assert service.snapshot() == Snapshot()
    assert not service.is_stuck(1e9, limit_seconds=0.0)


async def test_a_snapshot_shows_the_model(served) -> None:
    """What is loaded, and what it did."""
    assert served.service.snapshot() == Snapshot(
        is_ready=True,
        load_seconds=0.5,
        digest="sha256:00",
        format="onnx",
        runtime="onnxruntime_onnx",
        counts=Counts(),
    )
