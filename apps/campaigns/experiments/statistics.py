"""How sure an A/B test is: one interval for a difference of two shares, true at every look however often one looks.

Pure functions on the standard library; people and numbers in, numbers out.

The interval is that of the normal mixture (Robbins 1970; the mixture sequential ratio test of Johari, Pekelis, Walsh
2015; the asymptotic confidence sequence of Waudby-Smith et al., Annals of Statistics 52, 2024): with d the difference
seen, v its variance and m the variance of the mixture, all differences t are kept for which

    sqrt(v / (v + m)) * exp(m * (d - t)^2 / (2 * v * (v + m)))  <  1 / alpha

A fixed-sample interval (1.96 standard errors) is wrong in far more than 5 % of tests that are looked at while they
run; this one is wrong in at most 5 % of them however often it is looked at. Measured: README, "A/B tests".
"""

from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import NormalDist

ALPHA = 0.05
POWER = 0.8
# Below so many people in a variant nothing is said: the normal approximation has not set in.
FEWEST_PEOPLE = 100
# A variance is never taken to be smaller than that of so many people who did and did not (Agresti and Coull 1998).
_PSEUDO = 1.0


@dataclass(frozen=True, slots=True)
class Arm:
    """The people of one variant, and those of them who did what counts."""

    people: int
    hits: int

    @property
    def rate(self) -> float:
        return self.hits / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """Of the rate; one person more who did and one more who did not, so that none is ever nought."""
        if not self.people:
            return inf
        rate = (self.hits + _PSEUDO) / (self.people + 2 * _PSEUDO)
        return rate * (1 - rate) / self.people


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the truth is, with 1 - alpha, at every look."""

    estimate: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def mixture_variance(variance: float, *, alpha: float = ALPHA) -> float:
    """The mixture that makes the interval narrowest when the difference has this variance (the plan's, not the data's).

    Source: Waudby-Smith et al. 2024, appendix on choosing rho. Any value keeps the promise; this one costs least.
    """
    bound = -2 * log(alpha)
    return variance * (bound + log(bound) + 1)


def rate_interval(arm: Arm, *, mixture: float, alpha: float = ALPHA) -> Interval:
    """For one variant's share, within 0 and 1."""
    if not arm.people:
        return Interval(0.0, 0.0, 1.0)
    half = half_width(arm.variance, mixture=mixture, alpha=alpha)
    return Interval(arm.rate, max(0.0, arm.rate - half), min(1.0, arm.rate + half))


def difference(first: Arm, second: Arm, *, mixture: float, alpha: float = ALPHA) -> Interval:
    """second - first, within -1 and 1."""
    if not first.people or not second.people:
        return Interval(0.0, -1.0, 1.0)
    seen = second.rate - first.rate
    half = half_width(first.variance + second.variance, mixture=mixture, alpha=alpha)
    return Interval(seen, max(-1.0, seen - half), min(1.0, seen + half))


def half_width(variance: float, *, mixture: float, alpha: float = ALPHA) -> float:
    """From the middle of the interval to its end."""
    if variance == inf:
        return inf
    grown = variance + mixture
    return sqrt(variance * grown / mixture * (2 * log(1 / alpha) + log(grown / variance)))


def p_value(first: Arm, second: Arm, *, mixture: float) -> float:
    """The smallest alpha whose interval leaves 0 out; valid at every look. For the export alone."""
    if not first.people or not second.people:
        return 1.0
    variance = first.variance + second.variance
    grown = variance + mixture
    seen = second.rate - first.rate
    return min(1.0, sqrt(grown / variance) * exp(-mixture * seen * seen / (2 * variance * grown)))


def planned_variance(first: float, second: float, *, rate: float) -> float:
    """Of the difference between two variants of so many people where the share is about `rate`."""
    if first < 1 or second < 1:
        return inf
    return rate * (1 - rate) * (1 / first + 1 / second)


def smallest_seen(first: float, second: float, *, rate: float, alpha: float = ALPHA) -> float:
    """The smallest true difference that so many people show in 8 tests of 10; inf where there are none."""
    variance = planned_variance(first, second, rate=rate)
    if variance == inf:
        return inf
    mixture = mixture_variance(variance, alpha=alpha)
    return half_width(variance, mixture=mixture, alpha=alpha) + NormalDist().inv_cdf(POWER) * sqrt(variance)


def people_for(seen: float, *, share: float, rate: float, alpha: float = ALPHA) -> int:
    """How many people in all a test needs to show this difference in 8 of 10; `share`: the smaller variant's part.

    The bound is proportional to 1 / sqrt(people), so one look at it is enough.
    """
    at_thousand = smallest_seen(1000 * share, 1000 * (1 - share), rate=rate, alpha=alpha)
    return round(1000 * (at_thousand / seen) ** 2)


def winner_alpha(variants: int) -> float:
    """For each pair, so that no variant is called better than all others wrongly in more than ALPHA of the tests.

    A wrong winner beats, on its own side, one it is not better than: that happens to each with alpha / 2 at most.
    """
    return 2 * ALPHA / max(variants, 2)
