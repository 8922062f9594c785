"""Outlook: how many people an automation would have met lately, so that nobody starts one blindly."""

from datetime import datetime, timedelta

from apps.campaigns.models import Automation
from apps.core.sql import rows
from apps.segments.services.limits import Stopped, TooSlow, limited

DAYS = 7
_LIMIT_SECONDS = 2.0


def people_lately(automation: Automation, now: datetime) -> int | None:
    """People who did the event, or joined the segment, in the last DAYS days, each once; None = too many to count now.

    They are counted as entering once, whatever the rule of re-entry says.
    """
    is_event = automation.trigger == "event"
    values = {
        "app_id": automation.app_id,
        "event": automation.trigger_event if is_event else "",
        "segment_id": None if is_event else automation.trigger_segment_id,
        "since": now - timedelta(days=DAYS),
    }
    try:
        with limited(_LIMIT_SECONDS):
            return int(rows("campaigns", "automation_lately", values)[0][0])
    except (TooSlow, Stopped):
        return None
