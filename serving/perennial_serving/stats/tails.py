"""Tails of the distributions that the tests use: the only file that calls scipy."""

from math import erfc, sqrt

import numpy as np
from scipy import special, stats

from perennial_serving.stats.answers import Floats


def normal_upper(z: float) -> float:
    """Return P(Z > z) of the standard normal distribution.

    >>> round(normal_upper(1.644853627), 9)
    0.05
    """
    return erfc(z / sqrt(2)) / 2


def student_upper(t: float, degrees: int) -> float:
    """Return P(T > t) of Student's distribution.

    >>> round(student_upper(1.660391156, 99), 9)
    0.05
    """
    return float(special.stdtr(degrees, -t))


def student_critical(alpha: float, degrees: int) -> float:
    """Return the t that is exceeded with probability alpha.

    >>> round(student_critical(0.05, 99), 6)
    1.660391
    """
    return float(-special.stdtrit(degrees, alpha))


def binomial_at_least(successes: int, trials: int, chance: float) -> float:
    """Return P(X >= successes), X ~ Bin(trials, chance).

    >>> binomial_at_least(7, 8, 0.5)
    0.03515625
    """
    if successes <= 0:
        return 1.0
    return float(special.bdtrc(successes - 1, trials, chance))


def binomial_bounds(successes: int, trials: int, alpha: float) -> tuple[float, float]:
    """Return the bounds of a chance, each missed with probability at most alpha.

    C. Clopper, E. Pearson, Biometrika 26 (1934) 404.

    >>> [round(bound, 4) for bound in binomial_bounds(0, 10, 0.025)]
    [0.0, 0.3085]
    """
    lower = special.betaincinv(successes, trials - successes + 1, alpha) if successes else 0.0
    failures = trials - successes
    upper = special.betaincinv(successes + 1, failures, 1 - alpha) if failures else 1.0
    return float(lower), float(upper)


def midranks(values: Floats) -> Floats:
    """Return the ranks from 1, equal values sharing the mean of theirs.

    >>> midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    return np.asarray(stats.rankdata(values), dtype=np.float64)
