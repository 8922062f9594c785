"""Demo history is a ledger like any other: its sums are right, and the same hash makes it each time."""

from datetime import timedelta

import pytest
from django.db.models import Count

from apps.deliveries.demo import Engagement, answer_dispatch
from apps.deliveries.models import Batch, Delivery, Dispatch, Receipt
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispatch() -> Dispatch:
    app = make_app()
    make_channel(app)
    make_people(app, 400)
    planned = make_dispatch(app, now=NOW - timedelta(days=5))
    answer_dispatch(dispatch=planned, engagement=Engagement(opened=300), sending_seconds=60)
    planned.refresh_from_db()
    return planned


def test_every_planned_device_has_an_outcome(dispatch: Dispatch) -> None:
    assert Delivery.objects.filter(dispatch_id=dispatch.pk).count() == dispatch.planned_devices > 0
    assert dispatch.state == "done"
    assert not Batch.objects.filter(dispatch=dispatch).exclude(state="done").exists()


def test_only_accepted_pushes_are_opened(dispatch: Dispatch) -> None:
    accepted = Delivery.objects.filter(dispatch_id=dispatch.pk, outcome=1).values("device_id")
    opened = Receipt.objects.filter(dispatch_id=dispatch.pk, type=3)
    assert 0 < opened.count() < accepted.count()
    assert not opened.exclude(device_id__in=accepted).exists()


def test_a_few_devices_turn_out_to_be_gone(dispatch: Dispatch) -> None:
    outcomes = dict(
        Delivery.objects.filter(dispatch_id=dispatch.pk).values_list("outcome").annotate(total=Count("device_id"))
    )
    assert outcomes[1] > 10 * outcomes.get(2, 0)
