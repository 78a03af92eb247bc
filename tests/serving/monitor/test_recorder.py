"""The recorder adds integers."""

from perennial_serving.contract.metrics import REQUEST_BUCKETS
from perennial_serving.monitor.recorder import Durations, Recorder, Stage


def test_a_duration_falls_into_the_bucket_of_its_bound() -> None:
    """Bounds are inclusive; the last bucket is open."""
    durations = Durations()
    for seconds in (0.0005, 0.0006, 31.0):
        durations.add(seconds)
    assert (durations.counts[0], durations.counts[1], durations.counts[-1]) == (1, 1, 1)
    assert len(durations.counts) == len(REQUEST_BUCKETS) + 1
    assert durations.total_seconds == 0.0005 + 0.0006 + 31.0


def test_a_request_is_counted_by_lane_protocol_and_code() -> None:
    """And its duration by lane and protocol."""
    recorder = Recorder()
    recorder.answered("live", "json", code=200, seconds=0.001)
    recorder.answered("live", "json", code=400, seconds=0.001)
    recorder.answered("live", "json", code=200, seconds=0.001)
    assert recorder.requests == {("live", "json", 200): 2, ("live", "json", 400): 1}
    assert sum(recorder.seconds["live", "json"].counts) == 3


def test_a_stage_keeps_count_and_sum() -> None:
    """Means come from the two."""
    stage = Stage()
    stage.add(0.5)
    stage.add(1.5)
    assert stage == Stage(count=2, total_seconds=2.0)


def test_the_largest_lag_is_told_once() -> None:
    """Each scrape starts anew."""
    recorder = Recorder()
    for seconds in (0.1, 0.5, 0.2):
        recorder.lagged(seconds)
    assert (recorder.take_loop_lag(), recorder.take_loop_lag()) == (0.5, 0.0)
