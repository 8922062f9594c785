"""The world before it begins: one app, its channels at the sandbox, people on three kinds of phones, lists of them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from apps.accounts.models import App
from apps.api.scopes import SCOPES
from apps.api.services.keys import create_api_key
from apps.customers.models import Customer, Topic
from apps.devices.models import Channel, Device
from apps.sandbox.credentials import SandboxCredentials
from apps.segments.models import Segment
from apps.segments.services.lists import add_to_list

SLUG = "soak"
# "" = none told, so the app's.
ZONES = ("", "UTC", "Europe/Warsaw", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe")
_GATEWAYS = (("fcm", "android", 0.55), ("apns", "ios", 0.3), ("webpush", "web", 0.15))
# Names and hexadecimal digits that the sandbox reads as a fate, one device in so many.
_FATES = {"fcm": ("dead-", "flaky-", "slow-"), "apns": ("dead0000", "f1a40000", "510e0000")}
_FATED = 60
_SECOND_DEVICE = 0.3
_REFUSES = 0.05
_TAKES_SMS = 0.6
# Campaigns of the topic heed both; everything else heeds neither.
TOPIC, TOPIC_CAP, APP_CAP = "offers", 1, 6


@dataclass(frozen=True, slots=True)
class World:
    """What the traffic may touch. devices: row ids; customers: external id -> row id; lists: the segments' ids."""

    app_id: int
    key: str
    customers: dict[str, int]
    zones: dict[int, str]
    refusing: Sequence[int]
    devices: Sequence[Device]
    lists: Sequence[int]


def make_world(*, people: int, sandbox: SandboxCredentials, chance: Random, now: datetime) -> World:
    """Write it all. The key has every scope. Cost: about 1 ms a person."""
    app = App.objects.create(slug=SLUG, name="Soak", confirm_above=1_000_000, cap_count=APP_CAP)
    Topic.objects.create(app=app, key=TOPIC, name="Offers", cap_count=TOPIC_CAP)
    for gateway, credentials in _credentials(sandbox).items():
        Channel.objects.create(app=app, gateway=gateway, credentials=credentials)
    customers = Customer.objects.bulk_create(_people(app, people, chance, now))
    devices = Device.objects.bulk_create(
        device for one in customers for device in _devices_of(one, sandbox, chance, now)
    )
    _key, key = create_api_key(app=app, kind="live", scopes=list(SCOPES), name="soak", now=now)
    names = [str(one.external_id) for one in customers]
    return World(
        app_id=app.pk,
        key=key,
        customers={str(one.external_id): one.pk for one in customers},
        zones={one.pk: one.time_zone for one in customers},
        refusing=[one.pk for one in customers if one.push_consent is False],
        devices=devices,
        lists=[_list(app, name, names[:: people // count or 1], now) for name, count in _sizes(people)],
    )


def _sizes(people: int) -> Iterator[tuple[str, int]]:
    return iter((("everybody", people), ("a third", people // 3), ("a tenth", people // 10)))


def _list(app: App, name: str, members: Sequence[str], now: datetime) -> int:
    segment = Segment.objects.create(app=app, name=name, kind="static", state="fresh", refreshed_at=now)
    add_to_list(segment=segment, external_ids=members, now=now)
    return int(segment.pk)


def _credentials(sandbox: SandboxCredentials) -> dict[str, dict[str, Any]]:
    account = sandbox.app(SLUG)
    return {
        "fcm": {"service_account": dict(account.fcm.service_account)},
        "apns": asdict(account.apns),
        "webpush": asdict(account.vapid),
        "sms": asdict(account.sms),
    }


def _people(app: App, number: int, chance: Random, now: datetime) -> Iterator[Customer]:
    for place in range(number):
        refuses = chance.random() < _REFUSES
        yield Customer(
            app=app,
            external_id=f"p{place}",
            first_name=f"Ada {place}",
            language=chance.choice(("en", "pl", "")),
            time_zone=chance.choice(ZONES),
            phone=f"+4857{place:07}",
            push_consent=False if refuses else None,
            sms_consent=not refuses and chance.random() < _TAKES_SMS,
            topics=[TOPIC],
            created_at=now,
            updated_at=now,
        )


def _devices_of(customer: Customer, sandbox: SandboxCredentials, chance: Random, now: datetime) -> Iterator[Device]:
    for number in range(2 if chance.random() < _SECOND_DEVICE else 1):
        gateway, platform, _share = chance.choices(_GATEWAYS, [share for *_, share in _GATEWAYS])[0]
        fate = chance.choice(_FATES[gateway]) if gateway in _FATES and chance.randrange(_FATED) == 0 else ""
        where = _address(gateway, f"{customer.external_id}x{number}", fate, sandbox)
        yield Device(
            app_id=customer.app_id,
            customer=customer,
            platform=platform,
            gateway=gateway,
            **where,
            address_hash=hashlib.sha256(where["address"].encode()).digest(),
            environment="production" if gateway == "apns" else "",
            secret_hash=bytes(32),
            time_zone=customer.time_zone,
            created_at=now,
            registered_at=now - timedelta(days=1),
            last_seen_at=now,
        )


def _address(gateway: str, name: str, fate: str, sandbox: SandboxCredentials) -> dict[str, str]:
    if gateway == "apns":
        return {"address": (fate + hashlib.sha256(name.encode()).hexdigest())[:64]}
    if gateway == "fcm":
        return {"address": f"{fate}{name}"}
    browser = sandbox.subscription_for(f"{name}.{SLUG}")
    return {"address": browser.endpoint, "webpush_p256dh": browser.p256dh, "webpush_auth": browser.auth}
