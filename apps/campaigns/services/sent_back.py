"""A campaign that becomes a draft again by itself, and keeps why and since when."""

from datetime import datetime

from apps.campaigns.models import Campaign
from apps.campaigns.states import CAMPAIGN_STATES


def send_back(campaign_id: int, reason: str, now: datetime) -> None:
    """scheduled or awaiting_approval -> draft, for a caller that holds the row."""
    row = Campaign.objects.filter(pk=campaign_id)
    CAMPAIGN_STATES.require(row, "draft", launching_until=None, launch_problem=reason[:300], launch_problem_at=now)
