"""What the world does meanwhile: developers push, people change their minds, marketers launch and stop campaigns."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Event, Thread
from typing import Any, ClassVar

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.utils import timezone

from apps.accounts.models import App
from apps.api.soak.client import Answered, Client
from apps.api.soak.journal import Journal, Owner, Promised, begin_ban, end_ban
from apps.api.soak.world import TOPIC, World
from apps.campaigns.models import Campaign, Variant
from apps.campaigns.services import lifecycle
from apps.campaigns.services.readiness import NotReady
from apps.devices.models import Device
from apps.sms_booster.models import BoostRule

# Nothing is meant to wait longer than this, so that a run comes to its end.
LIFE_SECONDS = 180
_HELLO = {"title": "{{ first_name | default: 'Hello' }}, a word", "body": "News for you, {{ first_name }}."}
_PACES = (None, None, 60.0, 120.0, 240.0)
_MOST_ERASED_SHARE = 0.15
_QUIET_LASTS = timedelta(hours=4)
# As soon after its push as the API and the demo environment allow.
_FOLLOWED, _SMS_AFTER_SECONDS = 0.2, 30
_BOOSTED, _MOST_SMS = 0.4, 60
_CAPPED = 0.4
_SMS = "{{ first_name | default: 'Hello' }}, a word by SMS. STOP to end"


class Actor(ABC):
    """Somebody who does one thing after another, in a thread of their own, until told to stop."""

    pause_seconds: ClassVar[float]

    def __init__(self, world: World, client: Client, journal: Journal, chance: Random, stopping: Event) -> None:
        self.world, self.client, self.journal, self.chance = world, client, journal, chance
        self._stopping = stopping
        self._thread = Thread(target=self._run, daemon=True, name=type(self).__name__)

    @abstractmethod
    def act(self) -> None:
        """Do the next thing."""

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def note(self, answered: Answered, text: str) -> None:
        again = f", try {answered.tries}" if answered.tries > 1 else ""
        self.journal.note(answered.answered_at, f"{text}: {answered.status}{again}")

    def _run(self) -> None:
        while not self._stopping.wait(self.chance.expovariate(1 / self.pause_seconds)):
            try:
                self.act()
            except Exception as error:
                self.journal.accuse(f"the soak itself failed in {type(self).__name__}: {error!r}")
                raise
        self.client.close()


class Developer(Actor):
    """Sends transactional pushes, each with a key, now and then the same again; some are opened."""

    pause_seconds = 0.7

    def act(self) -> None:
        key = f"soak-{self.chance.getrandbits(64):x}"
        body = {**self._recipients(), **_HELLO, "ttl_seconds": LIFE_SECONDS, "external_id": key}
        if self.chance.random() < _FOLLOWED:
            body["fallback_sms"] = {"text": _SMS, "after_seconds": _SMS_AFTER_SECONDS}
        answered = self.client.ask("POST", "/v2.1/push", body, idempotency_key=key)
        if answered is None:
            return
        if answered.status != 202:
            self.journal.accuse(f"a push was answered {answered.status}: {str(answered.body)[:300]}")
            return
        queued = _queued(answered.body)
        self.journal.promised.append(Promised(answered.body["meta"]["uniqId"], queued))
        self.journal.count("pushes")
        if queued and self.chance.random() < 0.3:
            self._open(queued)
        if self.chance.random() < 0.1:
            self._repeat(body, key, answered)

    def _recipients(self) -> dict[str, Any]:
        number = self.chance.choice((1, 1, 1, 2, 5))
        if self.chance.random() < 0.5:
            return {"customers": self.chance.sample(list(self.world.customers), number)}
        return {"device_tokens": [device.address for device in self.chance.sample(self.world.devices, number)]}

    def _open(self, delivery_ids: list[str]) -> None:
        """As the app on the phone does it, maybe before its push has been sent."""
        body = {"receipts": [{"delivery_id": one, "type": "opened"} for one in delivery_ids]}
        answered = self.client.ask("POST", "/v2.1/receipts", body)
        if answered is None:
            return
        if answered.status != 202:
            self.journal.accuse(f"receipts were answered {answered.status}: {str(answered.body)[:300]}")
            return
        self.journal.opened += delivery_ids
        self.journal.count("receipts", len(delivery_ids))

    def _repeat(self, body: Any, key: str, first: Answered) -> None:
        again = self.client.ask("POST", "/v2.1/push", body, idempotency_key=key)
        if again is not None and (again.status, again.body) != (first.status, first.body):
            self.journal.accuse(f"key {key}: the same request was answered otherwise: {again.body} not {first.body}")


class People(Actor):
    """Opt out and in, are forgotten, pass their phones on. One actor alone, so that each person does one thing."""

    pause_seconds = 0.25

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._alive = dict(self.world.customers)
        self._out = {name for name, row in self._alive.items() if row in set(self.world.refusing)}
        for row in self.world.refusing:
            begin_ban(self.journal.opted_out[row], 0.0, "opted out before it began")
        self._owner = {device.pk: device.customer_id for device in self.world.devices}
        for device in self.world.devices:
            self.journal.owners[device.pk].append(Owner(device.customer_id, 0.0, float("inf")))

    def act(self) -> None:
        deeds: tuple[Callable[[], None], ...] = (self._opt_out, self._opt_in, self._move, self._forget)
        self.chance.choices(deeds, (40, 30, 22, 8))[0]()

    def _opt_out(self) -> None:
        name = self._somebody()
        answered = self._consent(name, granted=False)
        self._out.add(name)
        if answered is not None:
            begin_ban(self.journal.opted_out[self._alive[name]], answered.answered_at, "opted out")

    def _opt_in(self) -> None:
        if not self._out:
            return
        name = self.chance.choice(sorted(self._out))
        end_ban(self.journal.opted_out[self._alive[name]], time.time())
        self._out.remove(name)
        self._consent(name, granted=True)

    def _consent(self, name: str, *, granted: bool) -> Answered | None:
        body = {"external_id": name, "consent": {"push": granted, "sms": granted}}
        answered = self.client.ask("POST", "/v2.1/customers", body)
        self._require(answered, f"consent of {name}", (200, 201))
        self.journal.count("consents")
        return answered

    def _forget(self) -> None:
        if len(self._alive) < len(self.world.customers) * (1 - _MOST_ERASED_SHARE):
            return
        name = self._somebody()
        row = self._alive.pop(name)
        self._out.discard(name)
        answered = self.client.ask("DELETE", f"/v2.1/customers/{name}")
        # 404: an earlier try, whose answer was lost, has done it.
        self._require(answered, f"erasure of {name}", (204, 404) if answered and answered.tries > 1 else (204,))
        self.journal.count("erasures")
        if answered is not None:
            begin_ban(self.journal.erased[row], answered.answered_at, "erased")

    def _move(self) -> None:
        rows = set(self._alive.values())
        device = self.chance.choice(self.world.devices)
        if self._owner[device.pk] not in rows:
            return
        name = self._somebody()
        asked_at = time.time()
        answered = self.client.ask("POST", "/v2.1/devices", _registration(device, name))
        self._require(answered, f"move of device {device.pk} to {name}", (200, 201))
        self.journal.count("moves")
        owners = self.journal.owners[device.pk]
        if answered is not None and owners[-1].customer_id != self._alive[name]:
            owners[-1] = Owner(owners[-1].customer_id, owners[-1].begins, answered.answered_at)
        owners.append(Owner(self._alive[name], asked_at, float("inf")))
        self._owner[device.pk] = self._alive[name]

    def _somebody(self) -> str:
        return self.chance.choice(list(self._alive))

    def _require(self, answered: Answered | None, what: str, statuses: tuple[int, ...]) -> None:
        if answered is not None and answered.status not in statuses:
            self.journal.accuse(f"{what} was answered {answered.status}: {str(answered.body)[:300]}")


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign to schedule. is_capped: of the topic, and under the caps; else it heeds none."""

    name: str
    segment_id: int
    pace: float | None
    is_quiet: bool
    is_capped: bool
    is_boosted: bool


