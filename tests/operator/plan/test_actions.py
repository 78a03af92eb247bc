"""A plan knows whether it asks for anything."""

import pytest

from perennial_operator.plan.actions import Delete, Event, Plan


@pytest.mark.parametrize(
    ("plan", "is_empty"),
    [
        (Plan(), True),
        (Plan(look_again_seconds=5), True),
        (Plan(status={}), False),
        (Plan(actions=((Delete("Job", "a", "1", "1"),),)), False),
        (Plan(events=(Event("Normal", "Promoted", ""),)), False),
    ],
)
def test_a_plan_is_empty_if_nothing_would_be_written(plan: Plan, *, is_empty: bool) -> None:
    """Looking again later is no write."""
    assert plan.is_empty is is_empty
