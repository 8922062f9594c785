"""check_ledger: silent while the sums hold, at every stage, and loud when somebody tampers."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import App
from apps.deliveries.models import Batch, Delivery, Dispatch, DispatchCount
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.fold import fold_counts
from apps.deliveries.services.lifecycle import finish_dispatches
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.deliveries.test_work import BUSY
from tests.factories import NOW, make_app, make_channel, make_customer, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def test_it_holds_from_plan_to_end(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 150)
    make_customer(app)
    phones.answers = {devices[0].address: [BUSY]}
    make_dispatch(app)
    assert check_ledger() == []
    run_lane()
    assert check_ledger() == []
    fold_counts()
    finish_dispatches(now=NOW)
    assert check_ledger() == []


def test_a_lost_row_is_found(app: App, run_lane: Worker) -> None:
    make_people(app, 2)
    dispatch = make_dispatch(app)
    run_lane()
    Delivery.objects.filter(device_id=Delivery.objects.first().device_id).delete()
    (difference,) = check_ledger(dispatch.id)
    assert (difference.promise, difference.expected, difference.found) == ("planned = plan + retry + ledger", 2, 1)


def test_a_lost_batch_is_found(app: App) -> None:
    make_people(app, 2)
    dispatch = make_dispatch(app)
    Batch.objects.all().delete()
    assert [one.dispatch_id for one in check_ledger()] == [dispatch.id]


def test_wrong_counts_are_found(app: App, run_lane: Worker) -> None:
    make_people(app, 100)
    make_dispatch(app)
    run_lane()
    fold_counts()
    DispatchCount.objects.update(count=99)
    assert [one.promise for one in check_ledger()] == ["counts = ledger"]


def test_something_left_in_a_finished_dispatch_is_found(app: App) -> None:
    make_people(app, 1)
    make_dispatch(app)
    Dispatch.objects.update(state="done")
    assert "nothing waits in a dispatch that is over" in [one.promise for one in check_ledger()]


def test_the_command_says_so_and_fails(app: App) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    out = StringIO()
    call_command("check_ledger", stdout=out)
    assert out.getvalue() == "The ledger adds up: 1 dispatches.\n"
    Batch.objects.all().delete()
    with pytest.raises(CommandError):
        call_command("check_ledger", dispatch=dispatch.id, stdout=out)
    assert "expected 1, found 0" in out.getvalue()


def test_an_unknown_dispatch_is_named(app: App) -> None:
    with pytest.raises(CommandError, match="there is no dispatch 77"):
        call_command("check_ledger", dispatch=77)
