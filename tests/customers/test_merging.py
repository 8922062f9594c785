"""Two rows turn out to be one person: everything known moves, a no stays a no, and nobody else notices."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from apps.accounts.models import App, AuditEntry
from apps.core.problems import Conflict
from apps.customers.models import Consent, Customer, Event
from apps.customers.services.consent import record_consent
from apps.customers.services.erasure import erase_customer
from apps.customers.services.events import EventDraft, ingest_events
from apps.customers.services.merging import merge_customers, settle_identities
from apps.customers.services.profiles import CustomerDraft, upsert_customers
from apps.devices.models import Device
from apps.devices.services.registration import DeviceDraft, register
from apps.segments.models import Segment, SegmentMember
from tests.factories import NOW, make_app, make_customer, make_device, make_event, make_segment

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


@pytest.fixture
def app() -> App:
    return make_app()


def merge(half: Customer, kept: Customer) -> Customer:
    merge_customers(customer=half, into=kept, actor="owner", now=LATER)
    half.refresh_from_db()
    return Customer.objects.get(pk=half.merged_into_id or half.pk)


def launch(app: App, customer: str | None, **fields: object) -> Device:
    draft = DeviceDraft(**{"platform": "android", "provider": "fcm", "address": "token-1", **fields})  # type: ignore[arg-type]
    return Device.objects.get(pk=register(app=app, draft=draft, customer=customer, now=NOW).device_id)


def test_the_first_log_in_names_the_anonymous_person(app: App) -> None:
    device = launch(app, None)
    make_event(device.customer, "look")
    launch(app, "anna")
    assert Customer.objects.get().external_id == "anna"


def test_logging_in_as_somebody_known_brings_the_history_along(app: App) -> None:
    anna = make_customer(app, external_id="anna")
    anonymous = launch(app, None).customer
    make_event(anonymous, "look")
    make_segment(app, [anonymous])
    launch(app, "anna")
    assert (Device.objects.get().customer, Event.objects.get().customer_id) == (anna, anna.pk)
    assert SegmentMember.objects.get().customer == anna
    assert Customer.objects.get(pk=anonymous.pk).merged_into == anna
    assert [entry.action for entry in AuditEntry.objects.all()] == ["customer.merged"]


def test_a_rotated_token_that_logs_in_is_merged_too(app: App) -> None:
    anna = make_customer(app, external_id="anna")
    launch(app, None)
    launch(app, "anna", address="token-2", previous_address="token-1")
    assert Device.objects.get().customer == anna


def test_a_known_persons_device_passed_on_merges_nobody(app: App) -> None:
    launch(app, "anna")
    launch(app, "bea")
    assert not Customer.objects.exclude(merged_into=None).exists()


def test_facts_of_the_kept_one_win_and_gaps_are_filled(app: App) -> None:
    kept = make_customer(app, first_name="Anna", email="", traits={"a": 1})
    half = make_customer(app, external_id=None, first_name="X", email="a@b.pl", traits={"a": 2, "b": 3})
    one = merge(half, kept)
    assert (one.first_name, one.email, one.traits) == ("Anna", "a@b.pl", {"a": 1, "b": 3})
    half.refresh_from_db()
    assert (half.email, half.traits) == ("", {})


@pytest.mark.parametrize(
    ("half", "kept", "together"),
    [(False, True, False), (True, False, False), (True, None, True), (None, True, True), (None, None, None)],
)
def test_a_no_of_either_side_holds(app: App, half: bool | None, kept: bool | None, together: bool | None) -> None:
    people = make_customer(app, external_id=None), make_customer(app)
    for person, granted in zip(people, (half, kept), strict=True):
        if granted is not None:
            record_consent(customer_ids=[person.pk], channel="push", granted=granted, source="api", now=NOW)
    one = merge(*people)
    assert one.push_consent is together
    newest = Consent.objects.filter(customer=one).first()
    assert (newest and newest.granted) is together


def test_a_yes_newer_than_the_others_no_is_answered_by_that_no_again(app: App) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    record_consent(customer_ids=[kept.pk], channel="push", granted=False, source="api", now=NOW)
    record_consent(customer_ids=[half.pk], channel="push", granted=True, source="api", now=NOW + timedelta(hours=1))
    merge(half, kept)
    told = [(one.granted, one.source) for one in Consent.objects.filter(customer=kept)]
    assert told == [(False, "merge"), (True, "api"), (False, "api")]


def test_a_topic_refused_on_either_side_is_left(app: App) -> None:
    half, kept = make_customer(app, topics=["news", "sale"]), make_customer(app, topics=["sale", "tips"])
    record_consent(customer_ids=[kept.pk], channel="push", topic="news", granted=False, source="api", now=NOW)
    assert merge(half, kept).topics == ["sale", "tips"]


def test_default_topics_of_a_nameless_row_are_nobodys_choice(app: App) -> None:
    half = make_customer(app, external_id=None, topics=["default"])
    record_consent(customer_ids=[half.pk], channel="push", topic="chosen", granted=True, source="api", now=NOW)
    assert merge(half, make_customer(app)).topics == ["chosen"]


def test_who_was_in_a_segment_twice_is_in_it_once_since_the_earlier_time(app: App) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    segment = make_segment(app, [half, kept])
    SegmentMember.objects.filter(customer=half).update(joined_at=NOW - timedelta(days=3))
    merge(half, kept)
    assert SegmentMember.objects.get().joined_at == NOW - timedelta(days=3)
    assert Segment.objects.get(pk=segment.pk).member_count == 1


def test_merging_twice_is_merging_once(app: App) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    assert merge_customers(customer=half, into=kept, actor="owner", now=LATER)
    assert not merge_customers(customer=half, into=kept, actor="owner", now=LATER)
    assert AuditEntry.objects.count() == 1


def test_a_merged_row_points_at_the_person_even_after_another_merge(app: App) -> None:
    first, second, third = make_customer(app, external_id=None), make_customer(app), make_customer(app)
    merge(first, second)
    merge(second, third)
    first.refresh_from_db()
    assert first.merged_into == third


def test_whoever_has_a_name_is_kept(app: App) -> None:
    named, nameless = make_customer(app), make_customer(app, external_id=None)
    assert merge(named, nameless) == named


def test_the_other_name_still_finds_the_person(app: App) -> None:
    half, kept = make_customer(app, external_id="old"), make_customer(app, external_id="new")
    merge(half, kept)
    drafts = [CustomerDraft("old", first_name="Ola"), CustomerDraft("new", last_name="Nowak")]
    assert [one.customer_id for one in upsert_customers(app=app, drafts=drafts, now=LATER)] == [kept.pk, kept.pk]
    ingest_events(app=app, drafts=[EventDraft("old", "look")], now=LATER)
    kept.refresh_from_db()
    assert (kept.first_name, kept.last_name, Event.objects.get().customer_id) == ("Ola", "Nowak", kept.pk)


def test_an_answer_to_a_merged_row_is_the_persons(app: App) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    merge(half, kept)
    record_consent(customer_ids=[half.pk], channel="push", granted=False, source="sms_reply", now=LATER)
    kept.refresh_from_db()
    assert (kept.push_consent, Consent.objects.get().customer) == (False, kept)


def test_erasing_forgets_both_names(app: App) -> None:
    half, kept = make_customer(app, external_id="old"), make_customer(app, external_id="new")
    merge(half, kept)
    assert erase_customer(app=app, external_id="old", actor="owner", now=LATER)
    assert not Customer.objects.exclude(external_id=None).exists()
    drafts = [CustomerDraft("old"), CustomerDraft("new")]
    assert {one.status for one in upsert_customers(app=app, drafts=drafts, now=LATER)} == {"refused"}


def test_the_erased_are_merged_with_nobody(app: App) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app, external_id=None, erased_at=NOW)
    with pytest.raises(Conflict) as refusal:
        merge(half, kept)
    assert refusal.value.code == "customer_erased"


def test_people_of_two_apps_are_never_one(app: App) -> None:
    with pytest.raises(Conflict):
        merge(make_customer(app), make_customer(make_app()))


def test_what_raced_with_a_merge_follows_the_person(app: App) -> None:
    half, kept = make_customer(app, external_id=None), make_customer(app)
    merge(half, kept)
    make_event(half, "late")
    device = make_device(half)
    assert settle_identities(now=LATER) == 1
    device.refresh_from_db()
    assert (Event.objects.get().customer_id, device.customer) == (kept.pk, kept)


@pytest.mark.django_db(transaction=True)
def test_merges_at_the_same_time_end_as_one_person() -> None:
    app = make_app()
    people = [make_customer(app, external_id=None) for _ in range(5)] + [make_customer(app)]
    pairs = [(people[index], people[index + 1]) for index in range(5)] + [(people[0], people[5])]

    def one(pair: tuple[Customer, Customer]) -> None:
        try:
            merge_customers(customer=pair[0], into=pair[1], actor="owner", now=LATER)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as mergers:
        list(mergers.map(one, pairs))
    assert set(Customer.objects.exclude(pk=people[5].pk).values_list("merged_into", flat=True)) == {people[5].pk}


@pytest.mark.django_db(transaction=True)
def test_an_opt_out_that_waits_for_a_merge_is_not_lost() -> None:
    app = make_app()
    half, kept = make_customer(app, external_id=None), make_customer(app)

    def refuse() -> None:
        try:
            record_consent(customer_ids=[half.pk], channel="push", granted=False, source="api", now=LATER)
        finally:
            connection.close()

    def join() -> None:
        try:
            merge_customers(customer=half, into=kept, actor="owner", now=LATER)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(join), both.submit(refuse)]:
            done.result()
    kept.refresh_from_db()
    assert kept.push_consent is False


@pytest.mark.django_db(transaction=True)
def test_log_ins_and_merges_at_the_same_time_all_come_through() -> None:
    app = make_app()
    first, second = make_customer(app, external_id="anna"), make_customer(app, external_id="bea")
    for number in range(8):
        launch(app, None, address=f"token-{number}")

    def log_in(number: int) -> None:
        try:
            for name in ("anna", "bea"):
                launch(app, name, address=f"token-{number}", consent={"push": number % 2 == 0})
        finally:
            connection.close()

    def join() -> None:
        try:
            merge_customers(customer=first, into=second, actor="owner", now=LATER)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as callers:
        done = [callers.submit(log_in, number) for number in range(8)]
        done.insert(4, callers.submit(join))
        for one in done:
            one.result()
    settle_identities(now=LATER)
    assert set(Device.objects.values_list("customer", flat=True)) == {second.pk}
    assert set(Customer.objects.exclude(pk=second.pk).values_list("merged_into", flat=True)) == {second.pk}
