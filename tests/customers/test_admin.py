"""The pages of people: found, shown with what every floor knows, changed by the same rules as the API's."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import App, AuditEntry
from apps.customers.masking import masked_email, masked_phone
from apps.customers.models import Consent, Customer, Topic
from apps.customers.preference_links import read_signed
from apps.customers.queries import found_people
from apps.segments.models import SegmentMember
from tests.factories import NOW, make_app, make_customer, make_device, make_event, make_segment, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/customers/customer/"


@pytest.fixture
def app() -> App:
    return make_app()


def client_of(app: App, role: str) -> Client:
    client = Client()
    client.force_login(make_user(app, role=role))
    return client


def known(app: App, **fields: Any) -> Customer:
    told = {"external_id": "anna-1", "first_name": "Anna", "last_name": "Nowak"}
    return make_customer(app, **{**told, "email": "anna@example.com", "phone": "+48500600700", **fields})


def test_one_view_shows_what_every_floor_knows(app: App) -> None:
    anna = known(app, traits={"city": "Gdynia"})
    make_device(anna, model="Pixel 9")
    make_event(anna, "purchase", properties={"category": "shoes"})
    make_segment(app, [anna], name="Poles")
    html = client_of(app, "marketer").get(f"{LIST}{anna.pk}/change/").content.decode()
    for told in ("Anna Nowak", "a•••@example.com", "Gdynia", "Pixel 9", "purchase", "shoes", "Poles"):
        assert told in html


def test_contacts_are_masked_for_those_who_need_not_read_them(app: App) -> None:
    anna = known(app)
    analyst = client_of(app, "analyst")
    for page in (LIST, f"{LIST}{anna.pk}/change/"):
        html = analyst.get(page).content.decode()
        assert "a•••@example.com" in html
        assert "anna@example.com" not in html
        assert "500600" not in html
    assert analyst.get(f"{LIST}{anna.pk}/tell/").status_code == 403
    assert (masked_email("anna@example.com"), masked_phone("+48500600700")) == ("a•••@example.com", "+48 ••• 700")


@pytest.mark.parametrize(
    "words", ["anna-1", "anna", "Nowak", "anna nowak", "NOW an", "Anna@Example.com", "+48 500-600-700", "500 600 700"]
)
def test_a_person_is_found_by_what_is_known(app: App, words: str) -> None:
    anna = known(app)
    known(app, external_id="zed", first_name="Zed", last_name="Zorn", email="z@example.com", phone="+48500600111")
    assert list(found_people(Customer.objects.all(), words, apps=[app])) == [anna]


def test_a_profile_is_changed_by_the_rules_of_the_api(app: App) -> None:
    anna, marketer = known(app), client_of(app, "marketer")
    html = marketer.post(f"{LIST}{anna.pk}/edit/", {"first_name": "Ann", "phone": "123"}).content.decode()
    assert "must be a full phone number" in html
    marketer.post(f"{LIST}{anna.pk}/edit/", {"first_name": "Ann", "phone": "500 600 701", "external_id": "other"})
    anna.refresh_from_db()
    assert (anna.first_name, anna.phone, anna.email, anna.external_id) == ("Ann", "+48500600701", "", "anna-1")


def test_a_person_typed_in_by_hand_is_stored_once(app: App) -> None:
    marketer = client_of(app, "marketer")
    for _ in range(2):
        answer = marketer.post(f"{LIST}add/", {"app": app.pk, "external_id": "bea", "first_name": "Bea"})
    assert "this person is known already" in answer.content.decode()
    assert Customer.objects.get(app=app, external_id="bea").first_name == "Bea"


def test_an_answer_told_to_staff_goes_into_the_ledger(app: App) -> None:
    anna = known(app)
    client_of(app, "marketer").post(f"{LIST}{anna.pk}/consent/", {"channel": "push", "granted": "no"})
    anna.refresh_from_db()
    answer = Consent.objects.get()
    assert (anna.push_consent, answer.granted, answer.source) == (False, False, "admin")
    assert answer.wording.startswith("Told to user-")


def test_erasing_needs_the_id_and_the_right(app: App) -> None:
    anna = known(app)
    assert client_of(app, "marketer").post(f"{LIST}{anna.pk}/erase/", {"typed": "anna-1"}).status_code == 403
    owner = client_of(app, "owner")
    owner.post(f"{LIST}{anna.pk}/erase/", {"typed": "anna"})
    anna.refresh_from_db()
    assert anna.erased_at is None
    owner.post(f"{LIST}{anna.pk}/erase/", {"typed": "anna-1"})
    anna.refresh_from_db()
    assert (anna.erased_at is not None, anna.first_name) == (True, "")
    html = owner.get(f"{LIST}{anna.pk}/change/").content.decode()
    assert "This person was erased" in html
    assert owner.get(f"{LIST}{anna.pk}/edit/").status_code == 403
    rows = owner.get(LIST).content.decode()
    assert f"#{anna.pk}" in rows
    assert "not logged in yet" not in rows


def test_topics_are_shown_by_their_names(app: App) -> None:
    Topic.objects.create(app=app, key="orders", name="Your orders")
    anna = known(app, topics=["orders", "beta"])
    html = client_of(app, "marketer").get(f"{LIST}{anna.pk}/change/").content.decode()
    assert '<span class="hg-chip">Your orders</span><span class="hg-chip">beta</span>' in html


def test_all_that_is_kept_can_be_handed_over(app: App) -> None:
    answer = client_of(app, "owner").get(f"{LIST}{known(app).pk}/tell/")
    assert json.loads(answer.content)["profile"]["email"] == "anna@example.com"
    assert "attachment" in answer["Content-Disposition"]


def test_events_are_paged(app: App) -> None:
    anna = known(app)
    for number in range(25):
        make_event(anna, f"event-{number}", days_ago=number)
    client = client_of(app, "analyst")
    first = client.get(f"{LIST}{anna.pk}/change/").content.decode()
    assert ">event-19</span>" in first
    assert ">event-20</span>" not in first
    before = first.split("before=")[1].split('"')[0]
    second = client.get(f"{LIST}{anna.pk}/events/?before={before}").content.decode()
    assert "event-20" in second
    assert "event-19" not in second
    assert client.get(f"{LIST}{anna.pk}/events/?before=nonsense").status_code == 200


def test_people_of_other_apps_do_not_exist(app: App) -> None:
    foreign = known(make_app(), first_name="Foreigner")
    owner = client_of(app, "owner")
    assert owner.get(f"{LIST}{foreign.pk}/change/").status_code == 404
    assert owner.post(f"{LIST}{foreign.pk}/erase/", {"typed": "anna-1"}).status_code == 404
    assert "Foreigner" not in owner.get(LIST).content.decode()


def test_people_are_never_deleted(app: App) -> None:
    anna = known(app)
    assert client_of(app, "owner").post(f"{LIST}{anna.pk}/delete/", {"post": "yes"}).status_code == 404
    assert Customer.objects.filter(pk=anna.pk).exists()


def test_a_longer_list_costs_no_more_queries(app: App) -> None:
    client = client_of(app, "marketer")
    make_device(known(app))
    client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        client.get(LIST)
    for _ in range(8):
        make_device(make_customer(app))
    with CaptureQueriesContext(connection) as many:
        client.get(LIST)
    assert len(many) == len(few)


def test_seeing_addresses_in_full_is_a_right_and_written_down(app: App) -> None:
    anna = known(app)
    assert client_of(app, "analyst").post(f"{LIST}{anna.pk}/reveal/").status_code == 403
    html = client_of(app, "marketer").post(f"{LIST}{anna.pk}/reveal/").content.decode()
    assert "anna@example.com" in html
    assert "+48 500 600 700" in html
    assert AuditEntry.objects.get().action == "customer.revealed"


def test_the_preference_link_is_given_to_who_may_change_and_written_down(app: App) -> None:
    anna = known(app)
    assert client_of(app, "analyst").post(f"{LIST}{anna.pk}/link/").status_code == 403
    html = client_of(app, "marketer").post(f"{LIST}{anna.pk}/link/").content.decode()
    address = html.split('value="')[1].split('"')[0]
    key = read_signed(address.rpartition("/")[2], now=timezone.now())
    assert key is not None
    assert key.customer_id == anna.pk
    assert AuditEntry.objects.get().action == "customer.link_given"


def test_the_address_of_a_button_opened_by_itself_leads_back(app: App) -> None:
    anna = known(app)
    for name in ("merge", "erase", "link"):
        answer = client_of(app, "owner").get(f"{LIST}{anna.pk}/{name}/")
        assert (answer.status_code, answer["Allow"]) == (405, "POST")
        assert f'href="{LIST}{anna.pk}/change/"' in answer.content.decode()
    assert not AuditEntry.objects.exists()


def test_ids_are_written_as_they_are_and_the_dialog_names_the_person(app: App) -> None:
    owner, bare, anna = (
        client_of(app, "owner"),
        known(app, external_id="zoe-1", first_name="", last_name=""),
        known(app),
    )
    html = owner.get(f"{LIST}{bare.pk}/change/").content.decode()
    assert "zoe-1" in html
    assert "Zoe-1" not in html
    assert "Erase Anna Nowak?" in owner.get(f"{LIST}{anna.pk}/change/").content.decode()


def test_events_are_narrowed_to_a_name_without_gap_or_repeat(app: App) -> None:
    anna = known(app)
    for name in ["look"] * 25 + ["buy"]:
        make_event(anna, name)
    client = client_of(app, "analyst")
    first = client.get(f"{LIST}{anna.pk}/events/?name=look").content.decode()
    before = first.split("before=")[1].split('"')[0]
    second = client.get(f"{LIST}{anna.pk}/events/?name=look&before={before}").content.decode()
    assert (first.count(">look<"), second.count(">look<"), first.count(">buy<")) == (20, 5, 0)


def test_the_owner_merges_two_people_and_the_other_page_leads_here(app: App) -> None:
    anna, other = known(app), known(app, external_id="old")
    assert client_of(app, "marketer").post(f"{LIST}{anna.pk}/merge/", {"other": "old"}).status_code == 403
    owner = client_of(app, "owner")
    assert "nobody is called" in owner.post(f"{LIST}{anna.pk}/merge/", {"other": "x"}, follow=True).content.decode()
    owner.post(f"{LIST}{anna.pk}/merge/", {"other": "old"})
    assert owner.get(f"{LIST}{other.pk}/change/")["Location"].endswith(f"/{anna.pk}/change/")
    assert owner.post(f"{LIST}{other.pk}/erase/", {"typed": "old"}).status_code == 403


def test_segments_left_and_answers_given_stand_on_the_page(app: App) -> None:
    anna = known(app)
    SegmentMember.objects.filter(segment=make_segment(app, [anna], name="Old friends")).update(left_at=NOW)
    wording = {"source": "merge", "wording": "Yes, write to me"}
    Consent.objects.create(customer=anna, channel="sms", granted=True, at=NOW, wording_version=3, **wording)
    html = client_of(app, "analyst").get(f"{LIST}{anna.pk}/change/").content.decode()
    for told in ("Old friends", "kept when two records became one", "wording 3", "Yes, write to me"):
        assert told in html
