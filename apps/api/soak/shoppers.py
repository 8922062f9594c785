"""People do what automations wait for: some are welcomed once, some are reminded of their cart until they order."""

import time
from datetime import datetime
from typing import Any

from apps.accounts.models import App
from apps.api.soak.client import Answered
from apps.api.soak.journal import Came, begin_ban, end_ban
from apps.api.soak.traffic import LIFE_SECONDS, Actor
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.lifecycle import StepDraft, activate, create_automation

# The events, and the automations that they bring people into.
WELCOME, CART, ORDER = "signed_up", "cart_filled", "ordered"
_PUSH = StepDraft("push", {"texts": {"en": {"title": "Hello {{ first_name | default: 'you' }}", "body": "A word."}}})
_WAIT = StepDraft("wait", {"minutes": 1, "until": ""})
_AT_ONCE = (1, 1, 3, 20)


def make_automations(*, app_id: int, now: datetime) -> None:
    """Active from now on. Whoever signed up is welcomed twice, ever; who filled a cart is reminded each time."""
    _make(app_id, now, name="welcome", trigger_event=WELCOME, reentry="never")
    _make(app_id, now, name="cart", trigger_event=CART, reentry="always", exit_events=[ORDER])


def _make(app_id: int, now: datetime, **fields: Any) -> Automation:
    made = create_automation(
        app=App.objects.get(pk=app_id),
        author=None,
        now=now,
        steps=[_PUSH, _WAIT, _PUSH],
        expire_after_minutes=LIFE_SECONDS // 60,
        respects_quiet_hours=False,
        **fields,
    )
    return activate(automation=made, version=made.version, actor="soak", now=now)


class Shoppers(Actor):
    """One actor alone, so that each person does one thing after the other."""

    pause_seconds = 1.2

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._with_cart: list[str] = []
        # Whose event may have come twice may be reminded once more, after the order.
        self._unsure: set[str] = set()

    def act(self) -> None:
        deed = self.chance.choices((WELCOME, CART, ORDER), (40, 35, 25))[0]
        if deed == ORDER:
            self._order()
            return
        names = self.chance.sample(list(self.world.customers), self.chance.choice(_AT_ONCE))
        asked_at = time.time()
        for name in names if deed == CART else ():
            end_ban(self.journal.ordered[self.world.customers[name]], asked_at)
        told = self._tell(deed, names)
        gone = _erased(told)
        for place, name in enumerate(names):
            if place not in gone:
                self.journal.came[self.world.customers[name]].append(Came(deed, is_sure=told is not None))
        if deed == CART:
            self._with_cart += names
            self._unsure.update(names if told is None or told.tries > 1 else ())

    def _order(self) -> None:
        if not self._with_cart:
            return
        name = self._with_cart.pop(self.chance.randrange(len(self._with_cart)))
        told = self._tell(ORDER, [name])
        if told is not None and name not in self._unsure:
            begin_ban(self.journal.ordered[self.world.customers[name]], told.answered_at, "ordered")

    def _tell(self, event: str, names: list[str]) -> Answered | None:
        body = {"events": [{"customer": name, "name": event} for name in names]}
        told = self.client.ask("POST", "/v2.1/events", body)
        self.journal.count("events", len(names))
        if told is not None and told.status != 202 and len(_erased(told)) != len(names):
            self.journal.accuse(f"events were answered {told.status}: {str(told.body)[:300]}")
        return told


def _erased(told: Answered | None) -> set[int]:
    """The places of those about whom nothing is stored any more."""
    found = told.body.get("errors", []) if told is not None else []
    return {int(one["pointer"].split("/")[2]) for one in found if one["code"] == "customer_erased"}
