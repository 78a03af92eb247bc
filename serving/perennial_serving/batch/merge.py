"""Rows of several requests in one run, and each request's rows back again."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from perennial_serving.codec.tensors import Array, Tensors


def joined(requests: Sequence[Tensors]) -> Tensors:
    """Return one set of inputs with the rows of all requests, in their order."""
    if len(requests) == 1:
        return requests[0]
    return {name: np.concatenate([each[name] for each in requests]) for name in requests[0]}


def parted(outputs: Sequence[Array], rows: Sequence[int]) -> list[list[Array]]:
    """Return each request's part of the outputs."""
    if len(rows) == 1:
        return [list(outputs)]
    ends = list(accumulate(rows))
    starts = [0, *ends[:-1]]
    return [
        [output[start:end] for output in outputs] for start, end in zip(starts, ends, strict=True)
    ]
