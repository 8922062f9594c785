"""Release: retries that are due are planned again, batches overtaken by the night wait for the morning."""

from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.deliveries.models import Batch, Delivery, Dispatch, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.release import hold_quiet, release_due, requeue_retries
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch, make_people

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)
NIGHT = NOW.replace(hour=22)


@pytest.fixture
def app() -> App:
    return make_app()


def fail_all(dispatch: Dispatch, *, tries: int = 1, may_have_arrived: bool = False) -> None:
    """As record leaves a batch all of whose devices failed for the moment."""
    batch = Batch.objects.get(dispatch=dispatch, state="waiting")
    Batch.objects.filter(id=batch.id).update(state="done", opened=len(batch.device_ids), recorded=len(batch.device_ids))
    for device_id, customer_id in zip(batch.device_ids, batch.customer_ids, strict=True):
        Retry.objects.create(
            dispatch=dispatch, batch=batch, device_id=device_id, customer_id=customer_id, app_id=batch.app_id,
            gateway=1, variant=0, tries=tries, reason="503", may_have_arrived=may_have_arrived, due_at=LATER,
            expires_at=batch.expires_at,
        )  # fmt: skip


def test_a_retry_is_planned_again_when_it_is_due(app: App) -> None:
    devices = make_people(app, 2)
    fail_all(make_dispatch(app), tries=3, may_have_arrived=True)
    assert requeue_retries(now=LATER - timedelta(seconds=1)) == 0
    assert requeue_retries(now=LATER) == 1
    batch = Batch.objects.get(state="waiting")
    assert (batch.device_ids, batch.tries, batch.may_have_arrived) == ([one.id for one in devices], 3, True)
    assert (batch.release_at, Retry.objects.count()) == (LATER, 0)


def test_a_retry_waits_until_its_batch_is_closed(app: App) -> None:
    make_people(app, 1)
    fail_all(make_dispatch(app))
    Batch.objects.update(state="leased")
    assert requeue_retries(now=LATER) == 0


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_retry_of_a_dispatch_that_is_not_sending_stays(app: App, state: str) -> None:
    make_people(app, 1)
    fail_all(make_dispatch(app))
    Dispatch.objects.update(state=state)
    assert requeue_retries(now=LATER) == 0
    assert Retry.objects.count() == 1


def test_tries_of_different_kind_do_not_share_a_batch(app: App) -> None:
    make_people(app, 1)
    fail_all(make_dispatch(app), tries=1)
    fail_all(make_dispatch(app), tries=1, may_have_arrived=True)
    assert requeue_retries(now=LATER) == 2


def test_a_batch_overtaken_by_the_night_waits_for_the_morning(app: App) -> None:
    make_device(make_customer(app, time_zone="UTC"))
    make_dispatch(app, policy=Policy(quiet_from="22:00", quiet_until="08:00"))
    assert hold_quiet(now=NIGHT - timedelta(seconds=1)) == 0
    assert hold_quiet(now=NIGHT) == 1
    batch = Batch.objects.get()
    assert (batch.release_at, batch.not_after) == (NOW.replace(day=2, hour=8), NOW.replace(day=2, hour=22))


def test_a_batch_that_would_expire_in_the_night_ends(app: App) -> None:
    make_device(make_customer(app, time_zone="UTC"))
    policy = Policy(quiet_from="22:00", quiet_until="08:00", expire_after_seconds=12 * 3600)
    make_dispatch(app, policy=policy)
    hold_quiet(now=NIGHT)
    assert (Delivery.objects.get().outcome, Batch.objects.get().state) == (23, "done")


def test_only_lanes_with_due_work_are_woken(app: App) -> None:
    make_people(app, 1)
    make_dispatch(app, lane="bulk")
    make_dispatch(app, lane="urgent", release_at=LATER)
    assert release_due(now=NOW).woken == {"bulk": 1}
    assert release_due(now=LATER).woken == {"bulk": 1, "urgent": 1}
