"""GET /c/{signed}: to the stored page and nowhere else; only people count."""

import pytest
from django.test import Client

from apps.campaigns.models import MessageTemplate
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Content, Receipt
from apps.deliveries.services.plan import ContentDraft
from tests.factories import NOW, make_channel, make_customer, make_device, make_dispatch

pytestmark = pytest.mark.django_db
BROWSER = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"}
PAGE = "https://shop.example/käse?q=1#top"


@pytest.fixture
def visitor():
    return Client()


@pytest.fixture
def delivery_id(app):
    make_channel(app, gateway="webpush")
    device = make_device(make_customer(app), gateway="webpush")
    body = {"title": "t", "body": "b", "link": PAGE, "counts_clicks": True}
    dispatch = make_dispatch(app, contents=[ContentDraft(0, "", body)])
    return make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.pk, device_id=device.pk)


def test_a_person_is_led_to_the_page_and_counted(visitor, delivery_id):
    answer = visitor.get(f"/c/{delivery_id}?to=https://evil.example", headers=BROWSER)
    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/k%C3%A4se?q=1#top")
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert not visitor.cookies
    assert sorted(Receipt.objects.values_list("type", flat=True)) == [3, 4]


def test_a_phone_with_bot_in_its_name_is_a_person(visitor, delivery_id):
    agent = "Mozilla/5.0 (Linux; Android 14; CUBOT X90) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
    visitor.get(f"/c/{delivery_id}", headers={"User-Agent": agent})
    assert Receipt.objects.count() == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "facebookexternalhit/1.1"},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"User-Agent": "WhatsApp/2.23.20.0"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0"},
        {"User-Agent": ""},
        {**BROWSER, "Sec-Purpose": "prefetch;prerender"},
        {**BROWSER, "X-Purpose": "preview"},
    ],
)
def test_programs_are_led_on_and_not_counted(visitor, delivery_id, headers):
    assert visitor.get(f"/c/{delivery_id}", headers=headers).status_code == 302
    assert not Receipt.objects.exists()


def test_a_head_request_does_not_count(visitor, delivery_id):
    answer = visitor.head(f"/c/{delivery_id}", headers=BROWSER)
    assert (answer.status_code, answer["Location"][:20]) == (302, "https://shop.example")
    assert not Receipt.objects.exists()


def test_posting_is_refused(visitor, delivery_id):
    assert visitor.post(f"/c/{delivery_id}", headers=BROWSER).status_code == 405


def test_forged_foreign_and_odd_links_get_the_same_page(visitor, delivery_id):
    forged = delivery_id[:-1] + ("A" if delivery_id[-1] != "A" else "B")
    unknown = make_delivery_id(planned_on=NOW.date(), dispatch_id=2**62, device_id=1)
    odd = ["x", "x" * 40, "%00" * 40, "é" * 40, "x" * 5000]
    answers = [visitor.get(f"/c/{one}", headers=BROWSER) for one in [forged, unknown, *odd]]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert b"does not work any more" in answers[0].content


def test_a_link_that_is_hammered_waits(visitor, delivery_id):
    answers = [visitor.get(f"/c/{delivery_id}", headers=BROWSER) for _ in range(31)]
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1]["Retry-After"]) <= 60


def test_a_template_counts_nothing_in_a_transactional_push(api, app):
    text = {"title": "t", "body": "b", "link": PAGE, "counts_clicks": True, "link_tags": {"utm_source": "x"}}
    MessageTemplate.objects.create(app=app, name="Code", texts={app.default_language: text}, created_at=NOW)
    device = make_device(make_customer(app))
    answer = api.post("/v2.1/push", {"device_tokens": [device.address], "template": "Code"})
    assert answer.status_code == 202, answer.content
    assert Content.objects.get().body == {"title": "t", "body": "b", "link": PAGE}
