"""What is wrong with a campaign that is to go out more than once: its times, and what only a single launch can have."""

import re
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.campaigns.services.occurrences import next_time
from apps.core.problems import FieldProblem

MOST_FACTS = 30
_FACT = re.compile(r"[a-z][a-z0-9_]{0,59}")


def lasting_problems(campaign: Campaign, now: datetime) -> Iterator[FieldProblem]:
    """Nothing for a campaign that goes out once."""
    if not campaign.is_lasting:
        return
    yield from (_time_problems if campaign.timing == "repeat" else _fact_problems)(campaign, now)
    if campaign.variants.count() > 1 and campaign.test_percent < 100:
        message = _(
            "a rest that waits for the better one is for a campaign that goes out once: here each time has people of"
            " its own, and the better one of today need not be next week's. Let everybody be in the test (100 %), and"
            " compare on the report of each time"
        )
        yield FieldProblem("/test_percent", "needs_one_launch", message, str(campaign.test_percent))


def _time_problems(campaign: Campaign, now: datetime) -> Iterator[FieldProblem]:
    found = [*_number_problems(campaign)]
    yield from found
    if not found and next_time(campaign, now) is None:
        message = _("there is no such day any more: let it end later, or send it more often")
        yield FieldProblem("/repeat_until", "repeat_ended", message)


def _number_problems(campaign: Campaign) -> Iterator[FieldProblem]:
    if campaign.repeat_every == "weekly" and not set(campaign.repeat_weekdays) & set(range(7)):
        yield FieldProblem("/repeat_weekdays", "required", _("choose at least one day of the week"))
    if campaign.repeat_every == "monthly" and not 1 <= campaign.repeat_day <= 31:
        yield FieldProblem("/repeat_day", "range", _("must be from 1 to 31"), str(campaign.repeat_day))
    if campaign.repeat_times is not None and campaign.repeat_times < 1:
        yield FieldProblem("/repeat_times", "range", _("must be at least 1"), str(campaign.repeat_times))


def _fact_problems(campaign: Campaign, now: datetime) -> Iterator[FieldProblem]:
    if len(campaign.api_facts) > MOST_FACTS:
        message = _("at most %(most)s facts") % {"most": MOST_FACTS}
        yield FieldProblem("/api_facts", "too_many", message, str(len(campaign.api_facts)))
    for name in campaign.api_facts:
        if not _FACT.fullmatch(name):
            message = _("begins with a small letter; then small letters, digits and _, at most 60")
            yield FieldProblem("/api_facts", "format", message, name)
