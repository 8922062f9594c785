"""What gateways answer steers their channels while a campaign runs, and costs no recipient anything."""

import json
from datetime import timedelta

import pytest
from django.db.models import Sum

from apps.accounts.models import App
from apps.deliveries.models import Delivery, Meter, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.claim import claim_batches
from apps.deliveries.services.release import requeue_retries
from apps.devices.models import Channel, Device
from apps.devices.services.channels import FIELDS, save_credentials
from apps.gateways.contract import RetryReason, SendResult, Verdict
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)

FULL = SendResult(
    Verdict.RETRY, "QUOTA_EXCEEDED", retry_after_seconds=60, retry_reason=RetryReason.THROTTLED, whole_account=True
)
TOO_MANY = SendResult(Verdict.RETRY, "TooManyRequests", retry_after_seconds=300, retry_reason=RetryReason.THROTTLED)
DOWN = SendResult(Verdict.RETRY, "503", retry_reason=RetryReason.SERVER)

DEAD = SendResult(Verdict.TOKEN_DEAD, "UNREGISTERED")
DENIED = SendResult(Verdict.CONFIG_BAD, "PERMISSION_DENIED", detail="the API is off")


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def test_retry_after_stops_the_channel_and_a_probe_lets_it_go_on(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 30)
    phones.answers = {device.address: [FULL] for device in devices}
    make_dispatch(app)
    run_lane()
    channel = Channel.objects.get()
    assert (channel.state, channel.closed_by, channel.probe_after) == ("paused", "vendor", NOW + timedelta(seconds=60))
    phones.answers = {}
    later = NOW + timedelta(seconds=80)
    requeue_retries(now=later)
    run_lane(at=later)
    assert Channel.objects.get().state == "active"
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {1}
    assert (Delivery.objects.count(), Retry.objects.count()) == (30, 0)


def test_a_resting_channel_gets_no_call_but_its_probe(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 30)
    phones.answers = {device.address: [DOWN] for device in devices}
    make_dispatch(app)
    run_lane()
    assert Channel.objects.get().closed_by == "breaker"
    phones.calls.clear()
    requeue_retries(now=NOW + timedelta(seconds=20))
    run_lane(at=NOW + timedelta(seconds=1))
    assert sum(phones.calls.values()) == 0
    run_lane(at=NOW + timedelta(seconds=20))
    assert sum(phones.calls.values()) == 1
    assert (Delivery.objects.count(), Channel.objects.get().state) == (0, "paused")
    assert set(Retry.objects.values_list("tries", flat=True)) == {1}


def test_a_probe_is_kept_until_there_is_somebody_to_send_to(app: App, phones: Phones, run_lane: Worker) -> None:
    Channel.objects.update(state="paused", closed_by="breaker", probe_after=NOW)
    run_lane()
    make_people(app, 1)
    make_dispatch(app)
    run_lane(at=NOW + timedelta(seconds=1))
    assert (len(phones.inbox), Channel.objects.get().state) == (1, "active")


def test_another_apps_channel_goes_on(app: App, phones: Phones, run_lane: Worker) -> None:
    other = make_app()
    make_channel(other)
    devices = make_people(app, 30)
    (fine,) = make_people(other, 1)
    phones.answers = {device.address: [DOWN] for device in devices}
    make_dispatch(app)
    run_lane()
    make_dispatch(other)
    run_lane(at=NOW + timedelta(seconds=1))
    assert [message.address for message in phones.inbox] == [fine.address]


def test_a_throttled_channel_is_claimed_at_its_new_pace(app: App, phones: Phones, run_lane: Worker) -> None:
    slow = SendResult(
        Verdict.RETRY, "429", retry_reason=RetryReason.THROTTLED, whole_account=True, retry_after_seconds=0
    )
    devices = make_people(app, 40)
    phones.answers = {device.address: [slow] for device in devices}
    make_dispatch(app)
    run_lane()
    assert Channel.objects.get().slowed_to_per_second == 20
    make_dispatch(app)
    (held,) = claim_batches(lane="bulk", most=1, most_each=1, busy={}, lease=timedelta(seconds=45), now=NOW)
    assert held.pace_per_second == 20


