"""A person can be forgotten, and told all that is kept, on every floor."""

import json
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from apps.accounts.models import App, AuditEntry
from apps.core.problems import Conflict
from apps.customers.models import Consent, Customer, Event, ImportLine, ImportRun
from apps.customers.services.consent import record_consent
from apps.customers.services.disclosure import export_customer
from apps.customers.services.erasure import erase_customer
from apps.customers.services.events import EventDraft, ingest_events
from apps.customers.services.import_files import store_upload
from apps.customers.services.import_work import continue_imports
from apps.customers.services.imports import choose, columns_of, start
from apps.customers.services.merging import merge_customers
from apps.customers.services.profiles import CustomerDraft, upsert_customers
from apps.customers.services.tombstones import seal_open_tombstones, tombstone_of
from apps.devices.models import Device
from apps.devices.services.registration import DeviceDraft, register
from apps.segments.models import SegmentMember
from tests.factories import NOW, make_app, make_customer, make_segment, make_user
from tests.factories.api import ApiCaller, make_key

pytestmark = pytest.mark.django_db

CANARY = "zqxcanary"
LATER = NOW + timedelta(days=1)


@pytest.fixture
def known() -> Customer:
    """A person of whom every field that names or describes holds the canary, on every floor."""
    app = make_app()
    draft = CustomerDraft(
        "anna",
        email=f"{CANARY}@example.com",
        phone="+48500600700",
        first_name=CANARY,
        last_name=CANARY,
        traits={"nick": CANARY},
        topics=[CANARY],
    )
    upsert_customers(app=app, drafts=[draft], now=NOW)
    person = Customer.objects.get(app=app, external_id="anna")
    record_consent(customer_ids=[person.pk], channel="sms", granted=True, source="api", wording=CANARY, now=NOW)
    ingest_events(app=app, drafts=[EventDraft("anna", "purchase", properties={"note": CANARY})], now=NOW)
    device = DeviceDraft("android", "fcm", CANARY, model=CANARY, app_version=CANARY, tags=[CANARY])
    register(app=app, draft=device, customer="anna", now=NOW)
    make_segment(app, [person])
    return person


