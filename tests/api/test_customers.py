"""`/v2.1/customers`. Numbers are of bad-input.md, parts B and C."""

import unicodedata
from urllib.parse import quote

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.customers.models import Customer
from apps.customers.preference_links import read_signed
from apps.customers.sealed import EMAIL, forms_of
from tests.factories import make_customer, make_device, make_dispatch
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
CUSTOMERS = "/v2.1/customers"


def test_one_customer_is_created_then_changed(api):
    ada = {"external_id": "c1", "first_name": "Ada", "phone": "500 600 700", "traits": {"city": "Łódź"}}
    assert api.post(CUSTOMERS, ada).status_code == 201
    changed = api.post(CUSTOMERS, {"external_id": "c1", "first_name": "Ada M."})
    assert (changed.status_code, changed.json()["status"]) == (200, "updated")
    shown = api.get(f"{CUSTOMERS}/c1").json()
    assert (shown["first_name"], shown["phone"], shown["traits"]) == ("Ada M.", "+48500600700", {"city": "Łódź"})


def test_of_many_a_bad_one_costs_no_other(api):
    people = [{"external_id": "a"}, {"external_id": ""}, {"externalid": "b"}, {"external_id": "c", "phone": "123"}]
    answer = api.post(CUSTOMERS, {"customers": people})
    assert answer.status_code == 200
    assert (answer.json()["stored"], answer.json()["refused"]) == (1, 3)
    assert answer.json()["data"] == [{"external_id": "a", "status": "created"}]
    assert {error["pointer"].split("/")[2] for error in answer.json()["errors"]} == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"external_id": ""}, "required"),
        ({"external_id": "x" * 256}, "too_long"),
        ({"external_id": "a\tb"}, "control_characters"),
        ({"external_id": None}, "required"),
        ({"external_id": 7}, "type"),
        ({"phone": "+48 12"}, "phone_invalid"),
        ({"phone": "+48221234567"}, "phone_not_mobile"),
        ({"email": "a@b"}, "email_invalid"),
        ({"email": "a@b@c.pl"}, "email_invalid"),
        ({"country": "POL"}, "country_unknown"),
        ({"time_zone": "CEST+1"}, "time_zone_unknown"),
        ({"traits": {f"t{n}": 1 for n in range(500)}}, "too_many"),
        ({"traits": {"k" * 300: 1}}, "too_long"),
        ({"traits": {"a": {"b": {}}}}, "too_deep"),
        ({"traits": {"a": "x" * 100_000}}, "too_long"),
        ({"traits": []}, "type"),
        ({"topics": "news"}, "type"),
        ({"consent": {"push": 1}}, "type"),
        ({"consent": {"fax": True}}, "channel_unknown"),
        ({"frist_name": "Ada"}, "unknown_field"),
    ],
)
def test_35_to_47_bad_fields(api, fields, code):
    answer = api.post(CUSTOMERS, {"external_id": "c1", **fields})
    assert answer.status_code == 400
    assert codes_of(answer) == {code}
    assert not Customer.objects.filter(external_id="c1").exists()


