"""The test of a mean of paired row losses that stays honest when losses are skewed."""

from math import sqrt

import numpy as np

from perennial_serving.stats.answers import Answer, Floats, Integers, group_sums
from perennial_serving.stats.tails import student_critical, student_upper

FEWEST_GROUPS = 100
NO_VARIATION = 1e-12
NO_SKEW = 1e-9


def mean_test(values: Floats, groups: Integers | None = None, *, alpha: float = 0.05) -> Answer:
    """Test the mean of these values against 0, the interval is that of the mean.

    Totals X_g and sizes n_g of G groups (each row its own without groups): m = sum X / n,
    U_g = X_g - n_g m, se = sqrt(G/(G-1) sum U^2) / n, t = m / se, s = mean U^3 / (mean U^2)^1.5,
    S = t / sqrt(G), h = sqrt(G) (S + s S^2/3 + s^2 S^3/27 + s/(6G)). Each p value is the larger of
    the Student tails of t and h, G - 1 degrees. P. Hall, Journal of the Royal Statistical Society
    B 54 (1992) 221: h takes the skewness out; the larger of both holds the level where one alone
    does not. Equal values above 0 leave no doubt (two models alike within an absolute margin).

    >>> answer = mean_test(np.tile([1.0, 2.0, 3.0, -1.0], 50))
    >>> answer.p_pass < 1e-6, answer.p_fail > 0.999, answer.lower < 1.25 < answer.upper
    (True, True, True)
    """
    if values.size and not np.isfinite(values).all():
        return Answer(note="a loss is not finite")
    totals, sizes = group_sums(values, groups)
    count = totals.size
    if count < FEWEST_GROUPS:
        return Answer(note=f"{count} independent rows or groups, {FEWEST_GROUPS} are needed")
    mean = float(totals.sum() / sizes.sum())
    centered = totals - sizes * mean
    error = sqrt(count / (count - 1) * float(np.square(centered).sum())) / float(sizes.sum())
    if error <= NO_VARIATION * abs(mean):
        return _without_doubt(mean)
    skew = float(np.mean(centered**3) / np.mean(centered**2) ** 1.5)
    t = mean / error
    h = hall(t, skew, count)
    reach = _reach(skew, count, alpha=alpha)
    return Answer(
        p_pass=max(student_upper(t, count - 1), student_upper(h, count - 1)),
        p_fail=max(student_upper(-t, count - 1), student_upper(-h, count - 1)),
        lower=mean - reach[0] * error,
        upper=mean + reach[1] * error,
    )


def hall(t: float, skew: float, count: int) -> float:
    """Return Hall's transformed statistic; without skewness it is t itself.

    >>> hall(2.0, 0.0, 100), round(hall(2.0, 1.0, 100), 4)
    (2.0, 2.153)
    """
    small = t / sqrt(count)
    return sqrt(count) * (
        small + skew * small**2 / 3 + skew**2 * small**3 / 27 + skew / (6 * count)
    )


def _without_doubt(mean: float) -> Answer:
    """Return the answer for values that do not vary."""
    if mean == 0:
        return Answer(lower=0.0, upper=0.0, note="the losses do not differ")
    return Answer(float(mean < 0), float(mean > 0), mean, mean)


def _reach(skew: float, count: int, *, alpha: float) -> tuple[float, float]:
    """Return how many standard errors the interval reaches down and up (h solved for t)."""
    critical = student_critical(alpha, count - 1)
    down = max(critical, _hall_inverse(critical, skew, count))
    return down, max(critical, -_hall_inverse(-critical, skew, count))


def _hall_inverse(h: float, skew: float, count: int) -> float:
    """Return the t whose transformed statistic is h: (1 + sS/3)^3 = 1 + s y, y = h - s/(6G)."""
    if abs(skew) < NO_SKEW:
        return h
    y = h / sqrt(count) - skew / (6 * count)
    return float(3 / skew * (np.cbrt(1 + skew * y) - 1) * sqrt(count))
