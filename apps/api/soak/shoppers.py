"""People do what automations wait for: some are welcomed once, some are reminded of their cart until they order."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apps.accounts.models import App
from apps.api.soak.client import Answered
from apps.api.soak.journal import Came, begin_ban, end_ban
from apps.api.soak.traffic import LIFE_SECONDS, Actor
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.lifecycle import StepDraft, activate, create_automation

# The events, and the automations that they bring people into.
WELCOME, CART, ORDER, NEWS = "signed_up", "cart_filled", "ordered", "read_news"
_PUSH = StepDraft("push", {"texts": {"en": {"title": "Hello {{ first_name | default: 'you' }}", "body": "A word."}}})
_WAIT = StepDraft("wait", {"minutes": 1, "until": ""})
_SMS = StepDraft("sms", {"text": "{{ first_name | default: 'Hello' }}, news by SMS. STOP to end"})
_LONGEST_PAUSE = 8.0
_AT_ONCE = (1, 1, 3, 20)


def make_automations(*, app_id: int, now: datetime) -> None:
    """Active from now on. Whoever signed up is welcomed twice, ever; who filled a cart is reminded each time.

    Whoever read the news gets a push and an SMS, unless it is paused just then: what people do meanwhile is lost.
    """
    _make(app_id, now, name="welcome", trigger_event=WELCOME, reentry="never")
    _make(app_id, now, name="cart", trigger_event=CART, reentry="always", exit_events=[ORDER])
    _make(app_id, now, steps=[_PUSH, _WAIT, _SMS], name="news", trigger_event=NEWS, reentry="always")


def _make(app_id: int, now: datetime, steps: Sequence[StepDraft] = (_PUSH, _WAIT, _PUSH), **fields: Any) -> Automation:
    made = create_automation(
        app=App.objects.get(pk=app_id),
        author=None,
        now=now,
        steps=steps,
        expire_after_minutes=LIFE_SECONDS // 60,
        respects_quiet_hours=False,
        respects_cap=False,
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
        deed = self.chance.choices((WELCOME, CART, ORDER, NEWS), (35, 30, 20, 15))[0]
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
                is_sure = told is not None and deed != NEWS
                self.journal.came[self.world.customers[name]].append(Came(deed, is_sure=is_sure))
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


class Pauser(Actor):
    """Pauses the news' automation for a while, again and again."""

    pause_seconds = 8.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._id = Automation.objects.get(app=self.world.app_id, trigger_event=NEWS).pk

    def act(self) -> None:
        paused = self._ask("pause")
        if paused is not None and paused.status == 200:
            begin_ban(self.journal.paused[self._id], paused.answered_at, f"automation {self._id}: pause")
            self.journal.count("automation pauses")
            time.sleep(self.chance.uniform(0, _LONGEST_PAUSE))
        self.resume()

    def resume(self) -> None:
        """Refused (400) while a gateway is closed, say: then it stays paused until the next time."""
        end_ban(self.journal.paused[self._id], time.time())
        resumed = self._ask("resume")
        if resumed is not None and resumed.status == 400:
            begin_ban(self.journal.paused[self._id], resumed.answered_at, f"automation {self._id}: still paused")

    def _ask(self, step: str) -> Answered | None:
        answered = self.client.ask("POST", f"/v2.1/automations/{self._id}/{step}")
        if answered is not None:
            self.note(answered, f"automation {self._id} {step}")
            if answered.status not in (200, 400, 409):
                self.journal.accuse(f"{step} of automation {self._id} was answered {answered.status}: {answered.body}")
        return answered


def _erased(told: Answered | None) -> set[int]:
    """The places of those about whom nothing is stored any more."""
    found = told.body.get("errors", []) if told is not None else []
    return {int(one["pointer"].split("/")[2]) for one in found if one["code"] == "customer_erased"}
