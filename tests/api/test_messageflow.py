"""MessageFlow's developer form: taken unchanged, answered in the same envelope, its problems in its own words."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import App
from apps.deliveries.models import Batch, Content, Dispatch
from apps.deliveries.policy import Policy
from tests.factories import make_app, make_customer, make_device
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
PUSH = "/v2.1/push"
GOLDEN = {
    "applications": ["shop"],
    "to": [
        {"receiver": "token-1", "externalId": "order-7", "type": 1},
        {"receiver": "anna@example.com", "externalId": "order-8", "type": 2},
        {"receiver": "48500600700", "externalId": "order-9", "type": 3},
    ],
    "title": {"pl": "Twoje zamówienie", "en_US": "Your order"},
    "body": {"pl": "Jest w drodze", "en_US": "It is on its way"},
    "defaultLanguage": "pl",
    "image": "http://absolute.url/to/image",
    "silent": False,
    "sound": "DEAFULT",
    "ttl": 4102444800,
    "scheduleTime": "2027-01-01 12:12:12",
    "action": {"type": 4, "url": "shop://orders/7"},
    "actionButtons": [
        {"button": 9, "icon": "open.png", "action": {"type": 3, "url": "https://shop.example/7"}},
        {"button": 6, "action": []},
    ],
    "externalData": {"order": 7, "gift": True, "note": "ring twice"},
    "advanced": {"subtitle": "Shop", "lockscreenVisibility": 1, "icon": {"small": "a", "large": "b"}},
}
LEAST = {
    "applications": ["shop"],
    "to": [{"receiver": "token-1"}],
    "title": {"pl": "Kod"},
    "body": {"pl": "123456"},
    "defaultLanguage": "pl",
}


@pytest.fixture
def people(app):
    App.objects.update(link_schemes=["shop"], time_zone="Europe/Warsaw")
    return [
        make_device(make_customer(app), address="token-1"),
        make_device(make_customer(app, email="anna@example.com")),
        make_device(make_customer(app, phone="+48500600700"), gateway="apns"),
    ]


def test_the_golden_example_is_taken_whole(app, people):
    api = ApiCaller("")
    headers = {"Authorization": make_key(app), "Application_Key": "shop"}
    answer = api.post(PUSH, GOLDEN, **headers)
    assert answer.status_code == 202, answer.content
    said = answer.json()
    assert (said["meta"]["numberOfData"], said["meta"]["numberOfErrors"]) == (3, 0)
    assert [(one["receiver"], one["externalId"], one["status"]) for one in said["data"]] == [
        (one["receiver"], one["externalId"], "queued") for one in GOLDEN["to"]
    ]
    assert [one["deliveries"][0]["device_id"] for one in said["data"]] == [one.pk for one in people]
    assert {(one["parameter"], one["code"]) for one in said["warnings"]} == {
        ("image", "image_left_out"), ("ttl", "ttl_shortened"), ("advanced/icon/large", "not_passed_on"),
        ("actionButtons/0/icon", "not_passed_on"),
    }  # fmt: skip


def test_the_golden_example_becomes_a_text_a_language(api, people):
    api.post(PUSH, GOLDEN)
    texts = {content.language: content.body for content in Content.objects.all()}
    assert texts["pl"] == {
        "title": "Twoje zamówienie",
        "body": "Jest w drodze",
        "link": "shop://orders/7",
        "data": {"order": "7", "gift": "true", "note": "ring twice"},
        "sound": "default",
        "subtitle": "Shop",
        "lock_screen": "public",
        "android_icon": "a",
        "buttons": [
            {"id": "open", "label": "Otwórz", "link": "https://shop.example/7"},
            {"id": "later", "label": "Później", "link": ""},
        ],
    }
    assert (texts["en-US"]["title"], texts["en-US"]["buttons"][0]["label"]) == ("Your order", "Open")
    assert Policy.from_json(Dispatch.objects.get().policy).default_language == "pl"


def test_a_time_without_zone_is_the_apps_own(api, people):
    api.post(PUSH, GOLDEN)
    at = datetime(2027, 1, 1, 12, 12, 12, tzinfo=ZoneInfo("Europe/Warsaw"))
    batch = Batch.objects.first()
    assert (batch.release_at, batch.expires_at) == (at, at + timedelta(days=28))


def test_ttl_is_the_moment_of_expiry(api, people):
    ttl = int(time.time()) + 600
    assert api.post(PUSH, {**LEAST, "ttl": ttl}).status_code == 202
    assert Batch.objects.get().expires_at == datetime.fromtimestamp(ttl, UTC)


def test_a_bare_date_of_today_is_now(api, people):
    today = timezone.now().astimezone(ZoneInfo("Europe/Warsaw")).date().isoformat()
    assert api.post(PUSH, {**LEAST, "scheduleTime": today}).status_code == 202
    assert Batch.objects.get().release_at <= timezone.now()


def test_every_receiver_has_its_verdict_in_input_order(api, app, people):
    make_customer(app, email="bare@example.com")
    make_device(make_customer(app, phone="+48500600701", push_consent=False))
    to = [("nobodys", 1), ("token-1", 1), ("token-1", 1), ("bare@example.com", 2), ("no@example.com", 2),
          ("no mail", 2), ("+48 500 600 701", 3), ("500", 3), ("+48500600700", 3), ("48500600700", 3)]  # fmt: skip
    answer = api.post(PUSH, {**LEAST, "to": [{"receiver": name, "type": kind} for name, kind in to]})
    assert [one["status"] for one in answer.json()["data"]] == [
        "unknown_token", "queued", "duplicate", "no_live_device", "unknown_customer", "unknown_customer",
        "no_consent", "unknown_customer", "queued", "duplicate",
    ]  # fmt: skip
    assert answer.json()["errors"][0]["meta"]["source"] == "/to/0/receiver"


def test_all_who_share_an_address_get_it_and_other_apps_do_not(api, app):
    mine = [make_device(make_customer(app, email="a@example.com")).pk for _ in range(2)]
    with connection.cursor() as cursor:  # one as a version of before kept it
        where = "where id = (select max(id) from customers_customer)"
        cursor.execute(f"update customers_customer set email = 'A@Example.com' {where}")
    make_device(make_customer(make_app(), email="a@example.com"))
    api.post(PUSH, {**LEAST, "to": [{"receiver": "a@EXAMPLE.com", "type": 2}]})
    assert Batch.objects.get().device_ids == mine


def test_the_common_name_of_its_receivers_finds_it(api, people):
    to = [{"receiver": "token-1", "externalId": "order-7"}, {"receiver": "x", "externalId": "order-7"}]
    api.post(PUSH, {**LEAST, "to": to})
    found = api.get(f"{PUSH}?external_id=order-7").json()["data"]
    assert [one["external_id"] for one in found] == ["order-7"]


def test_a_language_with_one_text_borrows_the_other(api, people):
    api.post(PUSH, {**LEAST, "title": {"pl": "Kod", "de": "Code"}})
    german = Content.objects.get(language="de").body
    assert (german["title"], german["body"]) == ("Code", "123456")


def test_a_replay_is_identical(api, people):
    first = api.post(PUSH, GOLDEN, idempotency_key="k")
    second = api.post(PUSH, GOLDEN, idempotency_key="k")
    assert (second.content, second.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert Dispatch.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code", "source"),
    [
        ({"applications": ["other"]}, 404, "not_found", "/applications/0"),
        ({"applications": None}, 400, "required", "/applications"),
        ({"applications": []}, 400, "required", "/applications"),
        ({"to": None}, 400, "required", "/to"),
        ({"to": [{"type": 1}]}, 400, "required", "/to/0/receiver"),
        ({"to": [{"receiver": "t", "type": 4}]}, 400, "range", "/to/0/type"),
        ({"to": [{"receiver": "t", "type": "1"}]}, 400, "type", "/to/0/type"),
        ({"to": ["t"]}, 400, "type", "/to/0"),
        ({"to": [{"receiver": "t"}] * 1001}, 413, "too_many_recipients", "/to"),
        ({"device_tokens": ["t"]}, 400, "unknown_field", "/device_tokens"),
        ({"titel": {}}, 400, "unknown_field", "/titel"),
        ({"title": "Kod"}, 400, "type", "/title"),
        ({"title": {"de": "Code"}}, 400, "required", "/title/pl"),
        ({"title": {"pl": " "}}, 400, "required", "/title/pl"),
        ({"title": {"pl": 7}}, 400, "type", "/title/pl"),
        ({"title": {"polski": "x"}}, 400, "language_tag", "/title/polski"),
        ({"title": {"pl": "{{ x"}}, 400, "template_syntax", "/title/pl"),
        ({"title": {"pl": "a", "de": "a\nb"}}, 400, "newline_not_allowed", "/title/de"),
        ({"body": {"pl": "{{ nickname }}"}}, 422, "missing_variables", "/body/pl"),
        ({"defaultLanguage": "polski"}, 400, "language_tag", "/defaultLanguage"),
        ({"image": "javascript:alert(1)"}, 400, "image_scheme", "/image"),
        ({"sound": "../x"}, 400, "format", "/sound"),
        ({"silent": 1}, 400, "type", "/silent"),
        ({"ttl": 1540377351}, 400, "range", "/ttl"),
        ({"ttl": 4102444800000}, 400, "range", "/ttl"),
        ({"ttl": "4102444800"}, 400, "type", "/ttl"),
        ({"ttl": 2**62}, 400, "range", "/ttl"),
        ({"ttl": -1e300}, 400, "range", "/ttl"),
        ({"ttl": True}, 400, "type", "/ttl"),
        ({"scheduleTime": "2020-01-01 12:12:12"}, 400, "schedule_in_past", "/scheduleTime"),
        ({"scheduleTime": "2126-01-01"}, 400, "range", "/scheduleTime"),
        ({"scheduleTime": "2027-13-01"}, 400, "date_format", "/scheduleTime"),
        ({"scheduleTime": "tomorrow"}, 400, "date_format", "/scheduleTime"),
        ({"scheduleTime": 1540377351}, 400, "type", "/scheduleTime"),
        ({"action": {"type": 2}}, 400, "required", "/action/url"),
        ({"action": {"type": 5, "url": "https://a.b/"}}, 400, "range", "/action/type"),
        ({"action": {"type": 2, "url": "javascript:x"}}, 400, "link_scheme", "/action/url"),
        ({"action": "open"}, 400, "type", "/action"),
        ({"actionButtons": [{"button": 14}]}, 400, "range", "/actionButtons/0/button"),
        ({"actionButtons": [{"button": 1}] * 2}, 400, "duplicate", "/actionButtons/1/button"),
        ({"actionButtons": [{"button": 1}] * 4}, 400, "too_many", "/actionButtons"),
        ({"actionButtons": [{"button": 1, "action": {"type": 4}}]}, 400, "required", "/actionButtons/0/action/url"),
        ({"externalData": "x"}, 400, "type", "/externalData"),
        ({"externalData": {"aps": "x"}}, 400, "reserved_key", "/externalData/aps"),
        ({"advanced": 7}, 400, "type", "/advanced"),
    ],
)
def test_what_is_wrong_is_named_in_its_own_words(api, people, changes, status, code, source):
    answer = api.post(PUSH, {**LEAST, **changes})
    assert (answer.status_code, code in codes_of(answer)) == (status, True), answer.content
    assert source in {error["meta"]["source"] for error in answer.json()["errors"]}
    assert not Dispatch.objects.exists()


def test_an_empty_php_list_is_an_empty_object(api, people):
    answer = api.post(PUSH, {**LEAST, "externalData": [], "advanced": [], "action": []})
    assert (answer.status_code, answer.json()["warnings"]) == (202, [])


def test_whatever_stands_in_advanced_is_warned_about(api, people):
    answer = api.post(PUSH, {**LEAST, "advanced": {"badge/count": 3, "channel": None}})
    assert [(one["parameter"], one["code"]) for one in answer.json()["warnings"]] == [
        ("advanced/badge~1count", "not_passed_on")
    ]


@pytest.mark.parametrize(
    ("advanced", "carried", "warned"),
    [
        ({"lockscreenVisibility": 0}, {"lock_screen": "private"}, []),
        ({"lockscreenVisibility": -1}, {"lock_screen": "secret"}, []),
        ({"lockscreenVisibility": 2}, {}, ["lockscreenVisibility"]),
        ({"lockscreenVisibility": True}, {}, ["lockscreenVisibility"]),
        ({"icon": {"small": "ic_parcel", "large": ""}}, {"android_icon": "ic_parcel"}, []),
        ({"icon": {"small": "https://a.b/i.png"}}, {}, ["icon/small"]),
        ({"icon": "ic_parcel"}, {}, ["icon"]),
        ({"subtitle": "two\nlines"}, {}, ["subtitle"]),
        ({"subtitle": "{{ x"}, {}, ["subtitle"]),
        ({"subtitle": {"de": "Laden", "pl": "Sklep"}}, {"subtitle": "Sklep"}, []),
        ({"subtitle": {"de": "Laden", "pl": 7}}, {}, ["subtitle"]),
    ],
)
def test_advanced_is_carried_where_it_can_be_and_named_where_not(api, people, advanced, carried, warned):
    answer = api.post(PUSH, {**LEAST, "advanced": advanced})
    body = Content.objects.get().body
    assert {name: body[name] for name in ("subtitle", "lock_screen", "android_icon") if name in body} == carried
    assert [one["parameter"] for one in answer.json()["warnings"]] == [f"advanced/{name}" for name in warned]


def test_a_subtitle_a_language_and_an_icon_that_browsers_show(api, people):
    button = {"button": 9, "icon": "https://shop.example/i.png"}
    body = {**LEAST, "title": {"pl": "Kod", "de": "Code"}, "advanced": {"subtitle": {"de": "Laden", "pl": "Sklep"}}}
    assert api.post(PUSH, {**body, "actionButtons": [button]}).json()["warnings"] == []
    bodies = {content.language: content.body for content in Content.objects.all()}
    assert (bodies["pl"]["subtitle"], bodies["de"]["subtitle"]) == ("Sklep", "Laden")
    assert bodies["pl"]["buttons"][0]["icon"] == "https://shop.example/i.png"


def test_a_default_language_that_is_none_is_all_that_is_told(api, people):
    answer = api.post(PUSH, {**LEAST, "defaultLanguage": "x" * 5_000})
    assert codes_of(answer) == {"too_long", "language_tag"}
    assert len(answer.content) < 2_000
