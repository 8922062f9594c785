"""What stands around the rule: examples to begin with, rules as JSON, why somebody is in it, how the counting goes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import App
from apps.customers.models import EventType, TraitType
from apps.segments.models import SegmentMember
from apps.segments.rules import load_catalogue, validate_rule
from apps.segments.services.rule_files import read_rule_file
from apps.segments.starters import starters_for
from tests.factories import NOW, make_app, make_customer, make_device, make_dispatch, make_segment, make_user
from tests.segments.test_admin import inputs_of

pytestmark = pytest.mark.django_db

LIST = "/admin/segments/segment/"
RULE = {"match": "all", "rules": [{"field": "trait.city", "op": "is", "value": "Paris"}]}
SENT = {
    "node": ["r:", "n1:r"],
    "r-match": "all",
    "n1-field": "trait.city",
    "n1-drawn": "trait.city",
    "n1-kind": "text",
    "n1-op": "is",
    "n1-value": "Paris",
}


@pytest.fixture
def app() -> App:
    app = make_app(slug="shop", time_zone="Europe/Warsaw")
    TraitType.objects.create(app=app, name="city", type="text")
    return app


@pytest.fixture
def marketer(app: App) -> Client:
    return as_role(app, "marketer")


def as_role(app: App, role: str) -> Client:
    client = Client()
    client.force_login(make_user(app, role=role))
    return client


def asked(client: Client, **sent: Any) -> str:
    return client.post(f"{LIST}rule/shop/why/", sent).content.decode()


def test_every_starter_is_a_rule_that_the_app_can_use(app: App) -> None:
    without = [one.key for one in starters_for(load_catalogue(app))]
    EventType.objects.create(app=app, name="purchase", properties={"amount": "number"})
    EventType.objects.create(app=app, name="added_to_cart", properties={})
    starters = starters_for(load_catalogue(app))
    assert [one.key for one in starters] == ["lapsed", "cart", "best", *without]
    for one in starters:
        validate_rule(one.rule, app)


def test_a_starter_is_drawn_into_the_builder(app: App, marketer: Client) -> None:
    html = marketer.post(f"{LIST}rule/shop/part/", {"action": "starter", "starter": "quiet"}).content.decode()
    assert 'value="device.last_seen" selected' in html
    assert 'value="30"' in html
    html = marketer.post(f"{LIST}rule/shop/part/", {"action": "starter", "starter": "ios"}).content.decode()
    assert "checked>iOS</label>" in html


def test_a_comparison_that_is_gone_is_chosen_anew_and_not_saved_as_another(app: App, marketer: Client) -> None:
    """Everybody whose address is known would be far more than those of one company."""
    rule = {"match": "all", "rules": [{"field": "email", "op": "contains", "value": "@example.com"}]}
    segment = make_segment(app, kind="dynamic", rule=rule)
    page = marketer.get(f"{LIST}{segment.pk}/change/").content.decode()
    assert 'value="is_known" selected' not in page
    saved = marketer.post(f"{LIST}{segment.pk}/change/", inputs_of(page))
    assert (saved.status_code, 'value="is_known" selected' in saved.content.decode()) == (422, False)
    segment.refresh_from_db()
    assert segment.rule == rule


def test_a_rule_goes_out_as_a_file_and_comes_in_again(app: App, marketer: Client) -> None:
    segment = make_segment(app, kind="dynamic", name="Paris!", rule=RULE)
    out = marketer.get(f"{LIST}{segment.pk}/export/")
    assert out["Content-Disposition"] == 'attachment; filename="paris.json"'
    file = SimpleUploadedFile("paris.json", b"\xef\xbb\xbf" + out.content)
    html = marketer.post(f"{LIST}rule/shop/import/", {"rule_file": file}).content.decode()
    assert 'value="trait.city" selected' in html
    assert 'value="Paris"' in html


def about_a_segment(value: Any) -> dict[str, Any]:
    return {"match": "all", "rules": [{"field": "segment", "op": "in", "value": value}]}


def test_a_rule_goes_to_another_app_with_the_names_of_its_segments(app: App, marketer: Client) -> None:
    vip, own = make_segment(app, name="VIP"), make_segment(make_app(slug="cafe"), name="VIP")
    segment = make_segment(app, kind="dynamic", rule=about_a_segment(vip.pk))
    out = marketer.get(f"{LIST}{segment.pk}/export/").content.decode()
    assert json.loads(out) == about_a_segment({"id": vip.pk, "name": "VIP"})
    assert read_rule_file(out, app=own.app) == about_a_segment(own.pk)
    assert read_rule_file(out, app=app) == about_a_segment(vip.pk)


@pytest.mark.parametrize(
    ("value", "key"), [({"id": 999_999, "name": "Fans"}, "segment:Fans"), (999_999, "segment:#999999")]
)
def test_a_segment_that_the_app_does_not_have_is_asked_for(app: App, marketer: Client, value: Any, key: str) -> None:
    meant = make_segment(app, name="Friends")
    sent = {"rule_text": json.dumps(about_a_segment(value))}
    question = marketer.post(f"{LIST}rule/shop/import/", sent)
    assert question["HX-Retarget"] == "#import-problems"
    assert f'name="means:{key}"' in question.content.decode()
    html = marketer.post(f"{LIST}rule/shop/import/", {**sent, f"means:{key}": meant.pk}).content.decode()
    assert f'value="{meant.pk}" selected' in html
    foreign = make_segment(make_app())
    again = marketer.post(f"{LIST}rule/shop/import/", {**sent, f"means:{key}": foreign.pk})
    assert f'name="means:{key}"' in again.content.decode()


def about_a_campaign(campaign: Any) -> dict[str, Any]:
    return {"match": "all", "rules": [{"field": "message", "op": "opened", "value": {"campaign": campaign}}]}


def make_launch(app: App, number: int, name: str) -> str:
    """The origin of a campaign that was launched."""
    return make_dispatch(app, origin=f"campaign:{number}", name=name).origin


def test_a_rule_goes_to_another_app_with_the_names_of_its_campaigns(app: App, marketer: Client) -> None:
    here, there = make_launch(app, 7, "Spring"), make_launch(cafe := make_app(slug="cafe"), 9, "Spring")
    segment = make_segment(app, kind="dynamic", rule=about_a_campaign(here))
    out = marketer.get(f"{LIST}{segment.pk}/export/").content.decode()
    assert json.loads(out) == about_a_campaign({"id": here, "name": "Spring"})
    assert read_rule_file(out, app=cafe) == about_a_campaign(there)
    make_launch(app, 8, "Spring")
    assert read_rule_file(out, app=app) == about_a_campaign(here)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"id": "campaign:99", "name": "Spring"}, "campaign:Spring"),
        ({"id": "campaign:99", "name": "Autumn"}, "campaign:Autumn"),
        ("campaign:99", "campaign:#campaign:99"),
    ],
    ids=["had-twice", "unknown", "bare-id"],
)
def test_a_campaign_that_is_not_clear_is_asked_for(app: App, marketer: Client, value: Any, key: str) -> None:
    meant = make_launch(app, 7, "Spring")
    make_launch(app, 8, "Spring")
    sent = {"rule_text": json.dumps(about_a_campaign(value))}
    question = marketer.post(f"{LIST}rule/shop/import/", sent).content.decode()
    assert f'name="means:{key}"' in question
    assert "Spring (campaign:8)" in question
    html = marketer.post(f"{LIST}rule/shop/import/", {**sent, f"means:{key}": meant}).content.decode()
    assert f'value="{meant}" selected' in html
    assert read_rule_file(json.dumps(about_a_campaign(value)), app=app, chosen={key: "any"}) == about_a_campaign("")


def test_a_wrong_rule_is_refused_with_every_fault_and_its_place(app: App, marketer: Client) -> None:
    rule = {"match": "all", "rules": [{"field": "trait.town"}, {"field": "created_at", "op": "on", "value": "soon"}]}
    answer = marketer.post(f"{LIST}rule/shop/import/", {"rule_text": json.dumps({"rule": rule})})
    html = answer.content.decode()
    assert answer["HX-Retarget"] == "#import-problems"
    for word in (
        "2 things are wrong",
        "Rule 1:",
        "/rule/rules/0/field",
        "unknown_field",
        "/rule/rules/1/value",
        "date_format",
    ):
        assert word in html


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        ("{", "json_syntax"),
        (r'{"match": "any", "\ud800": 1, "\ud800": 2}', "duplicate_key"),
        ("[" * 200_000, "json_syntax"),
        ("7", "type"),
        ("x" * 1_000_001, "too_long"),
    ],
    ids=["nothing", "cut", "twice", "deep", "number", "long"],
)
def test_what_is_no_rule_is_refused(marketer: Client, text: str, code: str) -> None:
    answer = marketer.post(f"{LIST}rule/shop/import/", {"rule_text": text})
    assert (answer.status_code, f">{code}<" in answer.content.decode()) == (200, True)


def test_why_answers_clause_by_clause_for_the_rule_on_the_page(app: App, marketer: Client) -> None:
    make_customer(app, external_id="c1", first_name="Ada", traits={"city": "Oslo"})
    html = asked(marketer, who="c1", **SENT)
    assert "Ada does not match the rule" in html
    assert "City is “Paris”" in html
    assert "City is “Oslo”" in html


def test_why_says_since_when_and_whether_at_a_moment(app: App, marketer: Client) -> None:
    ada = make_customer(app, external_id="c1", traits={"city": "Paris"})
    segment = make_segment(app, kind="dynamic", rule=RULE)
    SegmentMember.objects.create(segment=segment, customer=ada, joined_at=NOW, left_at=NOW + timedelta(days=1))
    # 14:00 in Warsaw is 12:00 UTC, the moment of joining.
    assert "Was in it at" in asked(marketer, who="c1", of=segment.pk, at="2026-06-01T14:00")
    html = asked(marketer, who="c1", of=segment.pk, at="2026-06-01T13:59")
    assert "Was not in it at" in html
    assert "Not in the segment yet" in html
    assert "must be a day and a time" in asked(marketer, who="c1", of=segment.pk, at="tomorrow")


def test_why_lets_one_of_several_be_chosen_and_masks_addresses(app: App) -> None:
    for number in (1, 2):
        make_customer(app, external_id=f"c{number}", first_name="Ada", email=f"ada{number}@example.com")
    reader = as_role(app, "analyst")
    segment = make_segment(app, kind="dynamic", rule=RULE)
    html = asked(reader, who="ada", of=segment.pk)
    assert 'data-who="c2"' in html
    html = asked(reader, who="ADA2@example.com", of=segment.pk)
    assert "City is not known" in html
    assert "a•••@example.com" in html
    assert "ada2@" not in html


def test_people_of_other_apps_are_nobody(app: App, marketer: Client) -> None:
    make_customer(make_app(slug="bank"), external_id="c9")
    assert "Nobody here is called “c9”" in asked(marketer, who="c9", **SENT)


def test_a_broken_segment_says_why_and_what_to_do(app: App, marketer: Client) -> None:
    rule = {"match": "all", "rules": [{"field": "trait.tier", "op": "is", "value": "gold"}]}
    segment = make_segment(app, kind="dynamic", rule=rule, state="broken", broken_reason="no field “trait.tier”")
    html = marketer.get(f"{LIST}{segment.pk}/change/").content.decode()
    assert "asks about “tier”, which nobody has any more" in html
    assert "choose another, or remove that line" in html
    assert "data-wrong" in html


def test_the_page_learns_when_counting_is_over(app: App, marketer: Client) -> None:
    segment = make_segment(app, kind="dynamic", rule=RULE, state="refreshing")
    going = marketer.get(f"{LIST}{segment.pk}/state/")
    assert ("every 2s" in going.content.decode(), "HX-Trigger" in going) == (True, False)
    type(segment).objects.update(state="fresh")
    done = marketer.get(f"{LIST}{segment.pk}/state/")
    assert ("every 2s" in done.content.decode(), done["HX-Trigger"]) == (False, "segment-counted")


def test_a_reader_asks_why_but_takes_nothing_in(app: App) -> None:
    reader = as_role(app, "analyst")
    assert reader.post(f"{LIST}rule/shop/import/", {"rule_text": "{}"}).status_code == 403
    assert reader.post(f"{LIST}rule/bank/why/", {"who": "c1"}).status_code == 404


def test_examples_of_people_are_masked_for_who_may_not_see_addresses(app: App, marketer: Client) -> None:
    make_customer(app, traits={"city": "Paris"}, email="ada@example.com")
    assert "ada@example.com" in marketer.post(f"{LIST}rule/shop/count/", SENT).content.decode()
    Group.objects.get(name="marketer").permissions.remove(Permission.objects.get(codename="reveal_customer"))
    html = marketer.post(f"{LIST}rule/shop/count/", SENT).content.decode()
    assert ("a•••@example.com" in html, "ada@" in html) == (True, False)


def test_versions_in_use_are_offered(app: App, marketer: Client) -> None:
    make_device(make_customer(app), app_version="4.10.2")
    row = {"n1-field": "device.app_version", "n1-drawn": "device.app_version"}
    html = marketer.post(f"{LIST}rule/shop/part/", {"action": "redraw", "of": "n1", "parent": "r", **row}).content
    assert b'<option value="4.10.2">' in html


def test_no_segment_yet_shows_what_one_may_be(app: App, marketer: Client) -> None:
    assert "Whom would you like to reach?" in marketer.get(LIST).content.decode()
    make_segment(app)
    assert "Whom would you like to reach?" not in marketer.get(LIST).content.decode()


@pytest.mark.parametrize("who", ["\0", "a\0b", "%", "x" * 5_000, "@", "+", "'; drop table", "🏴"])
def test_any_name_is_answered(app: App, marketer: Client, who: str) -> None:
    segment = make_segment(app, kind="dynamic", rule=RULE)
    assert marketer.post(f"{LIST}rule/shop/why/", {"who": who, **SENT}).status_code == 200
    assert marketer.get(f"{LIST}{segment.pk}/members/", {"q": who}).status_code == 200


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00", "9999-12-31T23:59", "2026-13-01T00:00", "2026-06-01", "\0", "2026-W01-1"]
)
def test_any_moment_is_answered(app: App, marketer: Client, at: str) -> None:
    make_customer(app, external_id="c1")
    segment = make_segment(app, kind="dynamic", rule=RULE)
    assert marketer.post(f"{LIST}rule/shop/why/", {"who": "c1", "of": segment.pk, "at": at}).status_code == 200


@pytest.mark.parametrize(
    "value", ["1e999", "NaN", "1" + "0" * 400, "-1" + "0" * 400, "true", "[[[]]]", '"\\ud800"', '"\\u0000"']
)
def test_any_value_of_an_import_is_answered(app: App, marketer: Client, value: str) -> None:
    TraitType.objects.create(app=app, name="points", type="number")
    rules = [
        f'{{"field": "{field}", "op": "is", "value": {value}}}' for field in ("trait.points", "trait.city", "segment")
    ]
    text = f'{{"match": "all", "rules": [{", ".join(rules)}]}}'
    answer = marketer.post(f"{LIST}rule/shop/import/", {"rule_text": text})
    assert (answer.status_code, "cannot be imported" in answer.content.decode()) == (200, True)


def test_a_number_of_hundreds_of_digits_is_refused_where_it_was_typed(app: App, marketer: Client) -> None:
    TraitType.objects.create(app=app, name="points", type="number")
    sent = {**SENT, "n1-field": "trait.points", "n1-drawn": "trait.points", "n1-kind": "number", "n1-op": "at_least"}
    answer = marketer.post(f"{LIST}rule/shop/count/", {**sent, "n1-value": "9" * 400})
    assert answer.status_code == 200


def test_the_largest_rule_is_saved(app: App, marketer: Client) -> None:
    EventType.objects.create(app=app, name="purchase", properties={"category": "text"})
    conditions = [{"property": "category", "op": "is", "value": "shoes"}] * 5
    leaf = {"field": "event", "op": "did", "value": {"name": "purchase", "days": 30, "where": conditions}}
    segment = make_segment(app, kind="dynamic", rule={"match": "any", "rules": [leaf] * 50})
    html = marketer.get(f"{LIST}{segment.pk}/change/").content.decode()
    form = inputs_of(html[html.index('id="segment-form"') : html.index("</form>", html.index('id="segment-form"'))])
    answer = marketer.post(f"{LIST}{segment.pk}/change/", {**form, "name": "Renamed"})
    segment.refresh_from_db()
    assert (answer.status_code, segment.name, segment.rule["rules"] == [leaf] * 50) == (302, "Renamed", True)


def test_nobody_is_taken_off_a_rule_by_hand(app: App, marketer: Client) -> None:
    segment = make_segment(app, kind="dynamic", rule=RULE)
    answer = marketer.post(f"{LIST}{segment.pk}/remove/", {"customer": 1})
    assert (answer.status_code, "follows a rule" in answer.content.decode()) == (400, True)
