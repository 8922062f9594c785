"""Outlook: how many people an automation would have met lately, so that nobody starts one blindly."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apps.campaigns.models import Automation
from apps.core.sql import rows
from apps.customers.models import Customer
from apps.segments.services.counting import Turn
from apps.segments.services.limits import Stopped, TooSlow, limited
from apps.segments.services.preview import count_rule

DAYS = 7
MOST_JUDGED = 50_000
SAMPLES = 6
_LIMIT_SECONDS = 2.0


def people_lately(automation: Automation, now: datetime) -> int | None:
    """People who did the event, or joined the segment, in the last DAYS days, each once; None = too many to count now.

    They are counted as entering once, whatever the rule of re-entry says.
    """
    try:
        with limited(_LIMIT_SECONDS):
            return int(rows("campaigns", "automation_lately", _lately(automation, now))[0][0])
    except (TooSlow, Stopped):
        return None


@dataclass(frozen=True, slots=True)
class Passing:
    """How many of some people a rule lets go on. of None: of everybody, for nobody would have entered lately.

    is_part: there were more people than are looked at.
    """

    count: int
    of: int | None
    is_part: bool = False


def people_passing(automation: Automation, rule: Any, now: datetime, *, turn: Turn | None = None) -> Passing:
    """Of those who would have entered lately (at most MOST_JUDGED), how many fit the rule now.

    Raises TooSlow and Stopped, and as count_rule does.
    """
    with limited(_LIMIT_SECONDS):
        found = rows("campaigns", "automation_lately_people", {**_lately(automation, now), "most": MOST_JUDGED + 1})
    among = [customer_id for (customer_id,) in found[:MOST_JUDGED]] or None
    limit = _LIMIT_SECONDS
    preview = count_rule(app=automation.app, rule=rule, now=now, limit_seconds=limit, turn=turn, among=among)
    return Passing(preview.count, len(among) if among else None, is_part=len(found) > MOST_JUDGED)


def sample_readers(automation: Automation, now: datetime) -> list[Customer]:
    """A few known people who would have entered lately, or of the app, to look over the shoulder of."""
    people = Customer.objects.filter(app=automation.app_id, erased_at=None, merged_into=None).exclude(external_id=None)
    values = {**_lately(automation, now), "most": SAMPLES * 3}
    with suppress(TooSlow, Stopped), limited(_LIMIT_SECONDS):
        lately = [customer_id for (customer_id,) in rows("campaigns", "automation_lately_people", values)]
        if sampled := list(people.filter(pk__in=lately).order_by("pk")[:SAMPLES]):
            return sampled
    return list(people.order_by("pk")[:SAMPLES])


def _lately(automation: Automation, now: datetime) -> dict[str, Any]:
    is_event = automation.trigger == "event"
    return {
        "app_id": automation.app_id,
        "event": automation.trigger_event if is_event else "",
        "segment_id": None if is_event else automation.trigger_segment_id,
        "since": now - timedelta(days=DAYS),
    }
