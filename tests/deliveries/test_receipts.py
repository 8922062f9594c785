"""Receipts: genuine ones count once, whatever their order; nothing else counts."""

from datetime import datetime, timedelta

import pytest

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Dispatch, LedgerPage, Receipt
from apps.deliveries.services.receipts import ReceiptDraft, store
from apps.devices.models import Device
from tests.factories import NOW, make_app, make_dispatch, make_people

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def device(app: App) -> Device:
    return make_people(app, 1, gateway="apns")[0]


@pytest.fixture
def dispatch(app: App, device: Device) -> Dispatch:
    return make_dispatch(app)


@pytest.fixture
def delivery_id(dispatch: Dispatch, device: Device) -> str:
    return make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.id, device_id=device.id, variant=2)


def test_a_receipt_counts_once(app: App, delivery_id: str) -> None:
    opened = ReceiptDraft(delivery_id, "opened", LATER)
    assert store(receipts=[opened, opened], app_id=app.pk, now=LATER) == 1
    assert store(receipts=[opened], app_id=app.pk, now=LATER) == 0
    assert store(receipts=[ReceiptDraft(delivery_id, "clicked", LATER, "buy")], app_id=app.pk, now=LATER) == 1
    assert sorted(Receipt.objects.values_list("type", "action")) == [(3, ""), (4, "buy")]


def test_its_page_tells_type_variant_and_platform(app: App, dispatch: Dispatch, delivery_id: str) -> None:
    store(receipts=[ReceiptDraft(delivery_id, "displayed")], app_id=app.pk, now=LATER)
    assert LedgerPage.objects.get().counts == [[102, 2, 2, 1]]


def test_forged_ids_and_unknown_types_are_dropped(app: App, delivery_id: str) -> None:
    forged = delivery_id[:-1] + ("A" if delivery_id[-1] != "A" else "B")
    drafts = [ReceiptDraft(forged, "opened"), ReceiptDraft("x", "opened"), ReceiptDraft(delivery_id, "licked")]
    assert store(receipts=drafts, app_id=app.pk, now=LATER) == 0


def test_another_apps_receipts_are_dropped(delivery_id: str) -> None:
    assert store(receipts=[ReceiptDraft(delivery_id, "opened")], app_id=make_app().pk, now=LATER) == 0
    assert store(receipts=[ReceiptDraft(delivery_id, "opened")], app_id=None, now=LATER) == 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (None, LATER),
        (LATER + timedelta(days=3650), LATER),
        (NOW - timedelta(days=3650), LATER),
        (NOW - timedelta(minutes=1), LATER),
        (NOW + timedelta(minutes=1), NOW + timedelta(minutes=1)),
    ],
)
def test_a_phones_clock_is_pulled_into_what_is_possible(
    app: App, delivery_id: str, said: datetime | None, kept: datetime
) -> None:
    store(receipts=[ReceiptDraft(delivery_id, "opened", said)], app_id=app.pk, now=LATER)
    assert Receipt.objects.get().at == kept


def test_an_action_is_cut_to_its_length_and_rid_of_nul(app: App, delivery_id: str) -> None:
    store(receipts=[ReceiptDraft(delivery_id, "clicked", None, "a\0" + "b" * 100)], app_id=app.pk, now=LATER)
    assert Receipt.objects.get().action == "a" + "b" * 59
