"""Durations are read as specs write them, and nothing else is."""

import doctest

import pytest

from perennial_serving.errors import Invalid
from perennial_serving.jobs.data import durations


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(durations).failed == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_each_unit_counts(text: str, seconds: int) -> None:
    """Seconds, minutes, hours and days."""
    assert durations.in_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0s", "1.5h", "h", "1w", "-1d", "1d ", "10"])
def test_other_texts_are_refused(text: str) -> None:
    """Zero, fractions, unknown units and bare numbers are no durations."""
    with pytest.raises(Invalid, match="as in 14d"):
        durations.in_seconds(text)
