"""The campaigns of the demo world: six that ran, one draft that waits to be launched, and an automation to start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apps.accounts.models import App
from apps.campaigns.models import Automation, Campaign, Variant
from apps.campaigns.services.automations.lifecycle import StepDraft, create_automation
from apps.campaigns.services.automations.starters import starters
from apps.campaigns.services.handover import plan_arguments
from apps.deliveries.demo import Engagement, answer_dispatch
from apps.deliveries.services.plan import plan_dispatch
from apps.segments.models import Segment

DRAFT = "Autumn sale"


@dataclass(frozen=True, slots=True)
class Past:
    """A campaign that ran: when, to whom, what it said and how people took it."""

    name: str
    days_ago: int
    hour: int
    segment: str
    title: str
    body: str
    engagement: Engagement


HISTORY = (
    Past(
        "Welcome back",
        34,
        16,
        "Gone quiet",
        "We saved your place, {{ first_name | default: 'friend' }}",
        "Your favourites are still here. Have a look what is new since you left.",
        Engagement(690, 84, 22),
    ),
    Past(
        "New arrivals",
        27,
        10,
        "Newsletter readers",
        "New in {{ favourite_category | default: 'the shop' }}",
        "Forty new things arrived this morning.",
        Engagement(780, 142, 51),
    ),
    Past(
        "Thank you",
        20,
        12,
        "Best customers",
        "A thank-you for you, {{ first_name | default: 'friend' }}",
        "Free delivery on your next order, because you have been with us for so long.",
        Engagement(840, 311, 170),
    ),
    Past(
        "Weekend offers",
        13,
        9,
        "Newsletter readers",
        "This weekend only",
        "Up to 30 % off everything for outdoors. Ends on Sunday night.",
        Engagement(775, 168, 77),
    ),
    Past(
        "How was it?",
        8,
        18,
        "Bought in the last 30 days",
        "How do you like it?",
        "Two minutes of your time help the next customer choose.",
        Engagement(800, 205, 118),
    ),
    Past(
        "Still in your cart",
        2,
        17,
        "Left something in the cart",
        "You left something behind",
        "We keep it for you until tomorrow evening.",
        Engagement(810, 264, 149),
    ),
)

_DRAFT_TEXTS: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "title": "{{ first_name | default: 'Hello' }}, the autumn sale is on",
        "body": "Up to 40 % off in {{ favourite_category | default: 'every department' }}, today and tomorrow.",
        "link": "https://shop.example.com/autumn",
        "buttons": [{"id": "shop", "label": "Shop now", "link": "https://shop.example.com/autumn"}],
    },
    "fr": {
        "title": "{{ first_name | default: 'Bonjour' }}, les soldes d'automne commencent",
        "body": "Jusqu'à 40 % de remise, aujourd'hui et demain.",
        "link": "https://shop.example.com/fr/automne",
    },
    "de": {
        "title": "{{ first_name | default: 'Hallo' }}, der Herbstverkauf beginnt",
        "body": "Bis zu 40 % Rabatt, heute und morgen.",
        "link": "https://shop.example.com/de/herbst",
    },
}

AUTOMATION = "Abandoned cart"
_CART = "https://shop.example.com/cart"
# What the pushes of the starter "cart" say in the demo shop, in their order.
_CART_TEXTS: tuple[Mapping[str, Mapping[str, Any]], ...] = (
    {
        "en": {
            "title": "{{ first_name | default: 'Hello' }}, you left something behind",
            "body": "Your cart is waiting for you.",
            "link": _CART,
            "buttons": [{"id": "cart", "label": "Open the cart", "link": _CART}],
        },
        "fr": {
            "title": "{{ first_name | default: 'Bonjour' }}, vous avez oublié quelque chose",
            "body": "Votre panier vous attend.",
            "link": _CART,
            "buttons": [{"id": "cart", "label": "Voir le panier", "link": _CART}],
        },
    },
    {
        "en": {"title": "Still thinking about it?", "body": "What you chose is still there.", "link": _CART},
        "fr": {"title": "Vous hésitez encore ?", "body": "Vos articles sont toujours là.", "link": _CART},
    },
)


def load_automation(*, app: App, now: datetime) -> Automation:
    """The starter "cart" in the shop's words, ready to start. A draft: until then nobody enters."""
    cart = next(one for one in starters(app) if one.slug == "cart")
    texts = iter(_CART_TEXTS)
    steps = [StepDraft("push", {"texts": next(texts)}) if step.kind == "push" else step for step in cart.steps]
    return create_automation(app=app, name=AUTOMATION, author=None, now=now, steps=steps, **cart.fields)


def load_campaigns(*, app: App, now: datetime, advance: Callable[[int], None]) -> Campaign:
    """Six finished campaigns, planned by the real planner at their time; returns the draft."""
    for past in HISTORY:
        at = (now - timedelta(days=past.days_ago)).replace(hour=past.hour, minute=0, second=0, microsecond=0)
        _run(app, past, at)
        advance(1)
    draft = Campaign.objects.create(app=app, name=DRAFT, respects_quiet_hours=False)
    draft.include_segments.set(Segment.objects.filter(app=app, name="Newsletter readers"))
    Variant.objects.create(campaign=draft, texts=_DRAFT_TEXTS)
    advance(1)
    return draft


def _run(app: App, past: Past, at: datetime) -> None:
    campaign = Campaign.objects.create(app=app, name=past.name, respects_quiet_hours=False)
    campaign.include_segments.set(Segment.objects.filter(app=app, name=past.segment))
    Variant.objects.create(campaign=campaign, texts={"en": {"title": past.title, "body": past.body}})
    dispatch = plan_dispatch(**plan_arguments(campaign, at))
    answer_dispatch(dispatch=dispatch, engagement=past.engagement, sending_seconds=60)
    Campaign.objects.filter(pk=campaign.pk).update(
        state="finished", dispatch=dispatch, launched_at=at, created_at=at - timedelta(hours=3), updated_at=at
    )
