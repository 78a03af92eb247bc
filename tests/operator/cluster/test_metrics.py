"""Metrics of the cluster package."""

from prometheus_client import REGISTRY

from perennial_operator.cluster import metrics


def test_metrics_have_our_prefix_and_name_no_object() -> None:
    """Labels are verb, resource, code and reason only."""
    made = [each for each in vars(metrics).values() if hasattr(each, "_labelnames")]
    labels = {label for each in made for label in each._labelnames}  # noqa: SLF001  # no public way
    assert labels == {"verb", "resource", "code", "reason"}
    for each in made:
        assert all(
            name.startswith("perennial_operator_") for name in (m.name for m in each.collect())
        )
    assert made
    assert REGISTRY
