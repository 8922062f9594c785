"""The link that counts who follows it: the signed delivery id, and nothing of where it leads.

Where it leads is read from the frozen content when it is followed (services.clicks), so no address can be made to lead
anywhere else. Only browsers get it, where the campaign asks for it: apps are told by their SDK what was tapped.
"""

from django.conf import settings

from apps.deliveries.rendering.links import WEB
from apps.gateways.contract import PushContent

PATH = "/c/"
LENGTH = 40


def click_url(delivery_id: str) -> str:
    return f"{settings.PUBLIC_URL}{PATH}{delivery_id}"


def counted(content: PushContent, delivery_id: str) -> PushContent:
    """The content with its web link led through `click_url`; its buttons are told apart by the SDK alone.

    Cost: 2 us, and the gateway cannot share the content any more.
    """
    return content._replace(link=click_url(delivery_id)) if content.link.startswith(WEB) else content


def sample(content: PushContent) -> PushContent:
    """As long as a counted one, for checking sizes."""
    return counted(content, "x" * LENGTH)
