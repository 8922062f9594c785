"""The numbers of an audience on screen: matched, reachable, will receive, and everybody left out by name."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db.utils import OperationalError
from django.utils.translation import gettext as _

from apps.campaigns.admin_moments import turns_of
from apps.campaigns.experiments import words
from apps.campaigns.experiments.sizing import size_hint
from apps.campaigns.models import Campaign
from apps.campaigns.services.handover import plan_arguments
from apps.campaigns.services.readiness import NotReady
from apps.campaigns.services.simulate import simulate_campaign
from apps.deliveries.admin_words import UNREACHABLE, exclusion_label
from apps.deliveries.services.freeze import Waterfall
from apps.deliveries.services.plan import simulate_dispatch
from apps.segments.services.refresh import SegmentBroken

Counting = Callable[[Campaign, datetime], Waterfall]


def at_once(campaign: Campaign, now: datetime) -> Waterfall:
    """The real planner over the segments as they were last computed: quick enough for every change of the form."""
    return simulate_dispatch(**plan_arguments(campaign, now))


def exactly(campaign: Campaign, now: datetime) -> Waterfall:
    """The same after computing the segments again, as a launch does."""
    return simulate_campaign(campaign, now)


def counted(campaign: Campaign, counting: Counting, now: datetime) -> dict[str, Any]:
    """What a template shows: the waterfall, or `uncounted`, why there is none. Empty while nobody is chosen."""
    if not campaign.include_segments.all():
        return {}
    try:
        return shown(counting(campaign, now))
    except SegmentBroken as broken:
        return {"uncounted": str(broken)}
    except NotReady as refused:
        return {"uncounted": "; ".join(problem.message for problem in refused.problems)}
    except OperationalError:
        return {"uncounted": _("Counting takes too long just now. Try again in a minute.")}


def shown(waterfall: Waterfall) -> dict[str, Any]:
    """The waterfall with the reachable people between, and every exclusion by name, largest first."""
    excluded = sorted(waterfall.excluded.items(), key=lambda entry: -entry[1][0])
    beyond_reach = sum(people for reason, (people, _devices) in excluded if reason in UNREACHABLE)
    return {
        "waterfall": waterfall,
        "reachable": waterfall.planned_people - beyond_reach,
        "excluded": [
            {
                "word": exclusion_label(reason),
                "people": people,
                "devices": devices,
                "by_topic": waterfall.capped_by_topic[0] if reason == "capped" else 0,
            }
            for reason, (people, devices) in excluded
        ],
    }


def forecast(campaign: Campaign, waterfall: Waterfall, now: datetime) -> dict[str, Any]:
    """When the last push leaves, where a pace says so: whoever waits for their hour or their morning included."""
    pace, turns = campaign.throttle_per_second, turns_of(waterfall)
    if not pace or not turns:
        return {}
    ends = begins = turns[0].at
    for turn in turns:
        ends = max(ends, turn.at) + timedelta(seconds=turn.devices / pace)
    return {"lasts_seconds": (ends - begins).total_seconds(), "ends": ends}


def size_shown(campaign: Campaign, receiving: int, now: datetime) -> dict[str, Any] | None:
    """What a test of so many people can show, in words; None where there is nothing to compare."""
    hint = size_hint(campaign, receiving=receiving, now=now)
    if hint is None:
        return None
    return {
        "hint": hint,
        "says": words.too_small_words(hint) if hint.is_too_small else words.size_words(hint),
        "because": words.rate_words(hint, campaign.winner_by),
        "tone": "warn" if hint.is_too_small or hint.is_hopeless else "",
    }
