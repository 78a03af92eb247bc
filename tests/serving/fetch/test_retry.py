"""Trying again: five times, while it may help."""

import doctest

import pytest

from perennial_serving.errors import Invalid, Unavailable
from perennial_serving.fetch import retry


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(retry).failed == 0


def attempt(failures: int, error: Exception) -> tuple[str, list[float]]:
    """Call something that fails some times; return how it ended and the pauses."""
    pauses: list[float] = []
    left = iter([error] * failures)

    def call() -> str:
        for failure in left:
            raise failure
        return "done"

    try:
        return retry.persistently(call, sleep=pauses.append), pauses
    except type(error):
        return "failed", pauses


@pytest.mark.parametrize(
    ("failures", "end", "pauses"),
    [(0, "done", 0), (1, "done", 1), (4, "done", 4), (9, "failed", 4)],
)
def test_an_unavailable_store_is_tried_five_times(failures: int, end: str, pauses: int) -> None:
    """With a growing pause between."""
    ended, slept = attempt(failures, Unavailable("SourceUnavailable", "away"))
    assert (ended, len(slept)) == (end, pauses)
    assert all(0 < pause <= retry.LONGEST_PAUSE_SECONDS for pause in slept)


def test_what_will_not_change_is_tried_once() -> None:
    """A refusal stays one."""
    assert attempt(1, Invalid("NotFound", "nothing")) == ("failed", [])
