"""Metrics of writes."""

from perennial_operator.apply import metrics


def test_writes_are_counted_by_resource_and_reason() -> None:
    """No label names an object."""
    made = (metrics.WRITES, metrics.WRITES_SKIPPED, metrics.EVENTS, metrics.EVENTS_DROPPED)
    labels = {label for each in made for label in each._labelnames}  # noqa: SLF001  # no public way
    assert labels == {"resource", "reason", "type"}
    assert all(m.name.startswith("perennial_operator_") for each in made for m in each.collect())
