"""On the page of one message: whether its person was in the campaign's audience, segment by segment."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.campaigns.services.explanation import explain_audience
from apps.customers.models import Customer
from apps.deliveries.log_queries import Story
from apps.deliveries.story_parts import StoryPart
from apps.segments.services.limits import TooSlow, limited

LIMIT_SECONDS = 5


def audience_of(story: Story, customer: Customer) -> dict[str, Any] | None:
    """Each segment of the campaign: whether they were in it then, and what its rule says of them now."""
    if story.dispatch.kind != "campaign":
        return None
    try:
        with limited(LIMIT_SECONDS):
            parts = explain_audience(dispatch=story.dispatch, customer=customer, now=timezone.now())
    except TooSlow:
        return {"is_too_slow": True}
    return {"audience": parts, "planned_at": story.dispatch.created_at, "app": story.dispatch.app} if parts else None


PART = StoryPart(
    key="audience",
    title=_("Were they in its audience?"),
    template="campaigns/story/audience.html",
    style="segments/why.css",
    context=audience_of,
    permission="segments.view_segment",
    order=10,
)