def test_40_a_trait_keeps_its_type(api):
    api.post(CUSTOMERS, {"external_id": "c1", "traits": {"age": 40}})
    answer = api.post(CUSTOMERS, {"external_id": "c1", "traits": {"age": "forty"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "attribute_type_conflict")


def test_35_names_are_nfc_and_keep_their_case(api):
    api.post(CUSTOMERS, {"external_id": "Zo\u0065\u0301"})
    assert api.get(f"{CUSTOMERS}/Zoé").json()["external_id"] == "Zoé"
    assert api.get(f"{CUSTOMERS}/zoé").status_code == 404


def test_more_than_a_thousand_is_413(api):
    answer = api.post(CUSTOMERS, {"customers": [{"external_id": str(n)} for n in range(1001)]})
    assert (answer.status_code, codes_of(answer)) == (413, {"too_many"})


def test_a_name_with_a_slash_is_found(api, app):
    make_customer(app, external_id="eu/42")
    assert api.get(f"{CUSTOMERS}/eu%2F42").json()["external_id"] == "eu/42"


@pytest.mark.parametrize(
    "name",
    [
        "a\u200db",
        "\U0001f469\u200d\U0001f4bb",
        "a\u202eb",
        "a\u00adb",
        "a\u00a0b",
        "a\u2028b",
        "\ue000",
        " padded ",
        "e\u0301" * 255,
        "%",
        "a?b#c",
        "a//b",
    ],
    ids=ascii,
)
def test_every_name_that_can_be_created_can_be_read_and_erased(api, app, name):
    assert api.post(CUSTOMERS, {"external_id": name}).status_code == 201
    path = f"{CUSTOMERS}/{quote(name, safe='')}"
    assert api.get(path).json()["external_id"] == unicodedata.normalize("NFC", name).strip()
    assert api.get(f"{path}/export").status_code == 200
    dispatch = make_dispatch(app)
    assert api.get(f"{path}/explain?dispatch={dispatch.pk}").status_code == 200
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("name", ["shop/export", "shop/explain", "/", ".."])
def test_a_name_that_no_path_can_hold_is_a_parameter(api, app, name):
    assert api.post(CUSTOMERS, {"external_id": name}).status_code == 201
    by_name = f"{CUSTOMERS}?external_id={quote(name, safe='')}"
    assert api.get(by_name).json()["external_id"] == name
    assert api.get(f"{CUSTOMERS}/{quote(name, safe='')}/export").json()["profile"]["external_id"] == name
    if name.startswith("shop/"):
        assert "?external_id=" in api.delete(f"{CUSTOMERS}/{quote(name, safe='')}").json()["detail"]
    assert api.delete(by_name).status_code == 204
    assert api.get(by_name).status_code == 404


def test_nobody_is_erased_without_a_name(api, app):
    make_customer(app)
    for answer in (api.delete(CUSTOMERS), api.get(CUSTOMERS), api.delete(f"{CUSTOMERS}?external_id=")):
        assert (answer.status_code, codes_of(answer)) == (400, {"required"})
    assert Customer.objects.filter(erased_at=None).count() == 1


def test_the_preference_link_is_for_keys_that_may_change_consent(api, app):
    make_customer(app, external_id="anna")
    assert read_signed(api.get("/v2.1/customers/anna").json()["preferences_url"].rpartition("/")[2], now=timezone.now())
    reader = ApiCaller(make_key(app, "customers:read"))
    assert reader.get("/v2.1/customers/anna").json()["preferences_url"] is None


def test_an_erased_customer_is_not_there(api, app):
    make_customer(app, external_id="gone", erased_at="2026-01-01T00:00:00Z")
    assert api.get(f"{CUSTOMERS}/gone").status_code == 404
    assert api.post(CUSTOMERS, {"external_id": "gone"}).status_code == 409


def test_a_path_with_nul_is_a_404(api):
    assert api.get(f"{CUSTOMERS}/a%00b").status_code == 404


def test_erasing_leaves_nothing_to_read(api, app):
    make_device(make_customer(app, external_id="c1", email="ada@example.com"), address="tok-1")
    assert api.delete(f"{CUSTOMERS}/c1").status_code == 204
    assert api.get(f"{CUSTOMERS}/c1").status_code == api.delete(f"{CUSTOMERS}/c1").status_code == 404
    assert not Customer.objects.filter(email__in=forms_of(app.pk, EMAIL, "ada@example.com")).exists()
    push = api.post("/v2.1/push", {"device_tokens": ["tok-1"], "title": "t", "body": "b"}).json()
    assert push["data"][0]["status"] in ("unknown_token", "dead_token")


def test_an_export_has_everything_and_is_audited(api, app):
    make_device(make_customer(app, external_id="c1", email="ada@example.com"))
    told = api.get(f"{CUSTOMERS}/c1/export").json()
    assert told["profile"]["email"] == "ada@example.com"
    assert len(told["devices"]) == 1
    assert AuditEntry.objects.get(action="customer.exported").actor.startswith("key:")


def test_a_test_key_writes_only_people_that_test_keys_made(app, api):
    live = make_customer(app, external_id="live")
    tester = ApiCaller(make_key(app, kind="test"))
    for answer in (
        tester.post(CUSTOMERS, {"external_id": "live", "first_name": "X"}),
        tester.delete(f"{CUSTOMERS}/live"),
        tester.post("/v2.1/events", {"events": [{"customer": "live", "name": "look"}]}),
        tester.post(
            "/v2.1/devices", {"platform": "android", "provider": "fcm", "address": "token-1", "customer": "live"}
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "live_customer")
    live.refresh_from_db()
    assert (live.first_name, live.erased_at, live.devices.count()) == ("Ada", None, 0)
    assert tester.get(f"{CUSTOMERS}/live").status_code == 200


def test_people_of_a_test_key_are_its_own_until_a_live_key_writes_them(app, api):
    tester = ApiCaller(make_key(app, kind="test"))
    assert tester.post(CUSTOMERS, {"external_id": "try"}).status_code == 201
    assert tester.post(CUSTOMERS, {"external_id": "try", "first_name": "T"}).json()["status"] == "updated"
    many = tester.post(CUSTOMERS, {"customers": [{"external_id": "try"}, {"external_id": "new"}]}).json()
    assert [one["status"] for one in many["data"]] == ["unchanged", "created"]
    api.post(CUSTOMERS, {"external_id": "try"})
    assert tester.delete(f"{CUSTOMERS}/try").status_code == 403
    assert tester.delete(f"{CUSTOMERS}/new").status_code == 204


def test_a_batch_names_one_new_person_created_once(api):
    answer = api.post(CUSTOMERS, {"customers": [{"external_id": "a"}, {"external_id": "a", "first_name": "A"}]}).json()
    assert [one["status"] for one in answer["data"]] == ["created", "updated"]
