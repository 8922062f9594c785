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


@dataclass(frozen=True, slots=True)
class _House:
    """The app in whose words a starter is written: the events it knows, its language."""

    known: frozenset[str]
    language: str

    def event(self, names: Sequence[str]) -> str:
        return next((name for name in names if name in self.known), names[0])

    def push(self, title: str, body: str) -> StepDraft:
        return StepDraft("push", {"texts": {self.language: {"title": title, "body": body}}})


def starters(app: App | None = None) -> list[Starter]:
    """Those on offer; with `app` in its own event names and language."""
    known = frozenset(EventType.objects.filter(app=app).values_list("name", flat=True) if app else ())
    house = _House(known, app.default_language if app else "en")
    empty = Starter("empty", _("An empty automation"), _("You add every step yourself."), "add")
    return [empty, _cart(house), _welcome(house), _win_back(house)]


def _cart(house: _House) -> Starter:
    bought = house.event(_BOUGHT)
    return Starter(
        "cart",
        _("Abandoned cart"),
        _("An hour after the cart, once more the day after, and never after the purchase."),
        "shopping_cart",
        {
            "trigger_event": house.event(_CART),
            "exit_events": [bought],
            "goal_event": bought,
            "goal_days": 3,
            "reentry": "after",
            "reentry_days": 7,
        },
        [
            _wait(60),
            house.push(_("You left something behind"), _("Your cart is waiting for you.")),
            _wait(24 * 60),
            _NOT_OPENED,
            house.push(_("Still thinking about it?"), _("What you chose is still there. Have another look.")),
        ],
    )


def _welcome(house: _House) -> Starter:
    return Starter(
        "welcome",
        _("Welcome"),
        _("A first hello, and a hint some days later, in the evening."),
        "waving_hand",
        {"trigger_event": house.event(_CAME), "reentry": "never"},
        [
            _wait(10),
            house.push(_("Welcome!"), _("Good to have you with us.")),
            _wait(2 * 24 * 60, "18:00"),
            house.push(_("Have you seen this?"), _("Here is what others like most.")),
        ],
    )


def _win_back(house: _House) -> Starter:
    active = house.event(_ACTIVE)
    return Starter(
        "win-back",
        _("Win-back"),
        _("Who joins your segment of sleepers hears from you, at most once in three months."),
        "favorite",
        {
            "trigger": "segment",
            "reentry": "after",
            "reentry_days": 90,
            "exit_events": [active],
            "goal_event": active,
            "goal_days": 14,
        },
        [
            _wait(0, "18:00"),
            house.push(_("We miss you"), _("A lot is new since you were here.")),
            _wait(3 * 24 * 60, "18:00"),
            _NOT_OPENED,
            house.push(_("One more thing"), _("Come and see what is waiting for you.")),
        ],
    )


def _wait(minutes: int, until: str = "") -> StepDraft:
    return StepDraft("wait", {"minutes": minutes, "until": until})


_NOT_OPENED = StepDraft("condition", {"ask": "not_opened", "otherwise": "leave"})
