"""Durations as users write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_operator.api.documents import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("30s", 30),
        ("10m", 600),
        ("24h", 86_400),
        ("7d", 604_800),
        ("999999d", 86_399_913_600),
    ],
)
def test_a_number_and_a_unit_are_read(text: str, seconds: int) -> None:
    """Each unit has its length, and the largest duration is still a moment of the calendar."""
    assert durations.seconds(text) == seconds
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "0s", "10", "s", "-1s", "1.5h", "1h30m", "1w", " 1s", "1s\n", "01s", "1000000s", "٣s"],
)
def test_anything_else_is_no_duration(text: str) -> None:
    """What the schema refuses is refused here, too, with the way out."""
    with pytest.raises(ValueError, match="write a number and a unit, like 30s"):
        durations.seconds(text)


@given(st.integers(1, 999_999), st.sampled_from("smhd"))
def test_every_number_of_six_digits_is_read(number: int, unit: str) -> None:
    """The length is the number times the unit's."""
    assert durations.seconds(f"{number}{unit}") == number * durations.seconds(f"1{unit}")
