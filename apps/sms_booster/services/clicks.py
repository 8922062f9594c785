"""Clicks: the counted link of an SMS is followed. It leads where the stored SMS says, tagged as the push's links are.

Tags are added here, not to the text: there they would cost parts.
"""

from datetime import datetime

from apps.deliveries.models import Content
from apps.deliveries.rendering.links import Tags, read_tags, with_tags
from apps.sms_booster.click_links import link_in, read_signed
from apps.sms_booster.models import SmsMessage

MEDIUM = "sms"


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
    return with_tags(link, _tags(message)) if message else ""


def _tags(message: SmsMessage) -> Tags:
    """The push's UTM tags, with a medium of their own; none where its links have none."""
    content = Content.objects.filter(dispatch=message.dispatch_id).order_by("variant", "language").first()
    tags = content.body.get("link_tags") if content else None
    return read_tags({**tags, "utm_medium": MEDIUM}) if tags else ()
