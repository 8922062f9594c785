"""On the page of one message: what became of the SMS after it."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.models import Customer
from apps.deliveries.log_queries import Story
from apps.deliveries.story_parts import StoryPart
from apps.sms_booster.sms_story import sms_story


def sms_of(story: Story, customer: Customer) -> dict[str, Any] | None:
    """The person's, whichever of their devices the message is about."""
    told = sms_story(dispatch=story.dispatch, customer=customer)
    return {"reason": told.reason} if told else None


PART = StoryPart(
    key="sms",
    title=_("The SMS after this push"),
    template="sms_booster/story.html",
    context=sms_of,
    permission="sms_booster.view_smsmessage",
    order=5,
)
