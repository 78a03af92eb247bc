"""Merging requests and parting their answers are inverse."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perennial_serving.batch import merge


def test_one_request_is_not_copied() -> None:
    """The common case costs nothing."""
    request = {"x": np.zeros((2, 3))}
    assert merge.joined([request]) is request
    output = np.zeros(2)
    assert merge.parted([output], [2])[0][0] is output


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_each_request_gets_its_own_rows_back(rows: list[int]) -> None:
    """In order, for every input and output."""
    requests = [
        {"x": np.full((count, 2), index), "y": np.full(count, index)}
        for index, count in enumerate(rows)
    ]
    merged = merge.joined(requests)
    parts = merge.parted([merged["x"], merged["y"]], rows)
    for request, (first, second) in zip(requests, parts, strict=True):
        assert np.array_equal(request["x"], first)
        assert np.array_equal(request["y"], second)
