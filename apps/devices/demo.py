"""The channels and devices of the demo world: about 65,000 on three gateways, a few of them dead or stale."""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.accounts.models import App
from apps.devices.models import Channel
from apps.devices.services.channels import project_of


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """An address that the sandbox knows: what `addresses` must yield for Web Push."""

    endpoint: str
    p256dh: str
    auth: str


ANDROID_MODELS = ("Pixel 9", "Pixel 8a", "Galaxy S25", "Galaxy A56", "Xperia 10", "Moto G85", "Nord 4", "Redmi 14")
IOS_MODELS = ("iPhone 17", "iPhone 16", "iPhone 15 Pro", "iPhone SE", "iPad Air")
BROWSERS = ("Chrome", "Firefox", "Edge", "Safari")
DEVICES_PER_CUSTOMER = ((0, 8), (1, 59), (2, 26), (3, 7))
DEATHS = {
    "fcm": ("UNREGISTERED", "replaced"),
    "apns": ("Unregistered", "removed"),
    "webpush": ("410", "removed"),
}
PERMISSION_SHARES = {"android": (88, 12, 0), "ios": (70, 24, 6), "web": (97, 3, 0)}
PLATFORM_SHARES = (("android", 54), ("ios", 29), ("web", 17))

_COLUMNS = (
    "app_id, customer_id, platform, gateway, address, address_hash, address_kind, webpush_p256dh, webpush_auth,"
    " environment, state, retired_reason, retired_at, secret_hash, locale, time_zone, app_version, os_version, model,"
    " permission, tags, created_at, registered_at, last_seen_at"
)


def load_devices(
    *,
    app: App,
    seed: int,
    now: datetime,
    browser: Callable[[int], VirtualAddress],
    dead_apns_token: Callable[[int], str],
    advance: Callable[[int], None],
) -> int:
    """COPY 0 to 3 devices for every customer of `app`; returns how many.

    browser(n) gives the n-th virtual browser's subscription, dead_apns_token(n) a token the emulator calls dead.
    About one device in a hundred has an address the emulators answer "gone" to, so that hygiene has work.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, language, country, time_zone, created_at from customers_customer where app_id = %s order by id",
            [app.pk],
        )
        people = cursor.fetchall()
    maker = _Maker(app, seed, now, browser, dead_apns_token)
    count = 0
    with connection.cursor() as cursor, cursor.copy(f"copy devices_device ({_COLUMNS}) from stdin") as copy:  # type: ignore[attr-defined]
        for person in people:
            for row in maker.rows(*person):
                copy.write_row(row)
                count += 1
                if count % 5_000 == 0:
                    advance(5_000)
    return count


def connect_channels(*, app: App, credentials: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """One open channel per gateway of `credentials` ({gateway: fields of its credentials dataclass})."""
    for gateway, fields in credentials.items():
        Channel.objects.update_or_create(
            app=app,
            gateway=gateway,
            defaults={
                "credentials": dict(fields),
                "project": project_of(gateway, fields),
                "state": "active",
                "verified_at": now,
            },
        )


def move_browsers(*, app: App, base_url: str) -> int:
    """Point the virtual browsers at the sandbox's present address, where it moved; returns how many moved."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_BROWSERS, {"app_id": app.pk, "base_url": base_url})
        return int(cursor.rowcount)


_MOVE_BROWSERS = """
with old as (
    select id, %(base_url)s || substring(address from '/wp/.*$') as address
    from devices_device
    where app_id = %(app_id)s and gateway = 'webpush' and address ~ '/wp/'
      and not starts_with(address, %(base_url)s || '/')
),
moved as (
    -- A browser may be known under several addresses; of these one moves, if the present one is not among them.
    select distinct on (old.address) old.id, old.address
    from old
    where not exists (
        select from devices_device present
        where present.app_id = %(app_id)s and present.address_hash = sha256(convert_to(old.address, 'UTF8'))
    )
    order by old.address, old.id
)
update devices_device as device
set address = moved.address, address_hash = sha256(convert_to(moved.address, 'UTF8'))
from moved where moved.id = device.id
"""


class _Maker:
    """Rows for one person at a time, from one stream of chance."""

    def __init__(
        self,
        app: App,
        seed: int,
        now: datetime,
        browser: Callable[[int], VirtualAddress],
        dead_apns_token: Callable[[int], str],
    ) -> None:
        self.app, self.now = app, now
        self.browser, self.dead_apns_token = browser, dead_apns_token
        self.chance = random.Random(f"{seed}:devices")
        self.number = 0

    def rows(
        self, customer_id: int, language: str, country: str, zone: str, joined: datetime
    ) -> Iterator[tuple[object, ...]]:
        chance = self.chance
        counts, shares = zip(*DEVICES_PER_CUSTOMER, strict=True)
        for _ in range(chance.choices(counts, shares)[0]):
            self.number += 1
            platform = chance.choices([name for name, _ in PLATFORM_SHARES], [share for _, share in PLATFORM_SHARES])[0]
            gateway, address, p256dh, auth, model, os_version = getattr(self, f"_{platform}")()
            seen = self.now - timedelta(hours=min(chance.expovariate(1 / 200), 700))
            state = chance.choices(("active", "stale", "dead"), (94, 4, 2))[0]
            if state == "stale":
                seen = self.now - timedelta(days=chance.randint(31, 200))
            retired_at = max(seen, self.now - timedelta(hours=chance.randint(1, 700))) if state == "dead" else None
            yield (
                self.app.pk,
                customer_id,
                platform,
                gateway,
                address,
                hashlib.sha256(address.encode()).digest(),
                "token",
                p256dh,
                auth,
                "production" if gateway == "apns" else "",
                state,
                chance.choices(DEATHS[gateway], (80, 20))[0] if state == "dead" else "",
                retired_at,
                hashlib.sha256(f"demo:{address}".encode()).digest(),
                f"{language}-{country}",
                zone,
                chance.choice(("4.0.1", "4.1.0", "4.2.0", "4.2.3")),
                os_version,
                model,
                chance.choices(("granted", "denied", "provisional"), PERMISSION_SHARES[platform])[0],
                [],
                min(joined, seen),
                min(joined, seen),
                seen,
            )

    def _android(self) -> tuple[str, str, str, str, str, str]:
        fate = "dead-" if self.chance.random() < 0.01 else ""
        token = f"{fate}demo{self.number}-{self.chance.getrandbits(320):080x}"
        return "fcm", token, "", "", self.chance.choice(ANDROID_MODELS), self.chance.choice(("14", "15", "16"))

    def _ios(self) -> tuple[str, str, str, str, str, str]:
        random_token = f"{self.chance.getrandbits(256):064x}"
        token = self.dead_apns_token(self.number) if self.chance.random() < 0.01 else random_token
        return "apns", token, "", "", self.chance.choice(IOS_MODELS), self.chance.choice(("18.5", "26.1"))

    def _web(self) -> tuple[str, str, str, str, str, str]:
        self.chance.random()
        virtual = self.browser(self.number)
        return "webpush", virtual.endpoint, virtual.p256dh, virtual.auth, self.chance.choice(BROWSERS), ""
