"""The feed gives out every row that is recorded, once, whatever the order in which transactions end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import connection, transaction

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.feed import (
    SMALL_DISPATCH,
    Position,
    Row,
    behind,
    end_of_feed,
    pages_after,
    pages_again,
    read_part,
    read_rows,
)
from apps.deliveries.models import Batch, Delivery, Dispatch, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.deliveries.services.lifecycle import cancel
from apps.deliveries.services.receipts import ReceiptDraft, store
from apps.deliveries.services.release import hold_quiet
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES
from apps.devices.models import Device
from tests.deliveries.conftest import Worker
from tests.factories import (
    NOW,
    make_app,
    make_channel,
    make_customer,
    make_device,
    make_dispatch,
    make_people,
    wait_for_feed,
)

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = {*OUTCOMES.values(), *(100 + number for number in RECEIPT_TYPES.values())}


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def ticking() -> Iterator[datetime]:
    """Each writing has a time of its own, as it has in life."""
    return (NOW + timedelta(milliseconds=number) for number in range(100_000))


def read_all(position: Position, *, pages_at_once: int = 2, small: int = SMALL_DISPATCH) -> list[Row]:
    """In small steps, so that positions matter."""
    wait_for_feed()
    found: list[Row] = []
    while pages := pages_after(position, most=pages_at_once, small=small):
        found += read_rows(pages, EVERYTHING)
        position = behind(pages[-1])
    return found


def keys(rows: list[Row]) -> Counter[tuple[int, int]]:
    return Counter((row.dispatch_id, row.device_id) for row in rows)


def record(dispatch: Dispatch, devices: Sequence[Device]) -> None:
    """As a worker does, at NOW."""
    key = (dispatch.planned_on, dispatch.pk)
    rows = [LedgerRow(*key, one.customer_id, one.pk, dispatch.app_id, 1, 1, 1, 0, 1, "", "", "") for one in devices]
    with transaction.atomic():
        append_outcomes(outcomes=rows, now=NOW, may_repeat=False)


def open_them(dispatch: Dispatch, devices: Sequence[Device]) -> None:
    """As their phones tell, at NOW."""
    key = {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk}
    drafts = [ReceiptDraft(make_delivery_id(**key, device_id=one.pk), "opened") for one in devices]
    store(receipts=drafts, app_id=dispatch.app_id, now=NOW)


def test_every_outcome_is_given_out_once(app: App, run_lane: Worker) -> None:
    start, clock = end_of_feed(), ticking()
    make_people(app, 250)
    make_customer(app)  # without a device: left out at planning
    make_dispatch(app)
    run_lane(clock=lambda: next(clock))
    found = read_all(start)
    assert keys(found) == Counter(Delivery.objects.values_list("dispatch_id", "device_id"))
    assert len(found) == 251
    assert read_all(end_of_feed()) == []


def test_zones_that_end_in_one_tick_are_given_out_once(app: App) -> None:
    """Each zone's batches are closed in a transaction of its own, and the feed may be read between any two."""
    start = end_of_feed()
    for zone in ("UTC", "Africa/Abidjan", "Atlantic/Reykjavik"):
        make_device(make_customer(app, time_zone=zone))
    make_dispatch(app, policy=Policy(quiet_from="22:00", quiet_until="08:00", expire_after_seconds=12 * 3600))
    hold_quiet(now=NOW.replace(hour=22))
    found = read_all(start, pages_at_once=1)
    assert keys(found) == Counter(Delivery.objects.values_list("dispatch_id", "device_id"))
    assert len(found) == 3


