"""The search of the log finds what is there, in order, whichever way it takes."""

from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.accounts.services.audit import write_audit
from apps.deliveries.log_search import DENSE, InvalidCursor, LogFilters, ledger_page
from apps.deliveries.models import Delivery, Dispatch
from apps.deliveries.services.fold import fold_counts
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.deliveries.services.partitions import summarize_weeks
from apps.deliveries.states import OUTCOMES
from tests.factories import NOW, make_app, make_counted_dispatch, make_customer, make_device

pytestmark = pytest.mark.django_db
HOURS = [0, 1, 2, 30, 31, 700, 701]
type Key = tuple[datetime, int, int, int]


def append(dispatch: Dispatch, device_id: int, outcome: str, at: datetime, customer_id: int) -> None:
    key = (dispatch.planned_on, dispatch.pk, customer_id, device_id, dispatch.app_id)
    row = LedgerRow(*key, OUTCOMES[outcome], 1, 1, 0, 1, "", "", "")
    append_outcomes(outcomes=[row], now=at, may_repeat=True)


def key_of(row: Delivery) -> Key:
    return row.recorded_at, row.dispatch_id, row.customer_id, row.device_id


def pages(app_ids: list[int], filters: LogFilters, limit: int = 7) -> list[Key]:
    """All pages of a search, one after the other."""
    found, cursor = ledger_page(app_ids=app_ids, filters=filters, cursor=None, limit=limit)
    keys = [key_of(row) for row in found]
    while cursor:
        found, cursor = ledger_page(app_ids=app_ids, filters=filters, cursor=cursor, limit=limit)
        assert found
        keys += [key_of(row) for row in found]
    return keys


@pytest.fixture
def ledger() -> tuple[App, App, list[Dispatch]]:
    """A month of two apps: three dispatches, of which the first counts as a large one; half of it folded."""
    chance, app, other = Random(5), make_app(), make_app()
    begun = NOW - timedelta(hours=max(HOURS))
    dispatches = [make_counted_dispatch(one, planned_on=begun.date(), created_at=begun) for one in (app, app, other)]
    Dispatch.objects.filter(pk=dispatches[0].pk).update(planned_devices=30_000)
    Dispatch.objects.filter(pk=dispatches[1].pk).update(external_id="order-1")
    people = {one.pk: [make_device(make_customer(one)) for _ in range(6)] for one in (app, other)}
    words = ["accepted", "accepted", "token_dead", "excluded:no_consent"]
    for number, (dispatch, place) in enumerate(product(dispatches, range(6))):
        device = people[dispatch.app_id][place]
        at = NOW - timedelta(hours=chance.choice(HOURS), minutes=chance.randrange(3))
        append(dispatch, device.pk, chance.choice(words), at, device.customer_id)
        if number == 8:
            fold_counts()
    return app, other, dispatches


def narrowed(rows: list[Delivery], filters: dict[str, Any]) -> list[Key]:
    words = {number: word for word, number in OUTCOMES.items()}
    return sorted(
        (
            key_of(row)
            for row in rows
            if row.dispatch_id == filters.get("dispatch_id", row.dispatch_id)
            and words[row.outcome] in filters.get("outcomes", OUTCOMES)
            and row.recorded_at >= filters.get("since", row.recorded_at)
            and row.recorded_at < filters.get("until", NOW + timedelta(days=1))
        ),
        reverse=True,
    )


OUTCOME_CHOICES: list[dict[str, Any]] = [
    {},
    {"outcomes": ["accepted"]},
    {"outcomes": ["token_dead", "expired"]},
    {"outcomes": ["accepted", "excluded:no_consent"]},
]
TIME_CHOICES: list[dict[str, Any]] = [
    {},
    {"since": NOW - timedelta(hours=31)},
    {"until": NOW - timedelta(minutes=1)},
    {"since": NOW - timedelta(hours=701), "until": NOW - timedelta(hours=1, minutes=1)},
]


