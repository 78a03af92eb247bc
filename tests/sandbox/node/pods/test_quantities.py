"""Tests of quantities."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_sandbox.node.pods import quantities


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", Fraction(2)),
        (2, Fraction(2)),
        ("250m", Fraction(1, 4)),
        ("1.5Gi", Fraction(3 * 2**29)),
        ("100M", Fraction(10**8)),
        ("1k", Fraction(1000)),
        ("1Ki", Fraction(1024)),
        ("2e3", Fraction(2000)),
        ("3E", Fraction(3 * 10**18)),
        ("500n", Fraction(1, 2 * 10**6)),
        ("7u", Fraction(7, 10**6)),
        ("-1", Fraction(-1)),
    ],
)
def test_every_suffix_has_its_exact_meaning(text: str | int, number: Fraction) -> None:
    """A quantity is an exact number, whatever its notation."""
    assert quantities.amount(text) == number


@pytest.mark.parametrize("text", ["", "Gi", "1 Gi", "1Kib", "1mi", "1ki", "one", "1K"])
def test_what_is_no_quantity_is_refused_with_examples(text: str) -> None:
    """The refusal shows what a quantity looks like."""
    with pytest.raises(ValueError, match=r"250m, 1\.5Gi or 2e3"):
        quantities.amount(text)


@pytest.mark.parametrize(
    ("text", "divisor", "units"),
    [("1500m", "1", 2), ("1500m", "1m", 1500), ("1Gi", "1Mi", 1024), ("1", "0", 1), ("1", 0, 1)],
)
def test_a_share_is_rounded_up(text: str, divisor: str | int, units: int) -> None:
    """A part of a unit counts as one; a divisor of 0 means 1."""
    assert quantities.share(text, divisor) == units


@given(st.integers(0, 10**15))
def test_a_whole_number_of_mebibytes_survives(count: int) -> None:
    """Nothing is lost between a number, its text and back."""
    assert quantities.share(f"{count}Mi", "1Mi") == count
