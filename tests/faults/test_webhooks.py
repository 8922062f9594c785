"""Couriers die amid their requests: nothing that was recorded is missed, and what comes twice comes under one id."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.api.webhooks.models import WebhookMessage
from apps.api.webhooks.services.courier import MOST_IN_FLIGHT
from apps.api.webhooks.services.leases import LEASE
from tests.api.receiver import receiving
from tests.factories import make_app, make_people
from tests.factories.webhooks import deliver, make_endpoint, make_outcomes
from tests.house import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_courier_killed_amid_its_requests_loses_nothing(process_environment: dict[str, str]) -> None:
    app = make_app(slug="shop")
    people = make_people(app, 200)
    with receiving() as receiver:
        make_endpoint(app, receiver.url, flight=16)
        for number in range(3):
            make_outcomes(app, people, now=timezone.now() + timedelta(milliseconds=number))
            came = len(receiver.calls)
            courier = subprocess.Popen([sys.executable, "-m", "tests.faults.courier_process"], env=process_environment)
            with receiver.holding():  # so that they are under way when it dies
                try:
                    wait_for(lambda: len(receiver.calls) > came + 2, 30)  # noqa: B023
                finally:
                    courier.kill()
                    courier.wait()
        assert WebhookMessage.objects.filter(leased_until__isnull=False).exists(), "nothing was under way"
        deliver(timezone.now() + LEASE)
    assert not WebhookMessage.objects.exists()
    names = {event["sequence"]: event["delivery_id"] for event in receiver.events}
    assert sorted(names) == list(range(1, 601))
    assert len(set(names.values())) == 600
    bodies: dict[str, set[bytes]] = {}
    for call in receiver.calls:
        bodies.setdefault(call.id, set()).add(call.body)
    assert all(len(same) == 1 for same in bodies.values()), "a second copy says the same"
    assert len(receiver.calls) - len(bodies) <= 3 * MOST_IN_FLIGHT
