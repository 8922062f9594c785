"""Canaries: secrets, texts and phone numbers that came in are sought in database, logs, pages and errors.

A house is filled through its own doors with things that nobody else may read; then everything it keeps or shows is
searched for them.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from structlog.stdlib import ProcessorFormatter

from apps.accounts.models import App
from apps.accounts.services.second_factor import _totp, begin_set_up, confirm_set_up
from apps.api.models import ApiKey, IdentityCheck, IdentityKey
from apps.api.services.identity import forget_rules
from apps.customers.models import Customer, ImportLine, ImportPart
from apps.customers.services.contact_sealing import seal_open_contacts
from apps.customers.services.import_files import store_upload
from apps.customers.services.import_work import continue_imports
from apps.customers.services.imports import start
from apps.devices.models import Channel, Device
from apps.sms_booster.models import SmsMessage, SmsReply
from apps.sms_booster.services.choose import choose_due
from config.logging import configuration
from tests.factories import make_app, make_channel, make_device, make_user
from tests.factories.api import ApiCaller, make_key
from tests.factories.boosters import make_boost
from tests.journeys.test_roles import pages
from tests.sms_booster.test_callbacks import reply

pytestmark = pytest.mark.django_db
PHONE = "+48511222333"
EMAIL = "kanarek.w.kopalni@example.com"
TEXT = "Your code is canary-in-the-body"
FACT = "canary-in-the-facts"
SHARED = "canary-shared-secret-of-more-than-32-bytes"
BROKEN = "k9:Y2FuYXJ5LXRoYXQtbm8ta2V5LW9wZW5z"
ASKED = {"customers_customer_edit", "customers_customer_tell"}  # the person's form, and their own export (audited)


@dataclass
class Cage:
    """What was brought in: secrets and personal data. In plain they may be nowhere."""

    app: App
    secrets: dict[str, str] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=lambda: {"phone": PHONE[3:], "email": EMAIL})

    def found_in(self, text: str, *, among: Mapping[str, str] | None = None) -> list[str]:
        """The names of the canaries that the text holds."""
        sought = {**self.secrets, **self.personal} if among is None else among
        return [name for name, value in sought.items() if value in text]


@pytest.fixture
def cage() -> Cage:
    forget_rules()
    app = make_app(slug="mine")
    cage = Cage(app)
    for gateway in ("fcm", "apns", "webpush", "sms"):
        cage.secrets[gateway] = _innermost(make_channel(app, gateway).credentials)
    for kind in ("live", "test", "pub"):
        cage.secrets[f"key {kind}"] = make_key(app, kind=kind)
    _people(cage)
    _pushes(cage)
    _files(cage)
    _staff(cage)
    check = IdentityCheck.objects.create(app=app, mode="enforce")
    cage.secrets["identity"] = IdentityKey.objects.create(
        check_of=check, name="server", algorithm="HS256", key=SHARED
    ).key
    return cage


def _innermost(credentials: dict[str, Any]) -> str:
    """The part of a gateway's credentials that is secret; of a PEM file its second line."""
    account = credentials.get("service_account", credentials)
    secret = str(account.get("private_key") or account.get("key_p8") or account["auth_token"])
    return secret.splitlines()[1] if "\n" in secret else secret


def _people(cage: Cage) -> None:
    person = {"external_id": "ada", "phone": PHONE, "email": EMAIL, "consent": {"push": True, "sms": True}}
    assert ApiCaller(cage.secrets["key live"]).post("/v2.1/customers", person).status_code == 201
    told = {"platform": "android", "provider": "fcm", "address": "token-of-ada", "customer": "ada"}
    device = ApiCaller(cage.secrets["key live"]).post("/v2.1/devices", told)
    cage.secrets["device"] = device.json()["device_secret"]


def _pushes(cage: Cage) -> None:
    push = {"customers": ["ada"], "title": "Hello", "body": TEXT + " {{ city }}", "traits": {"city": FACT}}
    assert ApiCaller(cage.secrets["key live"]).post("/v2.1/push", push).status_code == 202
    cage.secrets |= {"body": TEXT, "facts": FACT}
    by_contact = [{"receiver": PHONE, "type": 3}, {"receiver": EMAIL, "type": 2}]
    developers = {"applications": [cage.app.slug], "to": by_contact, "title": {"en": "Hi"}, "body": {"en": TEXT}}
    developers["defaultLanguage"] = "en"
    assert ApiCaller(cage.secrets["key live"]).post("/v2.1/push", developers).status_code == 202
    make_device(Customer.objects.get(external_id="ada"))
    make_boost(cage.app)
    choose_due(timezone.now())
    assert SmsMessage.objects.get().phone == PHONE
    reply("who is this?")
    assert SmsReply.objects.get().phone == PHONE


def _files(cage: Cage) -> None:
    """One that nobody started, and one that is through but for its line."""
    for line in (f"ada,{EMAIL},{PHONE}", f",{EMAIL},{PHONE}"):
        pieces = [f"id,email,phone\n{line}\n".encode()]
        run = store_upload(app=cage.app, pieces=pieces, file_name="people.csv", created_by="ada", now=timezone.now())
    start(run=run, actor=make_user(cage.app), now=timezone.now())
    continue_imports(clock=timezone.now, slot_seconds=60)
    assert (ImportPart.objects.count(), ImportLine.objects.count()) == (1, 1)


def _staff(cage: Cage) -> None:
    user, now = make_user(cage.app, role="owner"), timezone.now()
    cage.secrets["two-step"] = begin_set_up(user=user, now=now).secret
    code = _totp(cage.secrets["two-step"]).generate(int(now.timestamp())).decode()
    cage.secrets["recovery"] = confirm_set_up(user=user, code=code, now=now)[0].replace("-", "")


