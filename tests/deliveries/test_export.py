"""The CSV of deliveries: one line a ledger row, ids as the payload carried them, safe for spreadsheets."""

import csv
import io

import pytest

from apps.accounts.models import App
from apps.core.sql import Compiled
from apps.customers.models import Customer
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.log_queries import delivery_log, delivery_story
from apps.deliveries.log_search import LogFilters
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.export import delivery_csv
from apps.deliveries.services.receipts import ReceiptDraft, store
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_customer, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)

COLUMNS = [
    *("delivery_id", "dispatch_id", "campaign_id", "campaign_name", "variant", "language", "customer_external_id"),
    *("device_id", "platform", "gateway", "outcome", "code", "planned_at", "recorded_at", "displayed_at", "opened_at"),
    *("clicked_at", "sms_state", "sms_parts", "schema_version"),
]


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def lines(dispatch: Dispatch, extras: Compiled | None = None) -> list[dict[str, str]]:
    text = b"".join(delivery_csv(dispatch=dispatch, extras=extras)).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_it_has_the_contracts_columns_and_a_line_for_everybody(app: App, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    nobody = make_customer(app)
    dispatch = make_dispatch(app, origin="campaign:12", name="News", policy=Policy(salt="x"))
    run_lane()
    by_device = {line["device_id"]: line for line in lines(dispatch)}
    assert list(by_device["0"]) == COLUMNS
    line = by_device[str(device.id)]
    assert (line["outcome"], line["platform"], line["gateway"]) == ("accepted", "android", "fcm")
    assert (line["campaign_id"], line["campaign_name"], line["planned_at"]) == (
        "12",
        "News",
        "2026-06-01T12:00:00.000Z",
    )
    assert (by_device["0"]["outcome"], by_device["0"]["customer_external_id"]) == (
        "excluded:no_live_device", nobody.external_id,
    )  # fmt: skip
    assert len(by_device) == dispatch.planned_devices


def test_the_id_is_the_one_in_the_payload(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 4)
    dispatch = make_dispatch(app)
    run_lane()
    assert {line["delivery_id"] for line in lines(dispatch)} == {message.notification_id for message in phones.inbox}


def test_each_person_without_a_device_has_an_id_that_leads_to_their_story(app: App) -> None:
    people = {make_customer(app).external_id for _ in range(3)}
    dispatch = make_dispatch(app, policy=Policy(salt="x"))
    found = {line["customer_external_id"]: line["delivery_id"] for line in lines(dispatch)}
    assert (found.keys(), len(set(found.values()))) == (people, 3)
    for name, delivery_id in found.items():
        story = delivery_story(app_ids=[app.pk], delivery_id=delivery_id)
        assert story is not None
        assert Customer.objects.get(pk=story.customer_id).external_id == name
    page = delivery_log(app_ids=[app.pk], filters=LogFilters(), cursor=None, limit=9)
    assert {row.customer_external_id: row.delivery_id for row in page.rows} == found
    drafts = [ReceiptDraft(delivery_id, "opened", NOW) for delivery_id in found.values()]
    assert store(receipts=drafts, app_id=None, now=NOW) == 0


def test_receipts_and_extras_stand_beside_the_delivery(app: App, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    dispatch = make_dispatch(app)
    run_lane()
    delivery_id = make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.id, device_id=device.id)
    store(receipts=[ReceiptDraft(delivery_id, "opened", NOW)], app_id=None, now=NOW)
    extras = Compiled(
        "select %(who)s::bigint as customer_id, 'delivered' as sms_state, 2 as sms_parts", {"who": device.customer_id}
    )
    (line,) = lines(dispatch, extras)
    assert (line["opened_at"], line["clicked_at"]) == ("2026-06-01T12:00:00.000Z", "")
    assert (line["sms_state"], line["sms_parts"], line["schema_version"]) == ("delivered", "2", "1")


@pytest.mark.parametrize("name", ["=cmd()", " +1", "@x", "-2", "\t=1", "＝1"])
def test_no_cell_starts_a_formula(app: App, name: str) -> None:
    make_customer(app, external_id=name)
    dispatch = make_dispatch(app, name=name)
    (line,) = lines(dispatch)
    assert line["customer_external_id"] == line["campaign_name"] == f"'{name}"


def test_a_byte_order_mark_comes_only_on_request(app: App) -> None:
    dispatch = make_dispatch(app)
    assert next(iter(delivery_csv(dispatch=dispatch, extras=None, bom=True))) == b"\xef\xbb\xbf"
    assert next(iter(delivery_csv(dispatch=dispatch, extras=None))).startswith(b"delivery_id,")
