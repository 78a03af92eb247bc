"""Names of metrics keep the rules of Prometheus."""

import re

from perennial_serving.contract import metrics

NAMES = [
    value
    for key, value in vars(metrics).items()
    if isinstance(value, str) and value.startswith("perennial_") and key.isupper()
]


def test_every_name_is_plain_and_unique() -> None:
    """Lower case, our prefix, no name twice."""
    assert all(re.fullmatch(r"perennial(_[a-z]+)+", name) for name in NAMES)
    assert len(NAMES) == len(set(NAMES)) == 18


def test_units_are_seconds() -> None:
    """A duration says its unit, and nothing counts milliseconds."""
    assert not [name for name in NAMES if re.search(r"(milli|micro|_ms|_us)", name)]


def test_buckets_grow() -> None:
    """From half a millisecond to the default time-out."""
    assert list(metrics.REQUEST_BUCKETS) == sorted(set(metrics.REQUEST_BUCKETS))
    assert (metrics.REQUEST_BUCKETS[0], metrics.REQUEST_BUCKETS[-1]) == (0.0005, 30.0)
