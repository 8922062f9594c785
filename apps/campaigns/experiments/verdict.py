"""The verdict: which variant is better than all others, whether none is, and which may not be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.campaigns.experiments.statistics import FEWEST_PEOPLE, Arm, Interval, difference, winner_alpha

# So many must have said no to push after a variant before the guardrail speaks.
FEWEST_OPT_OUTS = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """word: better | guarded (only one is left that may be chosen) | no_difference | too_early.

    leader: the one ahead among those that may be chosen. margin: of the leader over the next one, None where there is
    none. guarded: {variant: how many more said no to push than after the others}.
    """

    word: str
    leader: int
    runner_up: int | None
    margin: Interval | None
    guarded: dict[int, Interval]


def judge(arms: Sequence[Arm], opt_outs: Sequence[Arm], *, mixture: float) -> Verdict:
    """Of two variants or more. Wrong about a winner in at most 5 % of tests, however often it is asked."""
    alpha = winner_alpha(len(arms))
    guarded = _guarded(opt_outs, mixture=mixture, alpha=alpha)
    allowed = [place for place in range(len(arms)) if place not in guarded]
    ranked = sorted(allowed, key=lambda place: (-arms[place].rate, place))
    leader = ranked[0]
    margins = {place: difference(arms[place], arms[leader], mixture=mixture, alpha=alpha) for place in ranked[1:]}
    runner_up = ranked[1] if margins else None
    margin = margins[runner_up] if runner_up is not None else None
    if any(arm.people < FEWEST_PEOPLE for arm in arms):
        word = "too_early"
    elif not margins:
        word = "guarded"
    elif all(one.low > 0 for one in margins.values()):
        word = "better"
    else:
        word = "no_difference"
    return Verdict(word, leader, runner_up, margin, guarded)


def _guarded(opt_outs: Sequence[Arm], *, mixture: float, alpha: float) -> dict[int, Interval]:
    """Variants after which more people said no to push than after the others together."""
    found = {}
    for place, arm in enumerate(opt_outs):
        others = [other for number, other in enumerate(opt_outs) if number != place]
        pooled = Arm(sum(other.people for other in others), sum(other.hits for other in others))
        more = difference(pooled, arm, mixture=mixture, alpha=alpha)
        if arm.people >= FEWEST_PEOPLE and arm.hits >= FEWEST_OPT_OUTS and more.low > 0:
            found[place] = more
    return found