def test_one_device_that_gets_too_many_slows_nobody(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    phones.answers = {device.address: [TOO_MANY]}
    make_dispatch(app)
    run_lane()
    channel = Channel.objects.get()
    assert (channel.state, channel.slowed_to_per_second, Retry.objects.count()) == ("active", None, 1)


def test_a_dispatch_of_tests_says_nothing_about_the_vendor(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 30)
    phones.answers = {device.address: [DOWN] for device in devices}
    make_dispatch(app, policy=Policy(is_test=True))
    run_lane()
    assert Channel.objects.get().state == "active"


def test_a_mass_death_sets_devices_aside_and_sounds_an_alarm(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 60)
    phones.answers = {device.address: [DEAD] for device in devices[:55]}
    make_dispatch(app)
    run_lane()
    channel = Channel.objects.get()
    assert Device.objects.filter(state="quarantined").count() == 55
    assert (channel.state, channel.trouble) == ("active", "55 of the last 60 addresses were called dead")
    assert channel.deaths_doubted_until == NOW + timedelta(hours=1)


def test_a_few_deaths_are_believed(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 60)
    phones.answers = {device.address: [DEAD] for device in devices[:20]}
    make_dispatch(app)
    run_lane()
    assert Device.objects.filter(state="dead").count() == 20


def test_new_credentials_let_everybody_go_at_once(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 20)
    phones.answers = {device.address: [DENIED] for device in devices}
    make_dispatch(app)
    run_lane()
    assert Channel.objects.get().closed_by == "credentials"
    phones.answers = {}
    save_credentials(app=app, gateway="fcm", pasted=pasted(), now=NOW + timedelta(seconds=7))
    later = NOW + timedelta(seconds=8)
    requeue_retries(now=later)
    run_lane(at=later)
    assert Channel.objects.get(app=app).state == "active"
    assert set(Delivery.objects.values_list("outcome", flat=True)) == {1}
    assert Delivery.objects.count() == 20


def test_the_vendors_mended_settings_are_found_by_a_probe(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 20)
    phones.answers = {device.address: [DENIED] for device in devices}
    make_dispatch(app)
    for seconds in (0, 31, 62, 93):
        requeue_retries(now=NOW + timedelta(seconds=seconds))
        run_lane(at=NOW + timedelta(seconds=seconds))
    assert (Channel.objects.get().state, Delivery.objects.count()) == ("paused", 0)
    phones.answers = {}
    for seconds in (200, 260):  # the second time those that were probes
        requeue_retries(now=NOW + timedelta(seconds=seconds))
        run_lane(at=NOW + timedelta(seconds=seconds))
    assert (Channel.objects.get().state, Delivery.objects.filter(outcome=1).count()) == ("active", 20)


def pasted() -> dict[str, str]:
    """Another account's file, as a person pastes it."""
    other = make_channel(make_app())
    account = {**other.credentials["service_account"], "private_key_id": "b" * 40}
    return {name: json.dumps(account) for name in FIELDS["fcm"]}


def test_workers_meter_their_gateways(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    silent = SendResult(Verdict.RETRY, "timeout", retry_reason=RetryReason.UNKNOWN_OUTCOME)
    phones.answers = {device.address: [silent, SendResult(Verdict.ACCEPTED)]}
    make_dispatch(app)
    for seconds in (0, 20):
        requeue_retries(now=NOW + timedelta(seconds=seconds))
        run_lane(at=NOW + timedelta(seconds=seconds))
    meters = Meter.objects.values_list("name", "label").annotate(Sum("value")).order_by("name")
    first_tries, waited, seconds_at, total, twice = meters
    assert first_tries == ("accept_to_gateway_seconds", "bulk", 1.0)
    assert waited[:2] == ("accept_to_gateway_seconds_sum", "bulk")
    assert seconds_at == ("gateway_seconds", "fcm", 2.0)
    assert total[:2] == ("gateway_seconds_sum", "fcm")
    assert twice == ("maybe_duplicate", "", 1.0)