class Marketer(Actor):
    """Schedules campaigns; beat launches them."""

    pause_seconds = 12.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.launched: list[int] = []

    def act(self) -> None:
        number = len(self.launched) + 1
        is_quiet = self.chance.random() < 0.15
        pace = 25.0 if is_quiet else self.chance.choice(_PACES)
        chosen = self.world.lists[0] if is_quiet else self.chance.choice(self.world.lists)
        draft = Draft(
            name=f"soak {number}",
            segment_id=chosen,
            pace=pace,
            is_quiet=is_quiet,
            is_capped=self.chance.random() < _CAPPED,
            is_boosted=self.chance.random() < _BOOSTED,
        )
        try:
            campaign_id = stubborn(lambda: _schedule(self.world, draft, timezone.now()))
        except NotReady as refusal:  # a channel that is paused, as the gateways' faults bring it about
            self.journal.count("campaigns refused")
            self.journal.note(time.time(), f"campaign refused: {refusal}")
            return
        self.launched.append(campaign_id)
        self.journal.count("campaigns")
        self.journal.note(time.time(), f"campaign {campaign_id} scheduled: {draft}")


class Supervisor(Actor):
    """Pauses, resumes and cancels what the marketer launched."""

    pause_seconds = 4.0

    def __init__(self, *arguments: Any, marketer: Marketer) -> None:
        super().__init__(*arguments)
        self._marketer = marketer

    def act(self) -> None:
        if not self._marketer.launched:
            return
        campaign_id = self.chance.choice(self._marketer.launched[-5:])
        if self.chance.random() < 0.25:
            self._stop(campaign_id, "cancel")
            return
        for _ in range(self.chance.choice((1, 1, 1, 4))):
            paused = self._stop(campaign_id, "pause")
            if paused is None or (paused.status == 409 and paused.tries == 1):
                return
            time.sleep(self.chance.choice((0.0, 0.5, 4.0)))
            end_ban(self.journal.stopped[campaign_id], time.time())
            self._step(campaign_id, "resume")

    def _stop(self, campaign_id: int, step: str) -> Answered | None:
        answered = self._step(campaign_id, step)
        if answered is not None and answered.status == 200:
            begin_ban(self.journal.stopped[campaign_id], answered.answered_at, f"campaign {campaign_id}: {step}")
        return answered

    def _step(self, campaign_id: int, step: str) -> Answered | None:
        answered = self.client.ask("POST", f"/v2.1/campaigns/{campaign_id}/{step}")
        if answered is not None:
            self.note(answered, f"campaign {campaign_id} {step}")
            if answered.status == 200:
                self.journal.count(f"{step}s")
            elif answered.status != 409:
                self.journal.accuse(f"{step} of campaign {campaign_id} was answered {answered.status}")
        return answered


