"""Tests of proportions of right rows: two models on the same rows, and one against a floor."""

from collections.abc import Callable
from math import sqrt

from perennial_serving.stats.answers import Answer
from perennial_serving.stats.tails import binomial_at_least, binomial_bounds, normal_upper

FEW_DISCORDANT = 25


def tango_z(rows: int, wins: int, losses: int, *, tau: float) -> float:
    """Return the score statistic of "wins - losses = tau" in paired proportions.

    With the constrained estimate q = (sqrt(B^2 - 4AC) - B) / 2A, A = 2n,
    B = -b - c + (2n - b + c) tau, C = -c tau (1 - tau): z = (b - c - n tau) /
    sqrt(n (2q + tau (1 - tau))). T. Tango, Statistics in Medicine 17 (1998) 891. His
    example: 44 rows, right by one treatment only 0, by the other only 1, margin 0.1.

    >>> round(tango_z(44, 0, 1, tau=-0.1), 3)
    1.709
    """
    a = 2 * rows
    b = -wins - losses + (a - wins + losses) * tau
    c = -losses * tau * (1 - tau)
    q = (sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    return (wins - losses - rows * tau) / sqrt(rows * (2 * q + tau * (1 - tau)))


def exact_mid_p(wins: int, losses: int) -> float:
    """Return the mid-p value of "the challenger wins no more often than it loses".

    P(X > b) + P(X = b) / 2 with X ~ Bin(b + c, 1/2). M. Fagerland, S. Lydersen, P. Laake, BMC
    Medical Research Methodology 13 (2013) 91; their example, two-sided 0.039:

    >>> round(2 * exact_mid_p(7, 1), 4)
    0.0391
    """
    discordant = wins + losses
    above = binomial_at_least(wins + 1, discordant, 0.5)
    return (above + binomial_at_least(wins, discordant, 0.5)) / 2


def paired_proportions(
    rows: int, wins: int, losses: int, *, tau: float, alpha: float = 0.05
) -> Answer:
    """Test the difference of two proportions of right rows against tau.

    `wins` are rows that only the challenger gets right, `losses` those that only the champion
    does. With tau = 0 and fewer than 25 of both together the exact mid-p value is used.

    >>> paired_proportions(1600, 150, 86, tau=0.0).p_pass < 0.0001
    True
    """
    if rows < 1:
        return Answer(note="no rows")
    if not -1 < tau < 1:
        return Answer(note="a bound on a share must lie between -1 and 1")
    if tau == 0 and wins + losses < FEW_DISCORDANT:
        p_pass, p_fail = exact_mid_p(wins, losses), exact_mid_p(losses, wins)
    else:
        z = tango_z(rows, wins, losses, tau=tau)
        p_pass, p_fail = normal_upper(z), normal_upper(-z)
    lower, upper = _bounds(rows, wins, losses, alpha=alpha)
    return Answer(p_pass, p_fail, lower, upper)


def proportion_floor(right: int, rows: int, *, floor: float, alpha: float = 0.05) -> Answer:
    """Test one proportion against a floor, exactly.

    p_pass = P(X >= right), p_fail = P(X <= right), X ~ Bin(rows, floor); interval of Clopper and
    Pearson. Its false-pass rate never exceeds the level.

    >>> round(proportion_floor(10, 10, floor=0.5).p_pass, 6)
    0.000977
    """
    if rows < 1:
        return Answer(note="no rows")
    if not 0 <= floor <= 1:
        return Answer(note="a floor of a share must lie between 0 and 1")
    lower, upper = binomial_bounds(right, rows, alpha)
    p_fail = 1 - binomial_at_least(right + 1, rows, floor)
    return Answer(binomial_at_least(right, rows, floor), p_fail, lower, upper)


def _bounds(rows: int, wins: int, losses: int, *, alpha: float) -> tuple[float, float]:
    """Return the taus at which the score test just does not reject, one for each side."""
    seen = (wins - losses) / rows

    def passes(tau: float) -> bool:
        return normal_upper(tango_z(rows, wins, losses, tau=tau)) <= alpha

    def fails(tau: float) -> bool:
        return normal_upper(-tango_z(rows, wins, losses, tau=tau)) <= alpha

    return bisect(passes, rejected=-1 + 1e-9, kept=seen), bisect(
        fails, rejected=1 - 1e-9, kept=seen
    )


def bisect(is_rejected: Callable[[float], bool], *, rejected: float, kept: float) -> float:
    """Return the edge between a rejected and a kept bound (the kept side, to 60 halvings).

    >>> round(bisect(lambda tau: tau < 0.25, rejected=-1.0, kept=1.0), 9)
    0.25
    """
    if not is_rejected(rejected):
        return rejected
    for _ in range(60):
        middle = (rejected + kept) / 2
        if is_rejected(middle):
            rejected = middle
        else:
            kept = middle
    return kept