@pytest.mark.parametrize("small", [SMALL_DISPATCH, 0], ids=["by key", "by time"])
def test_batches_and_retries_that_are_cancelled_together_are_given_out_once(app: App, small: int) -> None:
    start = end_of_feed()
    make_people(app, 2)
    dispatch = make_dispatch(app)
    batch = Batch.objects.get()
    device_id, customer_id = batch.device_ids.pop(), batch.customer_ids.pop()
    Batch.objects.update(device_ids=batch.device_ids, customer_ids=batch.customer_ids, variants=[0])
    Retry.objects.create(
        dispatch=dispatch, batch=batch, device_id=device_id, customer_id=customer_id, app_id=app.pk, gateway=1,
        variant=0, tries=1, reason="503", may_have_arrived=False, due_at=NOW, expires_at=NOW,
    )  # fmt: skip
    cancel(dispatch_id=dispatch.pk, now=NOW)
    found = read_all(start, pages_at_once=1, small=small)
    assert keys(found) == Counter(Delivery.objects.values_list("dispatch_id", "device_id"))
    assert len(found) == 2


def test_large_dispatches_are_read_by_time_to_the_same_end(app: App, run_lane: Worker) -> None:
    start, clock = end_of_feed(), ticking()
    make_people(app, 250)
    dispatch = make_dispatch(app)
    run_lane(clock=lambda: next(clock))
    few = read_all(start)
    assert {page.is_of_small for page in pages_after(start, small=10)} == {False}
    assert read_all(start, small=10) == few
    assert {row.dispatch_id for row in few} == {dispatch.pk}


def test_receipts_stand_in_it_with_their_type(app: App) -> None:
    (device,) = make_people(app, 1)
    dispatch = make_dispatch(app)
    start = end_of_feed()
    told = make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.pk, device_id=device.pk)
    store(receipts=[ReceiptDraft(told, "opened")], app_id=app.pk, now=NOW)
    assert read_all(start) == [Row(NOW, 103, NOW.date(), dispatch.pk, 0, device.pk)]


@pytest.mark.parametrize("is_of_small", [True, False])
def test_writers_about_a_dispatch_in_one_microsecond_are_each_given_out_once(app: App, is_of_small: bool) -> None:
    people, dispatch = make_people(app, 40), make_dispatch(app)
    position = end_of_feed()
    for write, part in ((record, people[:30]), (record, people[30:]), (open_them, people[:5])):
        write(dispatch, part)
        wait_for_feed()
        (page,) = pages_after(position)
        found = read_rows([replace(page, is_of_small=is_of_small)], EVERYTHING)
        assert keys(found) == Counter((dispatch.pk, device.pk) for device in part)
        position = behind(page)


def test_they_are_given_out_once_where_they_are_read_together_or_in_parts(app: App) -> None:
    people, dispatch = make_people(app, 40), make_dispatch(app)
    start = end_of_feed()
    record(dispatch, people[:30])
    record(dispatch, people[30:])
    wait_for_feed()
    first, second = pages_after(start)
    assert len(read_rows([first, second], EVERYTHING)) == 40
    part, _end = read_part(second, behind(first), EVERYTHING, most=100)
    assert {row.device_id for row in part} == {device.pk for device in people[30:]}


def test_a_page_waits_for_transactions_older_than_it(app: App) -> None:
    make_customer(app)
    start = end_of_feed()
    with psycopg.connect(**connection.get_connection_params()) as older:
        older.execute("select pg_current_xact_id()")
        make_dispatch(app)
        assert pages_after(start) == []
        older.rollback()
        wait_for_feed()
        assert len(pages_after(start)) == 1


def test_a_large_page_is_read_in_parts(app: App) -> None:
    for _ in range(7):
        make_customer(app)
    start = end_of_feed()
    make_dispatch(app)
    wait_for_feed()
    (page,) = pages_after(start)
    assert page.count(EVERYTHING) == 7
    position, found = start, []
    while position != behind(page):
        part, position = read_part(page, position, EVERYTHING, most=3)
        assert len(part) <= 3
        found += part
    assert found == read_rows([page], EVERYTHING)
    assert len(found) == 7


def test_pages_of_a_stretch_of_time_are_read_again(app: App) -> None:
    make_customer(app)
    make_dispatch(app)
    make_dispatch(app, now=NOW + timedelta(days=1))
    make_dispatch(make_app())
    wait_for_feed()
    (page,) = pages_again(
        app_id=app.pk, page_id=0, last_page_id=2**40, since=NOW, until=NOW + timedelta(hours=1), most=10
    )
    assert page.written_at == NOW
