"""The interval of A/B tests: it holds however often one looks, and it is the one that the literature means."""

from collections.abc import Iterator
from math import exp, log, pi, sqrt
from random import Random

import pytest

from apps.campaigns.experiments.statistics import (
    ALPHA,
    Arm,
    difference,
    half_width,
    mixture_variance,
    p_value,
    people_for,
    planned_variance,
    rate_interval,
    smallest_seen,
)
from apps.campaigns.experiments.verdict import judge
from apps.campaigns.experiments.words import points

type Look = tuple[list[Arm], list[Arm]]

RATE, OPT_OUTS = 0.1, 0.005


def looks(chance: Random, rates: list[float], people: int, step: int, how: str) -> Iterator[Look]:
    """A test as it is watched: opens and opt-outs of each variant, after every `step` people.

    arriving: each has opened or not when seen first. opening: all are reached at once, and open by and by.
    both: they arrive, and half of those who will open do so later.
    """
    opens, slow = [0] * len(rates), [0] * len(rates)
    refusals = [0] * len(rates)
    count = 0
    if how == "opening":
        count, slow = people, [chance.binomialvariate(people, rate) for rate in rates]
    for _ in range(people // step):
        if how != "opening":
            count += step
            for place, rate in enumerate(rates):
                new = chance.binomialvariate(step, rate)
                later = chance.binomialvariate(new, 0.5) if how == "both" else 0
                opens[place] += new - later
                slow[place] += later
                refusals[place] += chance.binomialvariate(step, OPT_OUTS)
        if how != "arriving":
            for place, waiting in enumerate(slow):
                now = chance.binomialvariate(waiting, 0.1)
                opens[place] += now
                slow[place] -= now
        yield [Arm(count, done) for done in opens], [Arm(count, done) for done in refusals]


def planned_mixture(people: int) -> float:
    return mixture_variance(planned_variance(people, people, rate=RATE))


def wrong_winners(seed: int, tests: int, variants: int, rate: float, how: str, people: int = 3000) -> float:
    """The share of tests without any difference in which somebody was called better at one look or another."""
    chance, mixture = Random(seed), planned_mixture(people)
    wrong = 0
    for _ in range(tests):
        watched = looks(chance, [rate] * variants, people, 50, how)
        wrong += any(judge(arms, refused, mixture=mixture).word == "better" for arms, refused in watched)
    return wrong / tests


@pytest.mark.parametrize("how", ["arriving", "opening", "both"])
def test_looking_all_the_time_finds_no_winner_where_there_is_none(how: str) -> None:
    assert wrong_winners(7, 200, 2, RATE, how) <= ALPHA


@pytest.mark.long
@pytest.mark.parametrize("variants", [2, 3, 5])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("how", ["arriving", "opening", "both"])
def test_that_holds_for_every_size_and_way(variants: int, rate: float, how: str) -> None:
    found = wrong_winners(11, 2000, variants, rate, how)
    print(f"{how}, {variants} variants, {rate:.0%}: {found:.2%}")
    assert found <= ALPHA


def test_the_usual_interval_would_have_found_many() -> None:
    chance = Random(7)
    wrong = 0
    for _ in range(200):
        wrong += any(
            abs(first.rate - second.rate) > 1.96 * sqrt(first.variance + second.variance)
            for (first, second), _refused in looks(chance, [RATE, RATE], 3000, 50, "arriving")
        )
    assert wrong / 200 > 0.2


def test_a_difference_that_is_there_is_found_as_often_as_promised() -> None:
    chance, people = Random(5), 3000
    gain = smallest_seen(people, people, rate=RATE)
    found = 0
    for _ in range(200):
        watched = looks(chance, [RATE, RATE + gain], people, 100, "arriving")
        verdicts = [judge(arms, refused, mixture=planned_mixture(people)) for arms, refused in watched]
        found += any(one.word == "better" and one.leader == 1 for one in verdicts)
    assert found / 200 >= 0.75


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        (Arm(80, 48), Arm(70, 56), 0.0575, 0.3425),
        (Arm(2000, 100), Arm(2100, 140), 0.0023469, 0.0309864),
        (Arm(5000, 412), Arm(5000, 455), -0.0024292, 0.0196292),
    ],
)
def test_its_variance_is_the_usual_one(first: Arm, second: Arm, low: float, high: float) -> None:
    """Source: Newcombe 1998, table II (a), method 1; all: confint_proportions_2indep (wald) of statsmodels 0.15.0."""
    half = 1.959964 * sqrt(first.variance + second.variance)
    seen = second.rate - first.rate
    assert (seen - half, seen + half) == pytest.approx((low, high), abs=0.4 / first.people)


