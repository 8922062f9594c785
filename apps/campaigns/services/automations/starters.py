"""Starters: automations that most shops want, to begin with instead of an empty page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.campaigns.services.automations.lifecycle import StepDraft
from apps.customers.models import EventType

# What apps call these, most usual first; the first that an app has is taken.
_CART = ("cart_updated", "added_to_cart", "add_to_cart")
_BOUGHT = ("purchase", "order_placed", "checkout_completed")
_CAME = ("registered", "sign_up", "signed_up", "account_created")
_ACTIVE = ("app_opened", "session_started", "login")


@dataclass(frozen=True, slots=True)
class Starter:
    """A draft to be: fields of Automation and its steps."""

    slug: str
    title: str
    says: str
    icon: str
    fields: dict[str, Any] = field(default_factory=dict)
    steps: Sequence[StepDraft] = ()


def starters(app: App | None = None) -> list[Starter]:
    """Those on offer; with `app` in its own event names and language."""
    known = set(EventType.objects.filter(app=app).values_list("name", flat=True)) if app else set()
    language = app.default_language if app else "en"

    def event(names: Sequence[str]) -> str:
        return next((name for name in names if name in known), names[0])

    def push(title: str, body: str) -> StepDraft:
        return StepDraft("push", {"texts": {language: {"title": title, "body": body}}})

    not_opened = StepDraft("condition", {"ask": "not_opened", "otherwise": "leave"})
    return [
        Starter("empty", _("An empty automation"), _("You add every step yourself."), "add"),
        Starter(
            "cart",
            _("Abandoned cart"),
            _("An hour after the cart, once more the day after, and never after the purchase."),
            "shopping_cart",
            {
                "trigger_event": event(_CART),
                "exit_events": [event(_BOUGHT)],
                "goal_event": event(_BOUGHT),
                "goal_days": 3,
                "reentry": "after",
                "reentry_days": 7,
            },
            [
                _wait(60),
                push(_("You left something behind"), _("Your cart is waiting for you.")),
                _wait(24 * 60),
                not_opened,
                push(_("Still thinking about it?"), _("What you chose is still there. Have another look.")),
            ],
        ),
        Starter(
            "welcome",
            _("Welcome"),
            _("A first hello, and a hint some days later, in the evening."),
            "waving_hand",
            {"trigger_event": event(_CAME), "reentry": "never"},
            [
                _wait(10),
                push(_("Welcome!"), _("Good to have you with us.")),
                _wait(2 * 24 * 60, "18:00"),
                push(_("Have you seen this?"), _("Here is what others like most.")),
            ],
        ),
        Starter(
            "win-back",
            _("Win-back"),
            _("Who joins your segment of sleepers hears from you, at most once in three months."),
            "favorite",
            {
                "trigger": "segment",
                "reentry": "after",
                "reentry_days": 90,
                "exit_events": [event(_ACTIVE)],
                "goal_event": event(_ACTIVE),
                "goal_days": 14,
            },
            [
                _wait(0, "18:00"),
                push(_("We miss you"), _("A lot is new since you were here.")),
                _wait(3 * 24 * 60, "18:00"),
                not_opened,
                push(_("One more thing"), _("Come and see what is waiting for you.")),
            ],
        ),
    ]


def _wait(minutes: int, until: str = "") -> StepDraft:
    return StepDraft("wait", {"minutes": minutes, "until": until})