def dump() -> Iterator[tuple[str, str]]:
    """(table, all its rows as text) of the whole database, as a backup holds them."""
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in cursor.fetchall():
            with cursor.copy(f'copy (select * from "{table}") to stdout') as rows:
                yield table, b"".join(rows).decode()


def people_in(cage: Cage, tables: Mapping[str, str]) -> set[str]:
    """The tables that hold a phone or an address, also as bytes."""
    sought = {**cage.personal, **{f"{name} as bytes": value.encode().hex() for name, value in cage.personal.items()}}
    return {table for table, text in tables.items() if cage.found_in(text, among=sought)}


def test_no_backup_opens_anything(cage: Cage) -> None:
    tables = dict(dump())
    assert len(tables) > 40
    leaks = [(table, cage.found_in(text, among=cage.secrets)) for table, text in tables.items()]
    assert [leak for leak in leaks if leak[1]] == []
    assert people_in(cage, tables) == set()


def test_a_contact_past_the_sealing_door_would_be_found(cage: Cage) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update customers_customer set phone = %s", [PHONE])
        cursor.execute("update sms_booster_smsreply set phone = %s", [PHONE])
    assert people_in(cage, dict(dump())) == {"customers_customer", "sms_booster_smsreply"}
    assert seal_open_contacts(seconds=60) == 2
    assert people_in(cage, dict(dump())) == set()


def test_what_a_backup_holds_is_the_secrets_own_rows(cage: Cage) -> None:
    tables = dict(dump())
    assert tables["devices_channel"].count("\tk1:") == Channel.objects.count() == 4
    assert tables["accounts_secondfactor"].count("\tk1:") == 1


@pytest.mark.parametrize("role", ["owner", "marketer", "approver", "developer", "analyst"])
def test_no_page_shows_them_unasked(cage: Cage, role: str) -> None:
    user = make_user(cage.app, role=role)
    client = Client()
    client.force_login(user)
    rows = {
        "devices.channel": Channel.objects.filter(gateway="sms").get().pk,
        "devices.device": Device.objects.order_by("pk")[0].pk,
        "customers.customer": Customer.objects.get(external_id="ada").pk,
        "api.apikey": ApiKey.objects.order_by("pk")[0].pk,
        "api.identitycheck": IdentityCheck.objects.get().pk,
        "sms_booster.smsmessage": SmsMessage.objects.get().pk,
        "accounts.user": user.pk,
    }
    shown = {}
    for page in pages(rows):
        answer = client.get(page.address)
        if answer.status_code == 200 and page.name not in ASKED:
            shown[page.name] = b"".join(answer).decode(errors="replace")
    assert len(shown) > 20
    leaks = {name: cage.found_in(text) for name, text in shown.items() if cage.found_in(text)}
    assert leaks == {}


class TestErrors:
    @pytest.fixture
    def written(self, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
        """The lines that production writes, every traceback included."""
        formatters = configuration(as_json=True)["formatters"]["house"]
        formatter = ProcessorFormatter(
            processors=formatters["processors"], foreign_pre_chain=formatters["foreign_pre_chain"]
        )
        lines: list[str] = []

        class Keeper(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(self.format(logging.makeLogRecord(record.__dict__)))

        keeper = Keeper(logging.DEBUG)
        keeper.setFormatter(formatter)
        root = logging.getLogger()
        before = root.level
        root.addHandler(keeper)
        root.setLevel(logging.DEBUG)
        yield lines
        root.removeHandler(keeper)
        root.setLevel(before)

    def test_a_fault_of_ours_tells_nobody(self, cage: Cage, written: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("update api_identitykey set key = %s", [BROKEN])
        forget_rules()
        caller = ApiCaller(cage.secrets["key pub"], Client(raise_request_exception=False))
        told = {"platform": "android", "provider": "fcm", "address": "t2", "customer": "ada", "identity_token": SHARED}
        answer = caller.post("/v2.1/devices", told)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert cage.found_in(answer.content.decode()) == []
        assert "Traceback" not in answer.content.decode()
        log = "\n".join(written)
        assert "WrongKey" in log
        assert cage.found_in(log) == []

    def test_a_page_that_breaks_tells_nobody(self, cage: Cage, written: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("update devices_channel set credentials = %s where gateway = 'sms'", [BROKEN])
        client = Client(raise_request_exception=False)
        client.force_login(make_user(cage.app, role="owner"))
        client.cookies["secret"] = SHARED
        answer = client.post("/admin/devices/channel/", {"auth_token": SHARED, "_selected_action": []})
        broken = Channel.objects.filter(gateway="sms").values_list("pk", flat=True)[0]
        page = client.get(f"/admin/devices/channel/{broken}/change/")
        assert page.status_code == 500
        assert cage.found_in(answer.content.decode() + page.content.decode() + "\n".join(written)) == []
        assert settings.SECRET_KEY not in page.content.decode()

    def test_refusals_and_everyday_lines_tell_nobody(self, cage: Cage, written: list[str]) -> None:
        caller = ApiCaller(cage.secrets["key live"])
        caller.post("/v2.1/push", {"customers": ["ada"], "title": "x", "body": TEXT, "unknown": FACT})
        caller.post("/v2.1/customers", {"external_id": "ada", "phone": PHONE + "999999999", "email": EMAIL + "@"})
        ApiCaller(cage.secrets["key live"] + "x").get("/v2.1/segments")
        Client().post("/admin/login/", {"username": EMAIL, "password": SHARED})
        assert cage.found_in("\n".join(written)) == []
