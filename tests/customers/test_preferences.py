"""The preference page: a signed link, no log-in, and every change in the ledger with the words that were shown."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.customers.models import Consent, Customer, Topic, Wording
from apps.customers.preference_links import preferences_url, read_signed
from apps.customers.services.merging import merge_customers
from apps.customers.services.profiles import CustomerDraft, customer_for, upsert_customers
from apps.customers.services.wordings import save_topic, write_wording
from tests.factories import NOW, make_app, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app(name="Lantern")


@pytest.fixture
def anna(app: App) -> Customer:
    return make_customer(app, phone="+48500600700", topics=["news"])


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True)


def link(customer: Customer, **ago: float) -> str:
    url = preferences_url(app_id=customer.app_id, customer_id=customer.pk, now=timezone.now() - timedelta(**ago))
    return url.removeprefix(settings.PUBLIC_URL)


def make_topic(app: App, key: str, **fields: Any) -> Topic:
    topic = Topic(app=app, **{"key": key, "name": key.title(), "description": f"All about {key}.", **fields})
    return save_topic(topic=topic, author="mia", now=NOW)


def answers(customer: Customer) -> set[tuple[str, str, bool]]:
    return set(Consent.objects.filter(customer=customer).values_list("channel", "topic", "granted"))


def test_a_look_changes_nothing_and_sets_no_cookie(visitor: Client, anna: Customer) -> None:
    make_topic(anna.app, "offers")
    answer = visitor.get(link(anna))
    html = answer.content.decode()
    assert "Lantern" in html
    assert "All about offers." in html
    assert not any(word in html for word in ("<script", "style=", anna.phone, anna.first_name))
    assert (answer["X-Robots-Tag"], answer["Referrer-Policy"]) == ("noindex, nofollow", "no-referrer")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert (visitor.cookies, answers(anna)) == ({}, set())


def test_what_changed_is_logged_with_the_words_that_were_shown(visitor: Client, anna: Customer) -> None:
    write_wording(app=anna.app, subject="sms", text="Yes, text me offers.", author="mia", now=NOW)
    make_topic(anna.app, "news")
    make_topic(anna.app, "offers")
    page = visitor.get(link(anna)).content.decode()
    assert "Yes, text me offers." in page
    write_wording(app=anna.app, subject="sms", text="Other words, written meanwhile.", author="mia", now=NOW)
    form = {"shown": ["0 push", "1 sms", "1 topic:news", "1 topic:offers"], "on": ["push", "sms", "topic:offers"]}
    assert visitor.post(link(anna), form).status_code == 302
    anna.refresh_from_db()
    assert (anna.push_consent, anna.sms_consent, anna.topics) == (None, True, ["offers"])
    logged = {(one.channel, one.topic): one for one in Consent.objects.all()}
    sms = logged["sms", ""]
    assert (sms.source, sms.wording, sms.wording_version) == ("preference_page", "Yes, text me offers.", 1)
    assert logged["push", "offers"].wording == "Offers: All about offers."
    assert answers(anna) == {("sms", "", True), ("push", "news", False), ("push", "offers", True)}


def test_what_the_page_did_not_show_is_not_answered(visitor: Client, anna: Customer) -> None:
    visitor.post(link(anna), {"shown": ["0 push"]})
    anna.refresh_from_db()
    assert (answers(anna), anna.topics) == ({("push", "", False)}, ["news"])


@pytest.mark.parametrize(
    "form", [{"stop": "everything"}, {"List-Unsubscribe": "One-Click"}], ids=["button", "one-click"]
)
def test_everything_stops_with_one_click(visitor: Client, anna: Customer, form: dict[str, str]) -> None:
    visitor.post(link(anna), form)
    anna.refresh_from_db()
    assert (anna.push_consent, anna.sms_consent, anna.topics) == (False, False, [])
    assert answers(anna) == {("push", "", False), ("sms", "", False), ("push", "news", False)}


@pytest.mark.parametrize(
    "form",
    [
        {
            "shown": ["0 topic:invented", "0 fax", "x push", "99999999999 sms", "0 topic:\0"],
            "on": ["fax", "topic:invented"],
        },
        {"shown": "", "on": ""},
        {},
    ],
    ids=["inventions", "blanks", "nothing"],
)
def test_a_form_made_by_hand_does_no_harm(visitor: Client, anna: Customer, form: dict[str, Any]) -> None:
    assert visitor.post(link(anna), form).status_code == 302
    assert answers(anna) == set()


def test_links_that_do_not_work_all_look_the_same(visitor: Client, anna: Customer) -> None:
    good = link(anna)
    gone = make_customer(anna.app, erased_at=NOW)
    elsewhere = preferences_url(app_id=make_app().pk, customer_id=anna.pk, now=timezone.now())
    bad = [
        link(anna, days=settings.PREFERENCE_LINK_DAYS + 1),
        f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        link(gone),
        elsewhere.removeprefix(settings.PUBLIC_URL),
        "/preferences/short",
        "/preferences/%C4%85" + good[-31:],
    ]
    seen = [visitor.post(path, {"stop": "1"}) for path in bad]
    assert {(answer.status_code, answer.content) for answer in seen} == {(404, seen[0].content)}
    assert not Consent.objects.exists()


def test_a_link_follows_a_person_who_was_merged(visitor: Client, anna: Customer) -> None:
    nameless = make_customer(anna.app, external_id=None)
    path = link(nameless)
    merge_customers(customer=nameless, into=anna, actor="test", now=NOW)
    visitor.post(path, {"stop": "everything"})
    anna.refresh_from_db()
    assert (anna.push_consent, anna.topics) == (False, [])


def test_a_link_works_to_its_last_day(anna: Customer) -> None:
    signed = preferences_url(app_id=anna.app_id, customer_id=anna.pk, now=NOW).rpartition("/")[2]
    last = NOW + timedelta(days=settings.PREFERENCE_LINK_DAYS)
    key = read_signed(signed, now=last)
    assert key is not None
    assert (key.customer_id, key.app_id) == (anna.pk, anna.app_id)
    assert read_signed(signed, now=last + timedelta(days=1)) is None


def test_too_many_looks_are_asked_to_wait(visitor: Client, anna: Customer) -> None:
    seen = [visitor.get(link(anna)).status_code for _ in range(32)]
    assert (seen[0], seen[-1]) == (200, 429)
    assert "Retry-After" in visitor.get(link(anna))


def test_new_people_are_in_the_default_topics(app: App) -> None:
    make_topic(app, "news", is_default=True)
    make_topic(app, "offers")
    upsert_customers(app=app, drafts=[CustomerDraft("a"), CustomerDraft("b", topics=[])], now=NOW)
    customer_for(app=app, external_id=None, now=NOW)
    assert list(Customer.objects.order_by("id").values_list("topics", flat=True)) == [["news"], [], ["news"]]


def test_a_wording_is_never_rewritten(app: App) -> None:
    texts = ["One", "One", "Two", "One"]
    versions = [write_wording(app=app, subject="push", text=text, author="mia", now=NOW) for text in texts]
    assert versions == [1, 1, 2, 3]
    assert list(Wording.objects.order_by("version").values_list("text", flat=True)) == ["One", "Two", "One"]