@pytest.mark.parametrize("seen", [0.0, 0.01, 0.03])
def test_its_ratio_is_the_mixture_integral(seen: float) -> None:
    """The closed form against the integral it stands for: N(0, m) over the likelihood ratio of a normal estimate."""
    first, second = Arm(2000, 200), Arm(2000, round(2000 * (0.1 + seen)))
    variance, mixture = first.variance + second.variance, 0.0004
    found, step = 0.0, sqrt(mixture) / 400
    for place in range(-4000, 4001):
        true = place * step
        density = exp(-true * true / (2 * mixture)) / sqrt(2 * pi * mixture)
        found += step * density * exp((second.rate - first.rate) * true / variance - true * true / (2 * variance))
    assert p_value(first, second, mixture=mixture) == pytest.approx(min(1.0, 1 / found), rel=1e-6)


def test_its_width_is_that_of_waudby_smith() -> None:
    """Source: the asymptotic confidence sequence of Waudby-Smith et al. 2024, as written below."""
    people, sigma, rho = 900, 0.3, 0.08
    known = sigma * sqrt(2 * (people * rho**2 + 1) / (people**2 * rho**2) * log(sqrt(people * rho**2 + 1) / ALPHA))
    assert half_width(sigma**2 / people, mixture=sigma**2 * rho**2) == pytest.approx(known)


def test_p_and_interval_say_the_same() -> None:
    mixture = planned_mixture(2000)
    for hits in range(150, 300, 3):
        first, second = Arm(2000, 200), Arm(2000, hits)
        interval = difference(first, second, mixture=mixture)
        assert interval.excludes_zero == (p_value(first, second, mixture=mixture) < ALPHA)


def test_more_people_show_smaller_differences() -> None:
    assert smallest_seen(500, 500, rate=RATE) > smallest_seen(5000, 5000, rate=RATE) > 0.01
    needed = people_for(0.02, share=0.5, rate=RATE)
    assert smallest_seen(needed / 2, needed / 2, rate=RATE) == pytest.approx(0.02, rel=0.01)


def test_nobody_is_no_division_by_nought() -> None:
    assert rate_interval(Arm(0, 0), mixture=0.001).high == 1.0
    assert difference(Arm(0, 0), Arm(5, 1), mixture=0.001).excludes_zero is False
    assert p_value(Arm(0, 0), Arm(5, 1), mixture=0.001) == 1.0


def test_a_winner_beats_everybody_else() -> None:
    mixture = planned_mixture(5000)
    none = [Arm(5000, 0)] * 3
    assert judge([Arm(5000, 500), Arm(5000, 700), Arm(5000, 690)], none, mixture=mixture).word == "no_difference"
    clear = judge([Arm(5000, 500), Arm(5000, 700), Arm(5000, 510)], none, mixture=mixture)
    assert (clear.word, clear.leader, clear.runner_up) == ("better", 1, 2)


def test_few_people_say_nothing() -> None:
    assert judge([Arm(99, 0), Arm(99, 99)], [Arm(99, 0)] * 2, mixture=0.001).word == "too_early"


def test_what_drives_people_away_is_not_chosen() -> None:
    mixture = planned_mixture(5000)
    driven = [Arm(5000, 5), Arm(5000, 90)]
    verdict = judge([Arm(5000, 500), Arm(5000, 700)], driven, mixture=mixture)
    assert (verdict.word, verdict.leader, set(verdict.guarded)) == ("guarded", 0, {1})


def test_points_are_rounded_and_not_cut() -> None:
    assert [points(share) for share in (0.29, 0.01289, 0.00087)] == ["29.0", "1.3", "0.09"]