@pytest.mark.parametrize("of_dispatch", [None, 0, 1])
def test_every_filter_finds_exactly_its_rows_in_pages(
    ledger: tuple[App, App, list[Dispatch]], of_dispatch: int | None
) -> None:
    app, _other, dispatches = ledger
    rows = list(Delivery.objects.filter(app_id=app.pk))
    of = {} if of_dispatch is None else {"dispatch_id": dispatches[of_dispatch].pk}
    for outcome, time in product(OUTCOME_CHOICES, TIME_CHOICES):
        filters = {**of, **outcome, **time}
        assert pages([app.pk], LogFilters(**filters), limit=3) == narrowed(rows, filters), filters


def test_several_apps_are_one_list(ledger: tuple[App, App, list[Dispatch]]) -> None:
    app, other, _dispatches = ledger
    rows = list(Delivery.objects.all())
    assert pages([app.pk, other.pk], LogFilters()) == narrowed(rows, {})
    assert pages([], LogFilters()) == []


def test_a_name_of_the_caller_is_found(ledger: tuple[App, App, list[Dispatch]]) -> None:
    app, other, dispatches = ledger
    rows = list(Delivery.objects.all())
    found = pages([app.pk], LogFilters(external_id="order-1"))
    assert found == narrowed(rows, {"dispatch_id": dispatches[1].pk})
    assert pages([other.pk], LogFilters(external_id="order-1")) == []


def test_an_hour_full_of_deliveries_is_looked_through_in_parts() -> None:
    app = make_app()
    dispatch = make_counted_dispatch(app)
    with connection.cursor() as cursor:
        cursor.execute("lock table deliveries_delivery in share update exclusive mode")  # no vacuum does it meanwhile
        cursor.execute(
            "insert into deliveries_delivery select %s, %s, number, number, %s, 1, 1, 1, 0, 1, '', '', '',"
            " %s::timestamptz + number * interval '10 milliseconds' from generate_series(1, %s) number",
            [dispatch.planned_on, dispatch.pk, app.pk, NOW, DENSE + 500],
        )
        cursor.execute(
            "insert into deliveries_hourcount (app_id, kind, measure, platform, hour, count)"
            " values (%s, 'campaign', 1, 1, %s, %s)",
            [app.pk, NOW, DENSE + 500],
        )
    found, cursor_ = ledger_page(app_ids=[app.pk], filters=LogFilters(), cursor=None, limit=400)
    found += ledger_page(app_ids=[app.pk], filters=LogFilters(), cursor=cursor_, limit=400)[0]
    assert [row.device_id for row in found] == list(range(DENSE + 500, DENSE - 300, -1))


def test_a_token_finds_what_its_former_owner_got(ledger: tuple[App, App, list[Dispatch]]) -> None:
    app, _other, dispatches = ledger
    device = make_device(make_customer(app, external_id="first"))
    append(dispatches[1], device.pk, "accepted", NOW, device.customer_id)

    second = make_customer(app, external_id="second")
    moved = {"from_customer": device.customer_id, "to_customer": second.pk}
    write_audit(app=app, actor="device", action="device.moved", subject=f"device:{device.pk}", details=moved, now=NOW)
    device.customer = second
    device.save()
    assert [key[3] for key in pages([app.pk], LogFilters(address=device.address))] == [device.pk]


@pytest.mark.parametrize("cursor", ["x", "!", "MjAyNi4x", "ł", "A" * 500, "OTk5OTEyMzFUMDAwMDAwMDAwMDAwLjEuMS4x"])
def test_a_cursor_of_somebody_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        ledger_page(app_ids=[1], filters=LogFilters(), cursor=cursor, limit=9)


def test_what_was_appended_is_taken_into_the_index_of_time() -> None:
    app = make_app()
    dispatch = make_counted_dispatch(app)
    with connection.cursor() as cursor:
        cursor.execute("lock table deliveries_delivery in share update exclusive mode")  # no vacuum does it meanwhile
        cursor.execute(
            "insert into deliveries_delivery select %s, %s, number, number, %s, 1, 1, 1, 0, 1, '', '', '', %s"
            " from generate_series(1, 6000) number",
            [dispatch.planned_on, dispatch.pk, app.pk, NOW],
        )
    assert summarize_weeks(now=NOW) > 0
    assert summarize_weeks(now=NOW) == 0
