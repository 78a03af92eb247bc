"""Rows are added up by group, whatever the groups are called."""

import doctest

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perennial_serving.stats import answers


def test_the_examples_of_the_docstrings_hold() -> None:
    """Each example in the module's docstrings gives the answer that it shows."""
    assert doctest.testmod(answers).failed == 0


def test_without_groups_each_row_is_its_own() -> None:
    """The sums are the values, each of one row."""
    totals, sizes = answers.group_sums(np.array([1.0, -2.0]), None)
    assert (totals.tolist(), sizes.tolist()) == ([1.0, -2.0], [1.0, 1.0])


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(-5, 5)), min_size=1))
def test_no_row_is_lost_or_counted_twice(rows: list[tuple[int, int]]) -> None:
    """Totals and sizes add up to the values and to the number of rows."""
    values = np.array([value for value, _ in rows], dtype=float)
    totals, sizes = answers.group_sums(values, np.array([group for _, group in rows]))
    assert totals.sum() == values.sum()
    assert sizes.sum() == len(rows)
    assert sizes.size == len({group for _, group in rows})


def test_an_answer_without_test_says_nothing() -> None:
    """What is not defined is None, never a number."""
    answer = answers.Answer(note="no rows")
    assert (answer.p_pass, answer.p_fail, answer.lower, answer.upper) == (None,) * 4
