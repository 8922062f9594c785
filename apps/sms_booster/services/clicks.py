"""Clicks: the counted link of an SMS is followed. It leads where the stored SMS says."""

from datetime import datetime

from apps.sms_booster.click_links import link_in, read_signed
from apps.sms_booster.models import SmsMessage


def is_genuine(signed: str) -> bool:
    """Whether we signed it."""
    return read_signed(signed) is not None


def follow_link(*, signed: str, is_person: bool, now: datetime) -> str:
    """Where it leads; "" where it leads nowhere (any more). is_person: the first time is written down."""
    found = SmsMessage.objects.filter(pk=read_signed(signed) or 0, rule__counts_clicks=True, sending_at__isnull=False)
    message = found.first()
    link = link_in(message.body) if message else ""
    if link and is_person:
        found.filter(clicked_at=None).update(clicked_at=now)
    return link
