"""The pages of segments: the builder's round trip, lists, and who may open what."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import App, AuditEntry
from apps.customers.models import EventType, TraitType
from apps.segments.models import Segment
from apps.segments.queries import members_of
from tests.factories import make_app, make_customer, make_dispatch, make_event, make_segment, make_user

pytestmark = pytest.mark.django_db

LIST = "/admin/segments/segment/"


@pytest.fixture
def app() -> App:
    app = make_app(slug="shop")
    TraitType.objects.create(app=app, name="city", type="text")
    TraitType.objects.create(app=app, name="points", type="number")
    EventType.objects.create(app=app, name="purchase", properties={"category": "text", "amount": "number"})
    make_dispatch(app, origin="campaign:7")
    return app


@pytest.fixture
def marketer(app: App) -> Client:
    client = Client()
    client.force_login(make_user(app, role="marketer"))
    return client


def inputs_of(html: str) -> dict[str, list[str]]:
    """What a browser would send of a drawn piece: hidden and text inputs, checked ones, chosen options."""
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and (('type="radio"' not in tag and 'type="checkbox"' not in tag) or "checked" in tag):
            sent.setdefault(name[1], []).append(value[1] if value else "")
    for name, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        if chosen:
            sent[name] = [chosen[1]]
    for name, body in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', html, re.DOTALL):
        sent[name] = [body]
    return sent


def piece(client: Client, **sent: Any) -> dict[str, list[str]]:
    return inputs_of(client.post(f"{LIST}rule/shop/part/", sent).content.decode())


EVERY_RULE = {
    "match": "any",
    "rules": [
        {"field": "trait.city", "op": "is_any_of", "value": ["Paris", "a, b"]},
        {"field": "trait.points", "op": "between", "value": [1, 2.5]},
        {"field": "created_at", "op": "in_last_days", "value": 7},
        {"field": "created_at", "op": "between", "value": ["2026-01-01", "2026-02-01"]},
        {"field": "device.platform", "op": "is_any_of", "value": ["ios", "web"]},
        {"field": "email", "op": "is_known", "value": None},
        {"field": "event", "op": "did_not", "value": {"name": "purchase", "from": "2026-01-01", "to": "2026-02-01"}},
        {"field": "event", "op": "did", "value": {"name": "purchase", "before_days": 30, "which": "last"}},
        {"field": "message", "op": "did_not_open", "value": {"campaign": "campaign:7", "days": 30}},
        {"field": "message", "op": "was_sent", "value": {"campaign": ""}},
        {
            "match": "none",
            "rules": [
                {"field": "language", "op": "is", "value": "pl"},
                {
                    "field": "event",
                    "op": "did",
                    "value": {
                        "name": "purchase",
                        "days": 30,
                        "times": {"op": "at_least", "count": 2},
                        "where": [{"property": "category", "op": "is", "value": "shoes"}],
                        "sum": {"op": "at_most", "amount": 9.5},
                    },
                },
            ],
        },
    ],
}


def test_a_drawn_rule_comes_back_unchanged(app: App, marketer: Client) -> None:
    segment = make_segment(app, kind="dynamic", rule=EVERY_RULE)
    html = marketer.get(f"{LIST}{segment.pk}/change/").content.decode()
    sent = inputs_of(html[html.index('id="segment-form"') : html.index("</form>", html.index('id="segment-form"'))])
    answer = marketer.post(f"{LIST}{segment.pk}/change/", {**sent, "name": "Renamed"})
    segment.refresh_from_db()
    assert (answer.status_code, segment.name, segment.state) == (302, "Renamed", "fresh")
    assert segment.rule == EVERY_RULE


def test_a_rule_is_built_step_by_step(app: App, marketer: Client) -> None:
    row = piece(marketer, action="add-rule", parent="root")
    node = row["node"][0].split(":")[0]
    row |= {f"{node}-field": ["trait.city"]}
    drawn = piece(marketer, action="redraw", of=node, parent="root", **row)
    assert drawn[f"{node}-kind"] == ["text"]
    sent = {"node": ["root:", *drawn.pop("node")], "root-match": "all", **drawn, f"{node}-value": "Paris"}
    answer = marketer.post(f"{LIST}add/?kind=dynamic&app=shop", {**sent, "name": "Parisians"})
    segment = Segment.objects.get()
    assert answer["Location"] == f"{LIST}{segment.pk}/change/"
    assert segment.rule == {"match": "all", "rules": [{"field": "trait.city", "op": "is", "value": "Paris"}]}
    assert AuditEntry.objects.get().action == "segment.added"


def test_a_changed_field_forgets_its_value_and_a_changed_operator_keeps_what_fits(app: App, marketer: Client) -> None:
    row = {"n1-drawn": "trait.city", "n1-kind": "text", "n1-field": "trait.city", "n1-op": "is", "n1-value": "Paris"}
    several = piece(marketer, action="redraw", of="n1", parent="r", **{**row, "n1-op": "is_any_of"})
    assert several["n1-value"] == ["Paris"]
    other = piece(marketer, action="redraw", of="n1", parent="r", **{**row, "n1-field": "trait.points"})
    assert (other["n1-kind"], other["n1-value"]) == (["number"], [""])


def test_the_page_counts_while_it_is_typed(app: App, marketer: Client) -> None:
    make_customer(app, traits={"city": "Paris"}, first_name="Amélie")
    sent = {"node": ["r:", "n1:r"], "r-match": "all", "n1-field": "trait.city", "n1-drawn": "trait.city"}
    answer = marketer.post(f"{LIST}rule/shop/count/", {**sent, "n1-kind": "text", "n1-op": "is", "n1-value": "Paris"})
    html = answer.content.decode()
    assert ">1</p>" in html
    assert "Amélie" in html
    assert "City is “Paris”" in html


def test_a_half_finished_rule_says_what_is_missing(app: App, marketer: Client) -> None:
    html = marketer.post(f"{LIST}rule/shop/count/", {"node": ["r:", "n1:r"], "r-match": "all"}).content.decode()
    assert "Choose what the rule is about" in html


def test_what_is_wrong_is_marked_and_nothing_is_lost(app: App, marketer: Client) -> None:
    sent = {"name": "", "node": ["r:", "n1:r"], "r-match": "any", "n1-field": "trait.city", "n1-drawn": "trait.city"}
    answer = marketer.post(f"{LIST}add/?kind=dynamic&app=shop", {**sent, "n1-kind": "text", "n1-op": "is"})
    html = answer.content.decode()
    assert (answer.status_code, Segment.objects.count()) == (422, 0)
    assert 'id="n1" data-wrong' in html
    assert re.search(r'value="any" checked', html)


@pytest.mark.parametrize("forged", ["r:r", "r:,n1:r,r:n1", "x", ":", "n1:nobody"])
def test_forged_trees_are_answered_not_followed(app: App, marketer: Client, forged: str) -> None:
    sent = {"node": forged.split(","), "r-match": "all", "n1-match": "any"}
    assert marketer.post(f"{LIST}rule/shop/count/", sent).status_code == 200


def test_values_people_have_are_offered_but_no_names(app: App, marketer: Client) -> None:
    make_event(make_customer(app, traits={"city": "Gdynia"}, first_name="Secret"), "purchase", days_ago=0)
    row = {"n1-field": "trait.city", "n1-drawn": "trait.city"}
    html = marketer.post(f"{LIST}rule/shop/part/", {"action": "redraw", "of": "n1", "parent": "r", **row}).content
    assert b'<option value="Gdynia">' in html
    named = {"n1-field": "first_name", "n1-drawn": "first_name"}
    html = marketer.post(f"{LIST}rule/shop/part/", {"action": "redraw", "of": "n1", "parent": "r", **named}).content
    assert b"Secret" not in html


def test_people_are_put_on_a_list_from_text_and_file(app: App, marketer: Client) -> None:
    people = [make_customer(app, external_id=name) for name in ("a1", "a2", "a3")]
    segment = make_segment(app)
    file = SimpleUploadedFile("ids.csv", "name;external_id\nAnna;a2\nBea;a3\nCleo;zz\n".encode("utf-8-sig"))
    answer = marketer.post(f"{LIST}{segment.pk}/people/", {"pasted": "a1, a1", "file": file}, follow=True)
    assert set(members_of(segment)) == set(people)
    assert "1 id belongs to nobody here: zz" in answer.content.decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04rest", "is not a text file"), (b"", "paste ids or choose a file"), (b"\n\n", "is empty")],
)
def test_a_wrong_file_is_refused_in_words(app: App, marketer: Client, content: bytes, said: str) -> None:
    segment = make_segment(app)
    file = SimpleUploadedFile("ids.csv", content)
    answer = marketer.post(f"{LIST}{segment.pk}/people/", {"pasted": "", "file": file}, follow=True)
    assert said in answer.content.decode()


def test_a_person_is_taken_off_a_list(app: App, marketer: Client) -> None:
    anna, bea = make_customer(app, first_name="Anna"), make_customer(app, first_name="Bea")
    segment = make_segment(app, [anna, bea])
    html = marketer.post(f"{LIST}{segment.pk}/remove/", {"customer": anna.pk}).content.decode()
    assert "Bea" in html
    assert "Anna" not in html


def test_a_used_segment_offers_no_deletion(app: App, marketer: Client) -> None:
    segment = make_segment(app)
    asks = {"match": "all", "rules": [{"field": "segment", "op": "in", "value": segment.pk}]}
    make_segment(app, name="Asker", kind="dynamic", rule=asks)
    for ask in (marketer.get, marketer.post):
        told = ask(f"{LIST}{segment.pk}/delete/", {"post": "yes"}, follow=True).content.decode()
        assert "cannot be deleted: it is used by Asker" in told
    assert "Asker" in marketer.get(f"{LIST}{segment.pk}/change/").content.decode()
    assert Segment.objects.filter(pk=segment.pk).exists()


def test_an_analyst_reads_but_does_not_write(app: App) -> None:
    client = Client()
    client.force_login(make_user(app, role="analyst"))
    segment = make_segment(app, kind="dynamic", rule=EVERY_RULE)
    assert client.get(f"{LIST}{segment.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{segment.pk}/change/", {"name": "x"}).status_code in (403, 404)
    assert client.post(f"{LIST}rule/shop/count/", {}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403


def test_segments_of_other_apps_do_not_exist(app: App, marketer: Client) -> None:
    foreign = make_segment(make_app(slug="bank"))
    for page in ("change", "members", "export"):
        assert marketer.get(f"{LIST}{foreign.pk}/{page}/").status_code == 404
    assert marketer.post(f"{LIST}rule/bank/count/", {}).status_code == 404
    assert foreign.name not in marketer.get(LIST).content.decode()


def test_a_longer_list_costs_no_more_queries(app: App, marketer: Client) -> None:
    make_segment(app, [make_customer(app)])
    marketer.get(LIST)
    with CaptureQueriesContext(connection) as few:
        marketer.get(LIST)
    for _ in range(8):
        make_segment(app, [make_customer(app)])
    with CaptureQueriesContext(connection) as many:
        marketer.get(LIST)
    assert len(many) == len(few)