def tables_with(text: str) -> list[str]:
    """Every table of the database in which some row, written out, holds the text."""
    with connection.cursor() as cursor:
        cursor.execute("select relid::regclass::text from pg_stat_user_tables where schemaname = 'public' order by 1")
        names = [row[0] for row in cursor.fetchall()]
        found = []
        for name in names:
            cursor.execute(f"select exists (select from {name} as t where t::text like %s)", [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(name)
        return found


def test_no_table_remembers_an_erased_person(known: Customer) -> None:
    assert {"customers_customer", "devices_device", "customers_consent"} <= set(tables_with(CANARY))
    assert erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    assert tables_with(CANARY) == []
    assert tables_with("48500600700") == []


def test_copies_made_on_the_way_are_forgotten_too(known: Customer) -> None:
    """A merged row, a refused line of a file, the admin's own log, a push under an idempotency key, an export."""
    app = known.app
    half = make_customer(app, external_id=f"{CANARY}-old", first_name=CANARY)
    merge_customers(customer=half, into=known, actor="owner", now=NOW)
    import_people(app, f"id;email;notes\nanna;not an address;{CANARY}\n;{CANARY.upper()}@Example.com;no id\n")
    client = Client()
    client.force_login(make_user(app, role="owner"))
    client.post(f"/admin/customers/customer/{known.pk}/edit/", {"first_name": CANARY, "email": known.email})
    api = ApiCaller(make_key(app))
    body = {"customers": ["anna"], "title": CANARY, "body": CANARY, "traits": {"a": CANARY}}
    assert api.post("/v2.1/push", body, Idempotency_Key="k").status_code == 202
    assert api.get("/v2.1/customers/anna/export").status_code == 200
    assert {"django_admin_log", "customers_customer"} <= set(tables_with(CANARY))
    assert ImportLine.objects.count() == 2
    assert erase_customer(app=app, external_id="anna", actor="owner", now=LATER)
    assert tables_with(CANARY) == []
    assert not ImportLine.objects.exists()


def test_a_file_does_not_keep_the_line_of_somebody_erased(known: Customer) -> None:
    erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    run = import_people(known.app, f"id;first_name\nanna;{CANARY}\n")
    assert (run.state, run.refused_count) == ("done", 1)
    assert tables_with(CANARY) == []


def import_people(app: App, text: str) -> ImportRun:
    run = store_upload(app=app, pieces=[text.encode()], file_name="people.csv", created_by="ada", now=NOW)
    choose(run=run, columns=columns_of(run), wording="", empties_clear=False, destination="")
    start(run=run, actor=make_user(app), now=NOW)
    continue_imports(clock=lambda: NOW, slot_seconds=60)
    run.refresh_from_db()
    return run


def test_totals_keep_the_tombstone_and_its_device(known: Customer) -> None:
    erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    known.refresh_from_db()
    device = Device.objects.get(customer=known)
    assert (known.external_id, known.erased_at) == (None, LATER)
    assert (device.state, device.retired_reason) == ("dead", "erased")
    assert Consent.objects.filter(customer=known, topic="").count() == 1
    assert Consent.objects.get(customer=known, channel="push").topic == "erased"
    assert not Event.objects.exists()
    assert not SegmentMember.objects.filter(left_at=None).exists()


def test_a_re_import_does_not_bring_them_back(known: Customer) -> None:
    erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    verdict = upsert_customers(app=known.app, drafts=[CustomerDraft("anna", first_name=CANARY)], now=LATER)[0]
    assert [problem.code for problem in verdict.problems] == ["customer_erased"]
    assert tables_with(CANARY) == []


def test_the_name_itself_is_forgotten_and_still_known_again(known: Customer) -> None:
    Customer.objects.filter(pk=known.pk).update(external_id=f"{CANARY}-anna")
    erase_customer(app=known.app, external_id=f"{CANARY}-anna", actor="owner", now=LATER)
    assert tables_with(CANARY) == []
    assert not erase_customer(app=known.app, external_id=f"{CANARY}-anna", actor="owner", now=LATER)
    with pytest.raises(Conflict, match="erased"):
        register(app=known.app, draft=DeviceDraft("android", "fcm", "new"), customer=f"{CANARY}-anna", now=LATER)
    event = EventDraft(f"{CANARY}-anna", "purchase")
    assert ingest_events(app=known.app, drafts=[event], now=LATER).problems[0].code == "customer_erased"
    assert tables_with(CANARY) == []


def test_a_name_erased_in_one_app_is_free_in_another(known: Customer) -> None:
    erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    other = make_app()
    erase_customer(app=other, external_id=make_customer(other).external_id or "", actor="owner", now=LATER)
    assert upsert_customers(app=other, drafts=[CustomerDraft("anna")], now=LATER)[0].status == "created"


def test_tombstones_of_the_version_before_give_up_their_name(known: Customer) -> None:
    Customer.objects.filter(pk=known.pk).update(erased_at=LATER)
    import_module("apps.customers.migrations.0005_sealed_tombstones").seal(apps, None)
    assert tombstone_of(app=known.app, external_id="anna") == known
    assert Customer.objects.get(pk=known.pk).external_id is None


def test_sealing_what_an_old_worker_left_open_is_the_same(known: Customer) -> None:
    Customer.objects.filter(pk=known.pk).update(erased_at=LATER)
    assert seal_open_tombstones() == 1
    assert tombstone_of(app=known.app, external_id="anna") == known
    assert seal_open_tombstones() == 0


def test_erasing_is_audited_once(known: Customer) -> None:
    answers = [erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER) for _ in range(2)]
    assert answers == [True, False]
    entry = AuditEntry.objects.get(action="customer.erased")
    assert (entry.actor, entry.subject) == ("owner", f"customer:{known.pk}")


def test_a_stranger_cannot_be_erased() -> None:
    app = make_app()
    make_customer(make_app(), external_id="anna")
    with pytest.raises(Customer.DoesNotExist):
        erase_customer(app=app, external_id="anna", actor="owner", now=NOW)


def test_everything_kept_is_disclosed_as_json(known: Customer) -> None:
    told = export_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    assert json.loads(json.dumps(told)) == told
    assert told["profile"]["first_name"] == CANARY
    assert [one["wording"] for one in told["consents"] if one["channel"] == "sms"] == [CANARY]
    assert [one["properties"] for one in told["events"]] == [{"note": CANARY}]
    assert [one["address"] for one in told["devices"]] == [CANARY]
    assert len(told["segments"]) == 1
    assert AuditEntry.objects.filter(action="customer.exported").exists()


def test_a_tombstone_has_nothing_to_disclose(known: Customer) -> None:
    erase_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
    with pytest.raises(Customer.DoesNotExist):
        export_customer(app=known.app, external_id="anna", actor="owner", now=LATER)
