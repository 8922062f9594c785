"""Critical alerts: sent again under the same ids while somebody has not answered, bounded, and never after a cancel."""

from datetime import timedelta

import pytest

from apps.accounts.models import App
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import CriticalAlert, Delivery, Dispatch
from apps.deliveries.services.alerts import end_alert, resend_due
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.lifecycle import cancel, finish_dispatches, pause
from apps.deliveries.services.receipts import ReceiptDraft, store
from apps.deliveries.services.stop import stop_sending
from apps.deliveries.services.transactional import Insistence, Push, Target, accept_pushes
from apps.devices.models import Device
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_device, make_people

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def alert(app: App, times: int = 3) -> Dispatch:
    """To everybody in the app, every minute, for ten minutes."""
    ((dispatch_id, _is_stopped),) = accept_pushes(
        [
            Push(
                app_id=app.pk,
                targets=[Target(one.pk, one.customer_id, one.gateway) for one in Device.objects.filter(app=app)],
                body={"title": "Pay now {{ code }}", "body": "b"},
                facts={"code": "7"},
                external_id="",
                occurrence="1",
                release_at=NOW,
                expires_at=NOW + 10 * MINUTE,
                created_at=NOW,
                is_test=False,
                insistence=Insistence(60, times),
            )
        ]
    )
    return Dispatch.objects.get(pk=dispatch_id)


def live(minute: int, run_lane: Worker) -> int:
    """What beat and the workers do in that minute; how many copies went out."""
    now = NOW + minute * MINUTE
    copies = resend_due(now=now)
    run_lane("urgent", at=now)
    finish_dispatches(now=now)
    return copies


def answer(dispatch: Dispatch, device: Device, at: int = 0) -> None:
    name = make_delivery_id(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk, device_id=device.pk)
    assert store(receipts=[ReceiptDraft(name, "received")], app_id=dispatch.app_id, now=NOW + at * MINUTE)


def test_it_is_sent_again_under_the_same_ids_as_often_as_asked(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    dispatch = alert(app, times=2)
    for minute in range(6):
        live(minute, run_lane)
    assert [one.content.title for one in phones.inbox] == ["Pay now 7"] * 3
    assert len({one.notification_id for one in phones.inbox}) == 1
    assert (CriticalAlert.objects.get().state, CriticalAlert.objects.get().sent) == ("unanswered", 2)
    assert Delivery.objects.filter(dispatch_id=dispatch.pk).count() == 1
    assert check_ledger() == []


def test_it_is_not_sent_again_before_its_moment_nor_twice_in_it(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    alert(app)
    run_lane("urgent")
    assert [resend_due(now=NOW + at) for at in (MINUTE / 2, MINUTE, MINUTE)] == [0, 1, 0]


def test_only_those_who_have_not_answered_get_it_again(app: App, phones: Phones, run_lane: Worker) -> None:
    answered, silent = make_people(app, 2)
    make_device(answered.customer)
    dispatch = alert(app)
    live(0, run_lane)
    answer(dispatch, answered)
    phones.inbox.clear()
    live(1, run_lane)
    assert [one.address for one in phones.inbox] == [silent.address]


def test_it_ends_when_all_have_answered(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    dispatch = alert(app)
    live(0, run_lane)
    live(1, run_lane)
    answer(dispatch, device, at=1)
    assert live(2, run_lane) == 0
    assert CriticalAlert.objects.get().state == "acknowledged"


def test_a_copy_waits_for_the_one_before_it(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    alert(app)
    run_lane("urgent")
    assert [resend_due(now=NOW + minute * MINUTE) for minute in (1, 2, 3)] == [1, 0, 0]
    assert CriticalAlert.objects.get().sent == 1


def test_it_waits_while_nobody_has_got_it_and_while_it_is_paused(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    dispatch = alert(app)
    assert resend_due(now=NOW + MINUTE) == 0
    run_lane("urgent", at=NOW + MINUTE)
    pause(dispatch_id=dispatch.pk, reason="r", now=NOW + MINUTE)
    assert resend_due(now=NOW + 2 * MINUTE) == 0
    assert (CriticalAlert.objects.get().state, CriticalAlert.objects.get().sent) == ("waiting", 0)


@pytest.mark.parametrize("how", ["cancelled", "ended", "expired"])
def test_it_is_not_sent_again_once_it_is_over(app: App, phones: Phones, run_lane: Worker, how: str) -> None:
    make_people(app, 1)
    dispatch = alert(app)
    if how == "cancelled":
        cancel(dispatch_id=dispatch.pk, now=NOW)
    elif how == "ended":
        end_alert(dispatch_id=dispatch.pk, now=NOW)
    run_lane("urgent")
    assert resend_due(now=NOW + (10 * MINUTE if how == "expired" else MINUTE)) == 0
    assert CriticalAlert.objects.get().state == "stopped"


def test_the_emergency_stop_holds_it(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    alert(app)
    run_lane("urgent")
    stop_sending(scope="transactional", reason="r", actor="a", now=NOW)
    assert resend_due(now=NOW + MINUTE) == 0
    assert CriticalAlert.objects.get().state == "waiting"


def test_ending_it_cancels_the_copy_that_waits(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    dispatch = alert(app)
    live(0, run_lane)
    resend_due(now=NOW + MINUTE)
    assert end_alert(dispatch_id=dispatch.pk, now=NOW + MINUTE)
    run_lane("urgent", at=NOW + MINUTE)
    assert len(phones.inbox) == 1
