"""Each reason has its status."""

import doctest

import pytest

from perennial_serving.contract.results import Reason
from perennial_serving.errors import Invalid, Unavailable
from perennial_serving.web import problems


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(problems).failed == 0


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_status_of_an_error(reason: Reason) -> None:
    """None is a success, none a redirect."""
    assert 400 <= problems.status_of(Invalid(reason, "x")) <= 505


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.MALFORMED_JSON, 400),
        (Reason.SHAPE_MISMATCH, 400),
        (Reason.FRAMING_INVALID, 400),
        (Reason.NOT_FOUND, 404),
        (Reason.METHOD_NOT_ALLOWED, 405),
        (Reason.TIMEOUT, 408),
        (Reason.BODY_TOO_LARGE, 413),
        (Reason.TOO_MANY_ROWS, 413),
        (Reason.ENCODING_UNSUPPORTED, 415),
        (Reason.VERSION_UNSUPPORTED, 505),
    ],
)
def test_the_status_of_a_mistake_is_that_of_the_table(reason: Reason, status: int) -> None:
    """The client must change something."""
    assert problems.status_of(Invalid(reason, "x")) == status


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.MODEL_LOADING, 503),
        (Reason.DRAINING, 503),
        (Reason.OVERLOADED, 503),
        (Reason.DEADLINE_UNREACHABLE, 503),
        (Reason.DEADLINE_EXCEEDED, 504),
        (Reason.DISK_FULL, 503),
    ],
)
def test_the_status_of_a_bad_moment_is_that_of_the_table(reason: Reason, status: int) -> None:
    """The client may try again."""
    assert problems.status_of(Unavailable(reason, "x")) == status
