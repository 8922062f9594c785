"""On the page of one message: what the app's webhooks were told of it."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.api.webhooks.admin_words import TOLD
from apps.api.webhooks.told import told_of
from apps.customers.models import Customer
from apps.deliveries.log_queries import Story
from apps.deliveries.story_parts import StoryPart


def webhooks_of(story: Story, customer: Customer) -> dict[str, Any] | None:
    """Each event for each webhook, with what became of it."""
    device_id = story.device_id
    found = told_of(
        dispatch=story.dispatch, customer_ids=[story.customer_id], device_ids=[device_id], now=timezone.now()
    )
    told = found[device_id]
    return {"told": [{"row": one, "word": TOLD[one.state]} for one in told]} if told else None


PART = StoryPart(
    key="webhooks",
    title=_("What your webhooks were told"),
    template="api/webhook/story.html",
    style="api/webhooks.css",
    context=webhooks_of,
    permission="api.view_webhookendpoint",
    order=20,
)
