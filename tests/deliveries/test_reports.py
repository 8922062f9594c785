"""Reports, progress and counts: exact at every moment, equal to a recount."""

from collections import Counter
from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Dispatch, DispatchCount, HourCount, LedgerPage
from apps.deliveries.queries import counts_of, progress, recount, report
from apps.deliveries.services.fold import fold_counts
from apps.deliveries.services.receipts import ReceiptDraft, store
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.deliveries.test_work import UNREGISTERED
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    make_channel(app, "apns")
    return app


@pytest.fixture
def sent(app: App, phones: Phones, run_lane: Worker) -> Dispatch:
    """120 devices of which one is dead, one person without consent; ten opened."""
    devices = make_people(app, 100) + make_people(app, 20, gateway="apns")
    make_device(make_customer(app, push_consent=False))
    phones.answers = {devices[0].address: [UNREGISTERED]}
    dispatch = make_dispatch(app)
    run_lane()
    ids = [make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.id, device_id=one.id) for one in devices[-10:]]
    store(receipts=[ReceiptDraft(one, "opened") for one in ids], app_id=app.pk, now=NOW)
    return dispatch


@pytest.mark.parametrize("is_folded", [False, True])
def test_the_report_adds_up_before_and_after_folding(sent: Dispatch, is_folded: bool) -> None:
    if is_folded:
        assert fold_counts() > 0
    found = report(sent)
    assert found.outcomes == {"accepted": 119, "token_dead": 1}
    assert (found.excluded, found.receipts) == ({"no_consent": 1}, {"opened": 10})
    assert (found.planned_people, found.planned_devices) == (121, 121)
    assert found.by_platform["ios"] == {"accepted": 20, "opened": 10}
    assert found.by_hour == {"2026-06-01T12:00:00Z": found.by_variant["0"]}


def test_folded_counts_equal_a_recount(sent: Dispatch) -> None:
    fold_counts()
    assert not LedgerPage.objects.filter(folded=False).exists()
    assert DispatchCount.objects.filter(dispatch=sent).exists()
    assert Counter(counts_of(sent)) == Counter(recount(sent))


def test_folding_twice_counts_once(sent: Dispatch) -> None:
    fold_counts()
    before = report(sent)
    assert fold_counts() == 0
    assert report(sent) == before


def test_a_small_dispatch_leaves_only_hourly_counts(app: App, run_lane: Worker) -> None:
    make_people(app, 3)
    small = make_dispatch(app)
    run_lane()
    fold_counts()
    assert not DispatchCount.objects.exists()
    assert HourCount.objects.get(app=app, kind="campaign", measure=1, platform=1).count == 3
    assert report(small).outcomes == {"accepted": 3}


def test_progress_tells_how_far_and_how_fast(sent: Dispatch) -> None:
    Dispatch.objects.filter(id=sent.id).update(planned_devices=241)
    sent.refresh_from_db()
    found = progress(sent, now=NOW + timedelta(seconds=10))
    assert (found.planned, found.done, found.by_outcome["accepted"]) == (241, 121, 119)
    assert found.rate_per_second == 0
    Dispatch.objects.filter(id=sent.id).update(created_at=NOW - timedelta(seconds=5))
    sent.refresh_from_db()
    found = progress(sent, now=NOW + timedelta(seconds=5))
    assert (found.rate_per_second, found.eta_seconds) == (12.0, 10.0)


def test_the_report_has_the_shape_of_the_contract(sent: Dispatch) -> None:
    body = report(sent).as_json()
    assert list(body)[:6] == ["state", "dispatch_id", "planned", "outcomes", "excluded", "receipts"]
    assert body["planned"] == {"people": 121, "devices": 121}
