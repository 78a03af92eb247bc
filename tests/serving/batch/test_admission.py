"""Admission: closed, full, hopeless, or in."""

import pytest

from perennial_serving.batch.admission import Admission, Refusal
from perennial_serving.contract.results import Reason


def admission(*, limit: int = 2, closed: Reason | None = None) -> Admission:
    """Return an admission that is open unless told otherwise."""
    made = Admission(max_in_flight=limit)
    made.closed = closed
    return made


def test_it_starts_closed() -> None:
    """Nothing is loaded yet."""
    refused = Admission(max_in_flight=1).enter(wait_seconds=0.0, left_seconds=30.0)
    assert refused == Refusal(Reason.STARTING, 1)


def test_requests_are_counted_in_and_out() -> None:
    """Up to the limit, then again after one has left."""
    door = admission()
    assert [door.enter(wait_seconds=0.0, left_seconds=30.0) for _ in range(2)] == [None, None]
    assert door.enter(wait_seconds=0.0, left_seconds=30.0) == Refusal(Reason.OVERLOADED, 1)
    door.leave()
    assert door.enter(wait_seconds=0.0, left_seconds=30.0) is None
    assert door.in_flight == 2


def test_a_refused_request_does_not_count() -> None:
    """Only those that came in are in flight."""
    door = admission(closed=Reason.DRAINING)
    door.enter(wait_seconds=0.0, left_seconds=30.0)
    assert door.in_flight == 0


def test_a_hopeless_request_is_refused_at_once() -> None:
    """Its answer would come after its deadline."""
    refused = admission().enter(wait_seconds=3.2, left_seconds=3.0)
    assert refused == Refusal(Reason.DEADLINE_UNREACHABLE, 4)


@pytest.mark.parametrize(
    ("wait", "seconds"), [(0.0, 1), (0.2, 1), (1.5, 2), (9.9, 10), (600.0, 10)]
)
def test_the_advice_is_between_one_and_ten_seconds(wait: float, seconds: int) -> None:
    """Whatever the wait is predicted to be."""
    refused = admission(closed=Reason.MODEL_LOADING).enter(wait_seconds=wait, left_seconds=0.0)
    assert refused == Refusal(Reason.MODEL_LOADING, seconds)
