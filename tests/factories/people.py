"""Customers with what they do, their devices and channels, and segments of them."""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.db import connection

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.devices.models import Channel, Device
from apps.segments.models import Segment, SegmentMember

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
_numbers = count(1)


def make_customer(app: App, **fields: Any) -> Customer:
    """A known customer of `app`."""
    number = next(_numbers)
    defaults = {"external_id": f"c-{number}", "first_name": "Ada", "language": "en", "country": "PL"}
    return Customer.objects.create(app=app, **{**defaults, "created_at": NOW, "updated_at": NOW, **fields})


def make_device(customer: Customer, *, gateway: str = "fcm", **fields: Any) -> Device:
    """A live device of `customer` with a well-formed address that no other device has."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "fcm": {"platform": "android", "address": f"ok-fcm-{number}"},
        "apns": {"platform": "ios", "address": f"{number:064x}", "environment": "production"},
        "webpush": {
            "platform": "web",
            "address": f"https://fcm.googleapis.com/fcm/send/ok-{number}",
            **_browser_keys(),
        },
    }[gateway]
    values = {**defaults, "gateway": gateway, "secret_hash": b"\0" * 32, **fields}
    seen_at = values.setdefault("last_seen_at", NOW - timedelta(hours=1))
    values.setdefault("created_at", seen_at)
    values.setdefault("registered_at", seen_at)
    values.setdefault("address_hash", hashlib.sha256(values["address"].encode()).digest())
    return Device.objects.create(app_id=customer.app_id, customer=customer, **values)


def make_people(app: App, number: int, *, gateway: str = "fcm") -> list[Device]:
    """`number` customers with one live device each; returns the devices."""
    return [make_device(make_customer(app), gateway=gateway) for _ in range(number)]


def make_crowd(app: App, number: int, **columns: Any) -> None:
    """`number` customers in one statement, for queries that have to take their time."""
    Customer.objects.bulk_create(
        (
            Customer(app=app, external_id=f"crowd-{index}", created_at=NOW, updated_at=NOW, **columns)
            for index in range(number)
        ),
        batch_size=5_000,
    )


def make_crowd_with_phones(app: App, number: int) -> list[Customer]:
    """The same with an Android phone each; returns the people."""
    make_crowd(app, number)
    people = list(Customer.objects.filter(app=app).order_by("pk"))
    Device.objects.bulk_create(
        Device(
            app=app, customer=one, gateway="fcm", platform="android", address=f"ok-{one.pk}", secret_hash=b"\0" * 32,
            address_hash=hashlib.sha256(f"ok-{one.pk}".encode()).digest(), last_seen_at=NOW, created_at=NOW,
            registered_at=NOW,
        )
        for one in people
    )  # fmt: skip
    return people


def make_channel(app: App, gateway: str = "fcm", **fields: Any) -> Channel:
    """An open channel with credentials that are cryptographically real but known to no vendor."""
    return Channel.objects.create(app=app, **{"gateway": gateway, "credentials": _credentials(gateway), **fields})


def make_event(
    customer: Customer,
    name: str,
    *,
    days_ago: float = 1,
    amount: float | None = None,
    properties: dict[str, Any] | None = None,
) -> None:
    """An event of `customer`, `days_ago` before NOW."""
    row = (
        customer.app_id,
        customer.pk,
        name,
        NOW - timedelta(days=days_ago),
        amount,
        json.dumps(properties or {}),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into customers_event (app_id, customer_id, name, occurred_at, amount, properties)"
            " values (%s, %s, %s, %s, %s, %s)",
            row,
        )


def make_segment(app: App, members: Sequence[Customer] = (), **fields: Any) -> Segment:
    """A fresh static list with `members`, unless `fields` say otherwise."""
    defaults = {"name": f"segment {next(_numbers)}", "kind": "static", "state": "fresh", "refreshed_at": NOW}
    segment = Segment.objects.create(app=app, member_count=len(members), **{**defaults, **fields})
    SegmentMember.objects.bulk_create(
        SegmentMember(segment=segment, customer=customer, joined_at=NOW) for customer in members
    )
    return segment


@cache
def _credentials(gateway: str) -> dict[str, Any]:
    """The fields of the gateway's credentials dataclass. Keys are made once a session: RSA takes a moment."""
    if gateway == "fcm":
        pem = _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        account = {
            "type": "service_account",
            "project_id": "heliograph-test",
            "private_key_id": "0123456789abcdef",
            "private_key": pem,
            "client_email": "push@heliograph-test.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        return {"service_account": account}
    if gateway == "apns":
        pem = _pem(ec.generate_private_key(ec.SECP256R1()))
        return {"key_p8": pem, "key_id": "ABCDE12345", "team_id": "TEAM123456", "topic": "com.example.shop"}
    if gateway == "webpush":
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_numbers().private_value.to_bytes(32)
        return {
            "private_key": _base64url(private),
            "public_key": _base64url(_point(key)),
            "subject": "mailto:push@example.com",
        }
    return {"account_sid": f"AC{'0' * 32}", "auth_token": "1" * 32, "sender": "+48500600700"}


@cache
def _browser_keys() -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    return {"webpush_p256dh": _base64url(_point(key)), "webpush_auth": _base64url(b"a" * 16)}


def _pem(key: Any) -> str:
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
