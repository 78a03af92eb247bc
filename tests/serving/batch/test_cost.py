"""The cost model learns a line, never a negative one, and forgets."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_serving.batch import cost
from perennial_serving.batch.cost import Cost


def test_the_examples_in_the_docstrings_hold() -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(cost).failed == 0


def test_without_experience_everything_is_free() -> None:
    """The first request is never refused for its cost."""
    assert Cost().predict(1000) == 0.0


def test_one_size_only_is_scaled_up_but_not_down() -> None:
    """More rows cost in proportion; fewer cost as much."""
    learned = Cost()
    learned.observe(10, 1.0)
    assert (learned.predict(5), learned.predict(20)) == (1.0, 2.0)


def test_zero_rows_do_not_divide() -> None:
    """A run of no rows is a cost like any other."""
    learned = Cost()
    learned.observe(0, 1.0)
    assert learned.predict(5) == 1.0


def test_a_falling_line_is_flat() -> None:
    """More rows never cost less."""
    learned = Cost()
    learned.observe(1, 2.0)
    learned.observe(100, 1.0)
    assert learned.predict(1) == learned.predict(100) == pytest.approx(1.5, abs=0.02)


def test_a_line_below_zero_goes_through_the_origin() -> None:
    """The fixed part is never negative."""
    learned = Cost()
    learned.observe(10, 1.0)
    learned.observe(20, 3.0)
    assert learned.predict(0) == 0.0
    assert learned.predict(10) > 0.0


def test_old_runs_are_forgotten() -> None:
    """After some hundred runs the old world does not count."""
    learned = Cost()
    for _ in range(50):
        learned.observe(1, 10.0)
    for _ in range(500):
        learned.observe(1, 1.0)
    assert learned.predict(1) == pytest.approx(1.0, rel=0.01)


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 100)), min_size=1, max_size=20))
def test_a_prediction_is_never_negative_and_never_falls(runs: list[tuple[int, float]]) -> None:
    """Whatever was observed."""
    learned = Cost()
    for rows, seconds in runs:
        learned.observe(rows, seconds)
    predicted = [learned.predict(rows) for rows in (1, 10, 100)]
    assert predicted[0] >= 0.0
    assert predicted == sorted(predicted)
