"""The log, one delivery's story, and the state of a push."""

import pytest

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.log_queries import delivery_log, delivery_story
from apps.deliveries.log_search import InvalidCursor, LogFilters
from apps.deliveries.models import Dispatch
from apps.deliveries.push_queries import push_state
from apps.deliveries.services.receipts import ReceiptDraft, store
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.deliveries.test_work import BUSY, UNREGISTERED
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def id_of(dispatch: Dispatch, device_id: int) -> str:
    return make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.id, device_id=device_id)


def test_the_log_is_paged_without_gap_or_repeat(app: App, run_lane: Worker) -> None:
    devices = make_people(app, 5)
    first, second = make_dispatch(app), make_dispatch(app)
    run_lane()
    seen, cursor = [], None
    for _ in range(4):
        page = delivery_log(app_ids=[app.pk], filters=LogFilters(), cursor=cursor, limit=3)
        seen += [(row.dispatch_id, row.device_id) for row in page.rows]
        cursor = page.next_cursor
    assert cursor is None
    ids = sorted((device.id for device in devices), reverse=True)
    assert seen == [(second.id, one) for one in ids] + [(first.id, one) for one in ids]


def test_the_log_is_narrowed(app: App, phones: Phones, run_lane: Worker) -> None:
    gone, fine = make_people(app, 2)
    phones.answers = {gone.address: [UNREGISTERED]}
    dispatch = make_dispatch(app)
    make_dispatch(app)
    run_lane()

    def found(**filters: object) -> int:
        return len(delivery_log(app_ids=[app.pk], filters=LogFilters(**filters), cursor=None, limit=9).rows)  # type: ignore[arg-type]

    assert (found(), found(dispatch_id=dispatch.id), found(address=fine.address)) == (4, 2, 2)
    assert (found(outcomes=["token_dead"]), found(customer_external_id=gone.customer.external_id)) == (2, 2)
    assert (found(since=NOW), found(until=NOW), found(external_id="nothing")) == (4, 0, 0)


def test_the_log_knows_only_the_apps_asked_for(app: App, run_lane: Worker) -> None:
    make_people(app, 1)
    make_dispatch(app)
    run_lane()
    assert delivery_log(app_ids=[make_app().pk], filters=LogFilters(), cursor=None, limit=9).rows == []


@pytest.mark.parametrize("cursor", ["x", "!", "MjAyNi4x", "ł", "A" * 500])
def test_a_cursor_of_somebody_else_is_refused(app: App, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        delivery_log(app_ids=[app.pk], filters=LogFilters(), cursor=cursor, limit=9)


def test_a_story_tells_outcome_and_receipts(app: App, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    dispatch = make_dispatch(app)
    run_lane()
    delivery_id = id_of(dispatch, device.id)
    store(receipts=[ReceiptDraft(delivery_id, "opened", NOW)], app_id=None, now=NOW)
    story = delivery_story(app_ids=[app.pk], delivery_id=delivery_id)
    assert story is not None
    assert (story.status, story.customer_id, [one.type for one in story.receipts]) == (
        "accepted", device.customer_id, ["opened"],
    )  # fmt: skip


def test_a_story_that_is_not_over_tells_the_next_try(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    phones.answers = {device.address: [BUSY]}
    dispatch = make_dispatch(app)
    run_lane()
    story = delivery_story(app_ids=[app.pk], delivery_id=id_of(dispatch, device.id))
    assert story is not None
    assert (story.status, story.code, story.tries) == ("queued", "503", 1)
    assert story.retry_at is not None
    assert story.retry_at > NOW


def test_another_apps_story_is_not_told(app: App) -> None:
    (device,) = make_people(app, 1)
    delivery_id = id_of(make_dispatch(app), device.id)
    assert delivery_story(app_ids=[make_app().pk], delivery_id=delivery_id) is None
    assert delivery_story(app_ids=[app.pk], delivery_id="forged") is None


def test_the_state_of_a_push_follows_it(app: App, phones: Phones, run_lane: Worker) -> None:
    gone, fine = make_people(app, 2)
    phones.answers = {gone.address: [UNREGISTERED]}
    dispatch = make_dispatch(app)
    before = push_state(dispatch)
    assert (before["state"], [one["status"] for one in before["deliveries"]]) == ("queued", ["queued", "queued"])
    run_lane()
    store(receipts=[ReceiptDraft(id_of(dispatch, fine.id), "displayed", NOW)], app_id=None, now=NOW)
    after = {one["device_token"]: one for one in push_state(dispatch)["deliveries"]}
    assert (after[gone.address]["status"], after[gone.address]["code"]) == ("token_dead", "UNREGISTERED")
    assert after[fine.address]["receipts"] == [{"type": "displayed", "at": NOW.isoformat()}]
