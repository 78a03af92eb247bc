"""Metrics of the loop."""

from perennial_operator.loop import metrics


def test_no_label_names_an_object() -> None:
    """Kinds, ranks, results, sources and resources only."""
    made = [each for each in vars(metrics).values() if hasattr(each, "_labelnames")]
    labels = {label for each in made for label in each._labelnames}  # noqa: SLF001  # no public way
    assert labels == {"kind", "result", "rank", "source", "resource", "type"}
    assert all(m.name.startswith("perennial_operator_") for each in made for m in each.collect())
