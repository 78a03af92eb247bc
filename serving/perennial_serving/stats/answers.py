"""What a test answers, and how groups of rows are added up; shared by all tests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answer:
    """The two one-sided p values and the interval of level 1 - 2 alpha.

    `p_pass` tests "the true value is at most the bound", `p_fail` "it is at least the bound". All
    are None where the test is not defined; `note` then says why.
    """

    p_pass: float | None = None
    p_fail: float | None = None
    lower: float | None = None
    upper: float | None = None
    note: str = ""


def group_sums(values: Floats, groups: Integers | None) -> tuple[Floats, Floats]:
    """Return the total and the number of rows of each group; without groups each row is one.

    >>> [part.tolist() for part in group_sums(np.array([1.0, 2.0, 4.0]), np.array([7, 3, 7]))]
    [[2.0, 5.0], [1.0, 2.0]]
    """
    if groups is None:
        return values, np.ones_like(values)
    codes = np.unique(groups, return_inverse=True)[1]
    return np.bincount(codes, weights=values).astype(np.float64), np.bincount(codes).astype(
        np.float64
    )