def stubborn[Result](do: Callable[[], Result]) -> Result:
    """Do it as soon as there is a database. What it does is one transaction; its last one may have been committed."""
    while True:
        try:
            return do()
        except (OperationalError, InterfaceError):
            with suppress(OperationalError, InterfaceError):
                close_old_connections()
            time.sleep(0.5)


def _schedule(world: World, draft: Draft, now: datetime) -> int:
    with transaction.atomic():
        if draft.is_quiet:  # soon for those on UTC, now for those an hour or three ahead
            begins = now + timedelta(seconds=75)
            App.objects.filter(pk=world.app_id).update(
                quiet_from=_clock(begins), quiet_until=_clock(begins + _QUIET_LASTS)
            )
        campaign = Campaign.objects.create(
            app_id=world.app_id,
            name=draft.name,
            throttle_per_second=draft.pace,
            expire_after_minutes=LIFE_SECONDS // 60,
            respects_quiet_hours=draft.is_quiet,
            respects_cap=draft.is_capped,
            topic=TOPIC if draft.is_capped else "",
        )
        campaign.include_segments.set([draft.segment_id])
        for position in (0, 1):
            Variant.objects.create(campaign=campaign, position=position, share=50, texts={"en": _HELLO})
        if draft.is_boosted:
            BoostRule.objects.create(
                campaign=campaign, is_enabled=True, wait_minutes=1, text=_SMS, max_messages=_MOST_SMS
            )
        lifecycle.schedule(campaign=campaign, version=campaign.version, actor="soak", now=now)
    return int(campaign.pk)


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}"


def _queued(answer: Any) -> list[str]:
    entries = [entry for entry in answer["data"] if entry["status"] == "queued"]
    return [one["delivery_id"] for entry in entries for one in entry.get("deliveries") or [entry]]


def _registration(device: Device, customer: str) -> dict[str, Any]:
    where: dict[str, Any] = {"address": device.address}
    if device.gateway == "webpush":
        keys = {"p256dh": device.webpush_p256dh, "auth": device.webpush_auth}
        where = {"subscription": {"endpoint": device.address, "keys": keys}}
    if device.gateway == "apns":
        where["environment"] = device.environment
    return {
        "platform": device.platform,
        "provider": device.gateway,
        "customer": customer,
        "address_kind": "token",
        **where,
    }
