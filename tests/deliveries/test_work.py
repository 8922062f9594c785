"""Work: what is due goes out once, and what came of it stands in the ledger."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.customers.preference_links import read_signed
from apps.customers.services.consent import record_consent
from apps.customers.services.preferences import stop_everything
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.models import Batch, Delivery, Dispatch, LedgerPage, Retry
from apps.deliveries.policy import Policy
from apps.deliveries.services.claim import reclaim_batches
from apps.deliveries.services.plan import ContentDraft
from apps.deliveries.services.work import WorkDone
from apps.deliveries.states import OUTCOME_WORDS
from apps.devices.models import Channel, Device
from apps.gateways.contract import RetryReason, SendResult, Verdict
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_dispatch, make_people

pytestmark = pytest.mark.django_db(transaction=True)

UNREGISTERED = SendResult(Verdict.TOKEN_DEAD, "UNREGISTERED")
BAD = SendResult(Verdict.MESSAGE_BAD, "INVALID_ARGUMENT")
BUSY = SendResult(Verdict.RETRY, "503", retry_reason=RetryReason.SERVER)
SILENT = SendResult(Verdict.RETRY, "timeout", retry_reason=RetryReason.UNKNOWN_OUTCOME)
DENIED = SendResult(Verdict.CONFIG_BAD, "SENDER_ID_MISMATCH", detail="wrong project")


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    return app


def outcomes(dispatch: Dispatch) -> Mapping[str, int]:
    rows = Delivery.objects.filter(dispatch_id=dispatch.id)
    return Counter(OUTCOME_WORDS[row.outcome] for row in rows)


def test_every_device_gets_the_message_once(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 250)
    dispatch = make_dispatch(app)
    assert run_lane().devices == 250
    assert Counter(message.address for message in phones.inbox) == Counter(device.address for device in devices)
    assert outcomes(dispatch) == {"accepted": 250}
    assert set(Batch.objects.values_list("state", flat=True)) == {"done"}


def test_a_shift_whose_time_is_over_says_that_somebody_should_go_on(run_lane: Worker) -> None:
    """Wake-ups are rare while a lane is at work, so until the next one nobody would look."""
    assert run_lane("urgent", slot_seconds=0.3).is_more
    assert not run_lane("urgent").is_more


def test_who_is_woken_while_a_shift_ends_is_not_forgotten(run_lane: Worker) -> None:
    """A shift asks for the time before each look, and once behind its last."""

    def somebody_else_is_woken() -> datetime:
        assert run_lane() == WorkDone()  # sent away: the lane is being worked on
        return NOW

    assert run_lane(clock=somebody_else_is_woken).is_more
    assert not run_lane().is_more


def test_the_message_carries_the_signed_id_and_the_content(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    dispatch = make_dispatch(app)
    run_lane()
    (message,) = phones.inbox
    key = read_delivery_id(message.notification_id)
    assert key is not None
    assert (key.dispatch_id, key.device_id, key.planned_on) == (dispatch.id, device.id, NOW.date())
    assert (message.content.title, message.expires_at) == ("Hello", dispatch.expires_at.timestamp())


def test_texts_are_personal_and_in_the_persons_language(app: App, phones: Phones, run_lane: Worker) -> None:
    make_device(make_customer(app, first_name="Ola", language="pl-PL"))
    make_device(make_customer(app, first_name="", language="de", traits={"city": "Ulm"}))
    english = ContentDraft(0, "en", {"title": "Hi {{ first_name | default: 'friend' }}", "body": "{{ city }}"})
    polish = ContentDraft(0, "pl", {"title": "Cześć {{ first_name }}", "body": ""})
    make_dispatch(app, contents=[english, polish])
    run_lane()
    assert {(one.content.title, one.content.body) for one in phones.inbox} == {("Cześć Ola", ""), ("Hi friend", "Ulm")}
    assert set(Delivery.objects.values_list("language", flat=True)) == {"pl", "en"}


def test_a_text_may_carry_each_persons_preference_link(app: App, phones: Phones, run_lane: Worker) -> None:
    ada, bob = (make_customer(app), make_customer(app))
    devices = {make_device(person).address: person for person in (ada, bob)}
    make_dispatch(app, contents=[ContentDraft(0, "", {"title": "Hi", "body": "Choose: {{ preferences_url }}"})])
    run_lane()
    for message in phones.inbox:
        key = read_signed(message.content.body.rpartition("/")[2], now=NOW)
        assert key is not None
        assert (key.customer_id, key.app_id) == (devices[message.address].pk, app.pk)
    assert len(phones.inbox) == 2


def test_who_stops_everything_on_their_page_gets_nothing_that_was_planned_before(
    app: App, phones: Phones, run_lane: Worker
) -> None:
    stays, goes = make_people(app, 2)
    dispatch = make_dispatch(app)
    stop_everything(customer=goes.customer, now=NOW)
    run_lane()
    assert [message.address for message in phones.inbox] == [stays.address]
    assert outcomes(dispatch) == {"accepted": 1, "excluded:no_consent": 1}


def test_a_text_that_fails_costs_its_own_recipient_alone(app: App, phones: Phones, run_lane: Worker) -> None:
    make_device(make_customer(app, first_name="Ada"))
    make_device(make_customer(app, first_name=""))
    dispatch = make_dispatch(app, contents=[ContentDraft(0, "", {"title": "{{ first_name }}", "body": "x"})])
    run_lane()
    assert outcomes(dispatch) == {"accepted": 1, "message_bad": 1}
    assert Delivery.objects.get(outcome=3).code == "empty_text"


def test_a_broken_address_costs_its_own_recipient_alone(app: App, phones: Phones, run_lane: Worker) -> None:
    for address in ("ada@example.com", "bob@example.com"):
        make_device(make_customer(app, email=address))
    with connection.cursor() as cursor:  # as after a page of the disk that nobody noticed
        cursor.execute("update customers_customer set email = left(email, -4) || '0000' where id % 2 = 0")
    dispatch = make_dispatch(app, contents=[ContentDraft(0, "", {"title": "Hi", "body": "{{ email }}"})])
    run_lane()
    assert outcomes(dispatch) == {"accepted": 1, "message_bad": 1}
    assert Delivery.objects.get(outcome=3).code == "broken_contact"


def test_a_dead_token_is_retired_and_a_bad_message_retires_none(app: App, phones: Phones, run_lane: Worker) -> None:
    gone, fine = make_people(app, 2)
    phones.answers = {gone.address: [UNREGISTERED], fine.address: [BAD]}
    dispatch = make_dispatch(app)
    run_lane()
    assert outcomes(dispatch) == {"token_dead": 1, "message_bad": 1}
    assert dict(Device.objects.values_list("id", "state")) == {gone.id: "dead", fine.id: "active"}


def test_a_device_registered_after_its_death_is_kept(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    long_gone = (device.registered_at - timedelta(days=1)).timestamp()
    phones.answers = {device.address: [SendResult(Verdict.TOKEN_DEAD, "Unregistered", token_dead_at=long_gone)]}
    make_dispatch(app)
    run_lane()
    device.refresh_from_db()
    assert device.state == "active"


def test_a_passing_fault_goes_to_retry(app: App, phones: Phones, run_lane: Worker) -> None:
    shaky, _fine = make_people(app, 2)
    phones.answers = {shaky.address: [BUSY]}
    dispatch = make_dispatch(app)
    run_lane()
    retry = Retry.objects.get()
    assert (retry.device_id, retry.tries, retry.reason, retry.may_have_arrived) == (shaky.id, 1, "503", False)
    assert outcomes(dispatch) == {"accepted": 1}


def test_an_unknown_outcome_is_resent_only_where_the_policy_says(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    phones.answers = {device.address: [SILENT]}
    make_dispatch(app, policy=Policy(on_unknown="resend"))
    left = make_dispatch(app, policy=Policy(on_unknown="leave"))
    run_lane()
    assert Retry.objects.get().may_have_arrived
    assert outcomes(left) == {"unknown_outcome": 1}


def test_bad_credentials_close_the_channel_and_fail_nobody(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 3)
    phones.answers = {device.address: [DENIED] for device in devices}
    dispatch = make_dispatch(app)
    run_lane()
    channel = Channel.objects.get()
    assert (channel.state, channel.paused_reason) == ("paused", "SENDER_ID_MISMATCH wrong project")
    assert outcomes(dispatch) == {}
    assert Retry.objects.count() == 3


def test_bad_credentials_that_were_replaced_meanwhile_close_nothing(app: App, phones: Phones, run_lane: Worker) -> None:
    (device,) = make_people(app, 1)
    phones.answers = {device.address: [DENIED]}

    def replace_credentials() -> None:
        Channel.objects.update(updated_at=NOW + timedelta(days=1))
        connection.close()

    Channel.objects.update(updated_at=NOW)
    phones.meanwhile = replace_credentials
    make_dispatch(app)
    run_lane()
    assert (Channel.objects.get().state, Retry.objects.count()) == ("active", 1)


def test_a_channel_that_hangs_leaves_room_for_another(app: App, phones: Phones, run_lane: Worker) -> None:
    make_channel(app, "apns")
    make_people(app, 1200)
    (other,) = make_people(app, 1, gateway="apns")
    make_dispatch(app, throttle_per_second=50)  # twelve batches of 100 for one channel, one of 1 for the other
    Dispatch.objects.update(throttle_per_second=None)
    phones.seconds = 0.3
    run_lane()
    assert phones.most_at_once <= 901
    assert other.address in phones.calls


@pytest.mark.parametrize("word", ["NUL \0 in it", "half \ud83d a smile", "ł" * 100])
def test_a_vendors_odd_word_stops_nobody(app: App, phones: Phones, run_lane: Worker, word: str) -> None:
    (device,) = make_people(app, 1)
    phones.answers = {device.address: [SendResult(Verdict.MESSAGE_BAD, word)]}
    dispatch = make_dispatch(app)
    run_lane()
    assert outcomes(dispatch) == {"message_bad": 1}


def test_a_closed_channel_is_probed_with_one_device_and_opens_again(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 3)
    dispatch = make_dispatch(app)
    Channel.objects.update(state="paused", probe_after=NOW + timedelta(seconds=30))
    assert run_lane().devices == 0
    assert run_lane(at=NOW + timedelta(seconds=31)).devices == 3
    assert Channel.objects.get().state == "active"
    assert outcomes(dispatch) == {"accepted": 3}


def test_a_probe_that_fails_costs_one_call(app: App, phones: Phones, run_lane: Worker) -> None:
    devices = make_people(app, 3)
    phones.answers = {device.address: [DENIED] for device in devices}
    make_dispatch(app)
    Channel.objects.update(state="paused", probe_after=NOW)
    run_lane()
    assert sum(phones.calls.values()) == 1
    assert Channel.objects.get().probe_after > NOW


def test_who_leaves_the_topic_after_planning_gets_nothing_of_it(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    Customer.objects.update(topics=["offers"])
    about_offers, about_all = make_dispatch(app, policy=Policy(topic="offers")), make_dispatch(app)
    record_consent(
        customer_ids=[Customer.objects.get().pk], channel="push", topic="offers", granted=False, source="api", now=NOW
    )
    run_lane()
    assert outcomes(about_offers) == {"excluded:no_consent": 1}
    assert (len(phones.inbox), outcomes(about_all)) == (1, {"accepted": 1})


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"push_consent": False}, "excluded:no_consent"),
        ({"erased_at": NOW}, "excluded:erased"),
    ],
)
def test_what_a_person_decides_after_planning_holds(
    app: App, phones: Phones, run_lane: Worker, change: dict[str, object], outcome: str
) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    Customer.objects.update(**change)
    run_lane()
    assert (phones.inbox, outcomes(dispatch)) == ([], {outcome: 1})


@pytest.mark.parametrize(
    ("state", "outcome"), [("dead", "token_dead"), ("quarantined", "excluded:no_live_device"), ("stale", "accepted")]
)
def test_a_device_is_looked_at_again(app: App, run_lane: Worker, state: str, outcome: str) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    Device.objects.update(state=state)
    run_lane()
    assert outcomes(dispatch) == {outcome: 1}


def test_a_device_that_moved_to_somebody_else_is_not_sent_to(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    Device.objects.update(customer=make_customer(app))
    run_lane()
    assert (phones.inbox, outcomes(dispatch)) == ([], {"excluded:moved": 1})


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_dispatch_that_is_not_sending_sends_nothing(app: App, phones: Phones, run_lane: Worker, state: str) -> None:
    make_people(app, 1)
    dispatch = make_dispatch(app)
    Dispatch.objects.update(state=state)
    assert (run_lane().devices, phones.inbox) == (0, [])
    Dispatch.objects.update(state="sending")
    assert run_lane().devices == 1
    assert outcomes(dispatch) == {"accepted": 1}


def test_a_dispatch_paused_in_mid_batch_stops_at_the_next_slice(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 250)
    dispatch = make_dispatch(app)

    def pause() -> None:
        Dispatch.objects.update(state="paused")
        connection.close()

    phones.meanwhile = pause
    run_lane()
    batch = Batch.objects.get()
    assert (len(phones.inbox), batch.state, batch.recorded, batch.opened) == (100, "waiting", 100, 100)
    assert outcomes(dispatch) == {"accepted": 100}


def test_nothing_goes_out_before_release_in_quiet_hours_or_after_expiry(
    app: App, phones: Phones, run_lane: Worker
) -> None:
    make_people(app, 1)
    make_dispatch(app, release_at=NOW + timedelta(hours=1), policy=Policy(quiet_from="22:00", quiet_until="08:00"))
    for hours in (0, 10, 25):
        run_lane(at=NOW + timedelta(hours=hours))
    assert phones.inbox == []
    run_lane(at=NOW + timedelta(hours=2))
    assert len(phones.inbox) == 1


def test_the_lanes_are_apart(app: App, run_lane: Worker) -> None:
    make_people(app, 1)
    make_dispatch(app, lane="urgent")
    assert run_lane("bulk").devices == 0
    assert run_lane("urgent").devices == 1


def test_every_recorded_slice_adds_to_the_feed(app: App, run_lane: Worker) -> None:
    make_people(app, 150)
    make_dispatch(app)
    run_lane()
    assert sum(row[3] for page in LedgerPage.objects.all() for row in page.counts if row[:3] == [1, 0, 1]) == 150


def test_answers_outlive_the_connection_they_are_written_through(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 250)
    dispatch = make_dispatch(app)
    cut: list[int] = []

    def cut_connections() -> None:
        with connection.cursor() as cursor:
            if not cut:
                cursor.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
                cut.append(len(cursor.fetchall()))
        connection.close()

    phones.meanwhile = cut_connections
    run_lane()
    assert cut[0] > 0
    assert outcomes(dispatch) == {"accepted": 250}
    assert len(phones.inbox) == 250


def test_an_outcome_that_is_there_already_stays(app: App, run_lane: Worker) -> None:
    devices = make_people(app, 50)
    dispatch = make_dispatch(app)
    Delivery.objects.create(
        planned_on=NOW.date(), dispatch_id=dispatch.id, device_id=devices[7].id, customer_id=devices[7].customer_id,
        app_id=app.pk, outcome=4, gateway=1, platform=1, variant=0, attempt=1, recorded_at=NOW,
    )  # fmt: skip
    run_lane()
    assert outcomes(dispatch) == {"accepted": 49, "expired": 1}
    assert sum(row[3] for page in LedgerPage.objects.all() for row in page.counts) == 49


def test_a_shift_that_failed_leaves_nothing_for_the_next(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 5)
    dispatch = make_dispatch(app)
    phones.seconds = 0.2

    def broken_clock() -> datetime:
        if phones.most_at_once:
            raise ZeroDivisionError
        return NOW

    with pytest.raises(ZeroDivisionError):
        run_lane(clock=broken_clock)
    assert run_lane().devices == 0
    assert reclaim_batches(now=NOW + timedelta(minutes=1)) == 1
    phones.seconds = 0.0
    run_lane()
    assert outcomes(dispatch) == {"accepted": 5}
    assert len(phones.inbox) == 10


def test_an_answer_that_comes_after_the_lease_counts_while_nobody_began_again(
    app: App, phones: Phones, run_lane: Worker
) -> None:
    make_people(app, 5)
    dispatch = make_dispatch(app)
    reclaimed = []

    def lease_runs_out() -> None:
        reclaimed.append(reclaim_batches(now=NOW + timedelta(minutes=1)))
        connection.close()

    phones.meanwhile = lease_runs_out
    run_lane()
    assert reclaimed == [1]
    assert outcomes(dispatch) == {"accepted": 5}
    assert len(phones.inbox) == 5


def test_in_flight_is_bounded(app: App, phones: Phones, run_lane: Worker) -> None:
    make_people(app, 300)
    for _ in range(5):
        make_dispatch(app, throttle_per_second=30)  # small batches, all at the same device set
    Dispatch.objects.update(throttle_per_second=None)
    phones.seconds = 0.05
    run_lane()
    assert 100 < phones.most_at_once <= 1000
