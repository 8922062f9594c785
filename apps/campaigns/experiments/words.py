"""An A/B test in words: one answer, how large it is, and what became of the rest."""

from math import ceil

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.campaigns.experiments.sizing import SizeHint
from apps.campaigns.experiments.standing import GoalStanding, Standing, letter
from apps.campaigns.experiments.statistics import FEWEST_PEOPLE, Interval, people_for, winner_alpha
from apps.campaigns.models import Campaign
from apps.core.words import spoken

# More people than so many times those of the test are no advice.
_MOST_TIMES = 20


def points(share: float) -> str:
    """0.031 -> "3.1": percentage points with one decimal, two below a tenth."""
    value = 100 * share
    places = 2 if 0 < abs(value) < 0.095 else 1
    return number_format(round(value, places), places)


def answer(standing: Standing) -> str:
    """The test in one sentence or two; true whenever it is read."""
    verdict = standing.verdict
    best, second = letter(verdict.leader), letter(verdict.runner_up or 0)
    clicks = standing.metric == "clicked"
    if verdict.word == "too_early":
        return _("Too early to say: each variant needs at least %(count)s people.") % {"count": FEWEST_PEOPLE}
    if verdict.word == "guarded":
        return _("%(best)s is the only one left: after the others too many people said no to push.") % {"best": best}
    assert verdict.margin is not None  # noqa: S101
    words = {"best": best, "second": second, **_range(verdict.margin)}
    if verdict.word == "better":
        if clicks:
            return _("%(best)s is better than %(second)s: %(low)s to %(high)s points more clicks.") % words
        return _("%(best)s is better than %(second)s: %(low)s to %(high)s points more opens.") % words
    return _("No difference seen yet.") + " " + _more_people(standing, verdict.margin)


def guardrail(standing: Standing) -> list[str]:
    """One sentence for each variant that may not be chosen."""
    return [
        _("After %(variant)s more people said no to push: %(low)s to %(high)s points more. It is not chosen by itself.")
        % {"variant": letter(place), **_range(more)}
        for place, more in sorted(standing.verdict.guarded.items())
    ]


def size_words(hint: SizeHint) -> str:
    """What so many people can show."""
    words = {"people": number_format(hint.people, force_grouping=True), "points": points(hint.seen)}
    return ngettext(
        "With %(people)s person you can only see a difference above %(points)s points.",
        "With %(people)s people you can only see a difference above %(points)s points.",
        hint.people,
    ) % {**words}


def too_small_words(hint: SizeHint) -> str:
    """Why a test of this size is none."""
    words = {"people": number_format(hint.smallest_variant, force_grouping=True), "count": FEWEST_PEOPLE}
    return _("Too small: the smallest variant has %(people)s people, and nothing can be said below %(count)s.") % words


def rate_words(hint: SizeHint, metric: str) -> str:
    """What the size was worked out from."""
    words = {"rate": number_format(round(100 * hint.rate, 1), 1)}
    if metric == "clicked":
        own, usual = _("As %(rate)s %% clicked in the last 28 days."), _("If about %(rate)s %% click.")
    else:
        own, usual = _("As %(rate)s %% opened in the last 28 days."), _("If about %(rate)s %% open.")
    return (own if hint.is_own_rate else usual) % words


def decision_words(campaign: Campaign) -> str:
    """What the rest got and why; "" while nothing is decided."""
    dispatch = campaign.dispatch
    if dispatch is None or dispatch.decided_at is None:
        return ""
    words = {"by": dispatch.decided_by, "winner": letter(dispatch.winner or 0)}
    if dispatch.winner is None:
        return _("%(by)s decided that the rest gets nothing.") % words
    match campaign.decided_how:
        case "winner":
            return _("The rest got %(winner)s by itself, because it was better.") % words
        case "guarded":
            return _("The rest got %(winner)s by itself: after the others too many people said no to push.") % words
        case "no_difference":
            return _("No difference was seen in time, so the rest got %(winner)s, as you had set.") % words
        case "too_few":
            return _("Too few people were in the test to tell, so the rest got %(winner)s, as you had set.") % words
        case _:
            return _("%(by)s chose %(winner)s for the rest.") % words


def goal_words(goal: GoalStanding) -> str:
    """What the push won over nothing."""
    words = {"goal": spoken(goal.goal), **_range(goal.gain)}
    if goal.gain.low > 0:
        return _("The push worked: %(low)s to %(high)s points more people did “%(goal)s” than without it.") % words
    if goal.gain.high < 0:
        words = {"goal": spoken(goal.goal), "low": points(-goal.gain.high), "high": points(-goal.gain.low)}
        return _("The push did harm: %(low)s to %(high)s points fewer people did “%(goal)s” than without it.") % words
    return _("No difference seen yet between those who got it and those who got nothing (“%(goal)s”).") % words


def _range(interval: Interval) -> dict[str, str]:
    return {"low": points(interval.low), "high": points(interval.high)}


def _more_people(standing: Standing, margin: Interval) -> str:
    """How many more would show what is seen now, rounded up to half a point; or how far apart they can be."""
    wanted = max(0.005, ceil(abs(margin.estimate) * 200) / 200)
    shares = [one.share / 100 for one in standing.variants]
    pair = sorted(shares)[:2]
    rate = max(0.01, min(0.5, sum(one.rate.estimate for one in standing.variants) / len(shares)))
    alpha = winner_alpha(len(shares))
    both = people_for(wanted, share=pair[0] / sum(pair), rate=rate, alpha=alpha)
    more = round(both / sum(pair)) - standing.people
    if not 0 < more <= _MOST_TIMES * max(standing.people, 1):
        return _("If there is one, it is below %(high)s points.") % {"high": points(max(margin.high, -margin.low))}
    rounded = round(more, -2 if more >= 1000 else -1) or more
    words = {"count": number_format(rounded, force_grouping=True), "points": points(wanted)}
    return _("About %(count)s more people would show one of %(points)s points.") % words
