"""Rules: everything wrong is said at once, values never reach the SQL text, words say what SQL does."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.core.problems import InvalidInput
from apps.customers.models import Customer, EventType, TraitType
from apps.segments.rules import compile_rule, explain_rule, load_catalogue, validate_rule
from apps.segments.rules.catalogue import Kind
from tests.architecture.test_sql_files import prepared_form
from tests.factories import NOW, make_app, make_customer, make_dispatch, make_event, make_segment

pytestmark = pytest.mark.django_db

CITY = {"field": "trait.city", "op": "is", "value": "Paris"}


@pytest.fixture
def app() -> App:
    app = make_app()
    traits = {"city": "text", "points": "number", "joined": "date", "vip": "boolean", "tags": "list"}
    TraitType.objects.bulk_create(TraitType(app=app, name=name, type=kind) for name, kind in traits.items())
    EventType.objects.create(app=app, name="purchase", properties={"category": "text", "amount": "number"})
    make_dispatch(app, origin="campaign:7", name="Spring")
    return app


def group(*rules: Any, match: str = "all") -> dict[str, Any]:
    return {"match": match, "rules": list(rules)}


def asked(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return group({"field": field, "op": op, "value": value})


def did(**value: Any) -> dict[str, Any]:
    return asked("event", "did", {"name": "purchase", **value})


def nested(depth: int) -> dict[str, Any]:
    return group(CITY) if depth == 1 else group(nested(depth - 1))


def selected(rule: dict[str, Any], app: App) -> set[int]:
    compiled = compile_rule(rule, app, NOW)
    with connection.cursor() as cursor:
        cursor.execute(compiled.sql, compiled.params)
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.parametrize(
    ("rule", "pointer", "code"),
    [
        (None, "", "type"),
        ([], "", "type"),
        (CITY, "", "type"),
        (group(7), "/rules/0", "type"),
        ({"match": "all", "rules": {}}, "/rules", "type"),
        ({"match": "some", "rules": [CITY]}, "/match", "choice"),
        (group(group()), "/rules/0/rules", "required"),
        (group(match="none"), "/rules", "required"),
        (nested(5), "/rules/0/rules/0/rules/0/rules/0", "too_deep"),
        (group(*[CITY] * 51), "", "too_many_rules"),
        (group(group(*[CITY] * 26), group(*[CITY] * 26)), "", "too_many_rules"),
        (group({}), "/rules/0/field", "required"),
        (asked("trait.town", "is", "x"), "/rules/0/field", "unknown_field"),
        (asked("trait.city", "more_than", 3), "/rules/0/op", "wrong_operator"),
        (asked("trait.city", "matches_regex", "x"), "/rules/0/op", "wrong_operator"),
        (asked("email", "contains", "@example.com"), "/rules/0/op", "wrong_operator"),
        (asked("trait.city", "is", 3), "/rules/0/value", "type"),
        (asked("trait.city", "is", ""), "/rules/0/value", "required"),
        (asked("trait.city", "is", "a\0"), "/rules/0/value", "nul_not_allowed"),
        (asked("trait.city", "is", "x" * 1_001), "/rules/0/value", "too_long"),
        (asked("trait.city", "is_any_of", "x"), "/rules/0/value", "type"),
        (asked("trait.city", "is_any_of", []), "/rules/0/value", "required"),
        (asked("trait.city", "is_any_of", ["x"] * 10_001), "/rules/0/value", "too_many"),
        (asked("trait.points", "at_least", "3"), "/rules/0/value", "type"),
        (asked("trait.points", "at_least", True), "/rules/0/value", "type"),
        (asked("trait.points", "at_least", float("inf")), "/rules/0/value", "range"),
        (asked("trait.points", "between", [3, 1]), "/rules/0/value", "range"),
        (asked("trait.joined", "on", "31.02.2026"), "/rules/0/value", "date_format"),
        (asked("trait.joined", "in_last_days", 0), "/rules/0/value", "range"),
        (asked("trait.joined", "in_last_days", -5), "/rules/0/value", "range"),
        (asked("trait.joined", "in_last_days", 1.5), "/rules/0/value", "range"),
        (asked("device.app_version", "at_least", "latest"), "/rules/0/value", "version_format"),
        (asked("device.platform", "is_any_of", ["iPhone"]), "/rules/0/value/0", "choice"),
        (asked("segment", "in", 0), "/rules/0/value", "unknown_segment"),
        (asked("segment", "in", None), "/rules/0/value", "required"),
        (asked("event", "did", {}), "/rules/0/value/name", "required"),
        (asked("event", "did", {"name": "purchased"}), "/rules/0/value/name", "unknown_event"),
        (did(days=0), "/rules/0/value/days", "range"),
        (did(times={"op": "at_least", "count": 0}), "/rules/0/value/times/count", "range"),
        (did(times={"op": "about", "count": 1}), "/rules/0/value/times/op", "choice"),
        (did(sum={"op": "at_least", "amount": "x"}), "/rules/0/value/sum/amount", "type"),
        (
            did(where=[{"property": "colour", "op": "is", "value": "x"}]),
            "/rules/0/value/where/0/property",
            "unknown_field",
        ),
        (did(days=7, before_days=3), "/rules/0/value/before_days", "not_together"),
        (did(before_days=0), "/rules/0/value/before_days", "range"),
        (did(**{"days": 7, "from": "2026-05-01"}), "/rules/0/value/from", "not_together"),
        (did(**{"from": "2026-05-02", "to": "2026-05-01"}), "/rules/0/value/to", "range"),
        (did(**{"from": "1 May"}), "/rules/0/value/from", "date_format"),
        (did(which="first"), "/rules/0/value/days", "required"),
        (did(which="second", days=7), "/rules/0/value/which", "choice"),
        (did(which="last", days=7, times={"op": "at_least", "count": 2}), "/rules/0/value/which", "not_together"),
        (asked("message", "opened", None), "/rules/0/value", "type"),
        (asked("message", "opened", {"campaign": "campaign:1"}), "/rules/0/value/campaign", "unknown_campaign"),
        (asked("message", "opened", {"campaign": ["campaign:7"]}), "/rules/0/value/campaign", "unknown_campaign"),
        (asked("message", "opened", {"days": -1}), "/rules/0/value/days", "range"),
        (did(where=[{"property": "category", "op": "at_least"}]), "/rules/0/value/where/0/op", "wrong_operator"),
        (did(where=[{"property": "category", "op": "is", "value": "x"}] * 6), "/rules/0/value/where", "too_many"),
    ],
)
def test_a_bad_rule_is_refused_with_its_code(app: App, rule: Any, pointer: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        validate_rule(rule, app)
    assert [(problem.pointer, problem.code) for problem in refusal.value.problems] == [(pointer, code)]


def test_all_problems_are_said_at_once(app: App) -> None:
    with pytest.raises(InvalidInput) as refusal:
        validate_rule(group({"field": "trait.town"}, {"field": "trait.city", "op": "is", "value": ""}), app)
    assert [problem.code for problem in refusal.value.problems] == ["unknown_field", "required"]


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(app: App) -> None:
    with pytest.raises(InvalidInput) as refusal:
        validate_rule(asked("trait.citi", "is", "x"), app)
    assert "trait.city" in refusal.value.problems[0].message


def test_depth_four_and_fifty_rules_are_allowed(app: App) -> None:
    validate_rule(nested(4), app)
    validate_rule(group(*[CITY] * 50), app)


def test_an_empty_rule_is_everybody_but_the_erased_and_foreign(app: App) -> None:
    anna = make_customer(app)
    make_customer(app, erased_at=NOW)
    make_customer(make_app())
    assert selected(group(), app) == {anna.pk}
    assert str(explain_rule(group(), app)) == "everybody"


HOSTILE = ["' OR 1=1--", "%", "_", "\\", '"', "$1", "%(rule_0)s", "%s", "{}", "'; drop table customers_customer; --"]
HOSTILE += ["%%", "a''b", "\\'", "$$x$$", "::date[]", "]}", "-- x", "/* x", "Łódź 🛒", "\u202eabc", "ﷺ", "{{ city }}"]


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        (asked("email", "is_known"), {"anna", "ben"}),
        (asked("phone", "is_unknown"), {"ben", "cleo"}),
        (asked("email", "is", "Anna@Example.com"), {"anna"}),
        (asked("email", "is_not", "anna@example.com"), {"ben"}),
        (asked("phone", "is_any_of", ["500 600 700", "+48500600701"]), {"anna"}),
        (asked("email", "is_none_of", ["ben@example.com", "x@example.com"]), {"anna"}),
    ],
)
def test_sealed_contacts_are_asked_for_as_a_whole(app: App, rule: dict[str, Any], who: set[str]) -> None:
    make_customer(app, external_id="anna", email="anna@example.com", phone="+48500600700")
    make_customer(app, external_id="ben", email="ben@example.com")
    make_customer(app, external_id="cleo")
    assert set(Customer.objects.filter(pk__in=selected(rule, app)).values_list("external_id", flat=True)) == who


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("op", ["is", "contains", "starts_with", "is_any_of"])
def test_hostile_texts_match_literally(app: App, op: str, text: str) -> None:
    them = make_customer(app, traits={"city": f"{text} town" if op in ("contains", "starts_with") else text})
    make_customer(app, traits={"city": "elsewhere"})
    rule = asked("trait.city", op, [text] if op == "is_any_of" else text)
    assert selected(rule, app) == {them.pk}
    assert text not in compile_rule(rule, app, NOW).sql or text in "%(rule_0)s"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_of_traits_and_events_are_parameters(app: App, text: str) -> None:
    TraitType.objects.create(app=app, name=text, type="text")
    EventType.objects.create(app=app, name=text, properties={text: "text"})
    them = make_customer(app, traits={text: "x"})
    make_event(them, text, properties={text: "x"})
    where = [{"property": text, "op": "contains", "value": "x"}]
    rule = group(
        {"field": f"trait.{text}", "op": "contains", "value": "x"},
        {"field": "event", "op": "did", "value": {"name": text, "where": where}},
    )
    assert selected(rule, app) == {them.pk}


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\0"], ids=ascii)
def test_what_postgresql_cannot_hold_is_refused_wherever_it_stands(app: App, text: str) -> None:
    rules = [
        asked(f"trait.{text}", "is", "x"),
        asked("trait.city", text, "x"),
        asked("trait.city", "is", text),
        asked("trait.city", "is_any_of", [text]),
        asked("trait.joined", "on", text),
        asked("device.app_version", "is", text),
        asked("device.platform", "is_any_of", [text]),
        asked("segment", "in", text),
        asked("message", "opened", {"campaign": text}),
        asked("event", "did", {"name": text}),
        did(days=text),
        did(**{"from": text}),
        did(which=text, days=7),
        did(times={"op": text, "count": 1}),
        did(sum={"op": "at_least", "amount": text}),
        did(where=[{"property": text, "op": "is", "value": "x"}]),
        did(where=[{"property": "category", "op": "is", "value": text}]),
        {"match": text, "rules": [CITY]},
    ]
    for rule in rules:
        with pytest.raises(InvalidInput) as refusal:
            validate_rule(rule, app)
        assert refusal.value.problems
        for problem in refusal.value.problems:
            f"{problem.message} {problem.came}".encode()  # what is wrong can be said


def test_unknown_never_matches_but_none_of_turns_it(app: App) -> None:
    somewhere, nowhere = make_customer(app, traits={"city": "Kraków"}), make_customer(app)
    assert selected(asked("trait.city", "is_not", "Paris"), app) == {somewhere.pk}
    assert selected(group(CITY, match="none"), app) == {somewhere.pk, nowhere.pk}


def test_segments_that_ask_about_each_other_are_refused(app: App) -> None:
    first = make_segment(app, name="A", kind="dynamic", rule=group())
    second = make_segment(app, name="B", kind="dynamic", rule=asked("segment", "in", first.pk))
    third = make_segment(app, name="C", kind="dynamic", rule=group(asked("segment", "not_in", second.pk)))
    with pytest.raises(InvalidInput) as refusal:
        validate_rule(asked("segment", "in", third.pk), app, segment_id=first.pk)
    problem = refusal.value.problems[0]
    assert (problem.code, problem.message.split(": ")[1]) == ("cycle", "A → C → B → A")


def test_a_segment_cannot_ask_about_itself(app: App) -> None:
    itself = make_segment(app, name="A", kind="dynamic", rule=group())
    with pytest.raises(InvalidInput) as refusal:
        validate_rule(asked("segment", "in", itself.pk), app, segment_id=itself.pk)
    assert refusal.value.problems[0].code == "cycle"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (asked("language", "is", "pl"), "language is “pl”"),
        (asked("trait.city", "is_any_of", list("abcdefg")), "city is any of “a” or “b” or “c” or “d” or “e” or 2 more"),
        (asked("trait.points", "between", [1, 2.5]), "points is between 1 and 2.5"),
        (asked("device.last_seen", "in_last_days", 1), "last use of the app was in the last 1 day"),
        (asked("device.platform", "is_any_of", ["ios"]), "platform is iOS"),
        (asked("consent.push", "is_none_of", ["no"]), "push consent is not refused"),
        (asked("trait.vip", "is_true"), "vip is yes"),
        (
            did(
                days=30,
                times={"op": "at_least", "count": 2},
                where=[{"property": "category", "op": "is", "value": "shoes"}],
            ),
            "did “purchase”, at least 2 times, in the last 30 days, where category is “shoes”",
        ),
        (did(sum={"op": "at_least", "amount": 100}), "did “purchase”, with a sum of at least 100"),
        (asked("event", "did_not", {"name": "purchase", "days": 7}), "did not do “purchase”, in the last 7 days"),
        (
            did(**{"which": "first", "from": "2026-05-01", "to": "2026-05-31"}),
            "did “purchase”, the first time from 2026-05-01 to 2026-05-31",
        ),
        (did(before_days=30), "did “purchase”, longer ago than 30 days"),
        (
            asked("message", "did_not_open", {"campaign": "campaign:7", "days": 14}),
            "was sent but did not open “Spring”, in the last 14 days",
        ),
        (asked("message", "clicked", {}), "tapped a button in any campaign"),
        (
            group(CITY, group({**CITY, "value": "Rome"}, {**CITY, "value": "Oslo"}, match="any")),
            "all of these: city is “Paris”; (any of these: city is “Rome”; city is “Oslo”)",
        ),
    ],
)
def test_a_rule_explains_itself(app: App, rule: dict[str, Any], words: str) -> None:
    assert str(explain_rule(rule, app)) == words


def test_only_launched_campaigns_of_the_app_may_be_asked_about(app: App) -> None:
    make_dispatch(app, origin="push:1", kind="transactional")
    make_dispatch(make_app(), origin="campaign:8")
    make_dispatch(app, origin="automation:3", kind="automation", name="Welcome")
    assert dict(load_catalogue(app).campaigns) == {"automation:3": "Welcome", "campaign:7": "Spring"}


def every_question(app: App) -> Iterator[Any]:
    """Each operator of each field, once."""
    values: dict[Kind, Any] = {
        Kind.NOTHING: None,
        Kind.TEXT: "x",
        Kind.TEXTS: ["x", "y"],
        Kind.NUMBER: 1.5,
        Kind.NUMBERS: [1, 2],
        Kind.DATE: "2026-05-01",
        Kind.DATES: ["2026-05-01", "2026-05-02"],
        Kind.DAYS: 7,
        Kind.VERSION: "4.10",
        Kind.SEGMENT: make_segment(app).pk,
        Kind.EVENT: {"name": "purchase", "days": 7, "where": [{"property": "amount", "op": "is_known"}]},
        Kind.MESSAGE: {"campaign": "campaign:7", "days": 7},
    }
    for field in load_catalogue(app).fields.values():
        for operator in field.operators:
            value = [field.choices[0][0]] if operator.kind is Kind.CHOICES else values[operator.kind]
            yield asked(field.key, operator.key, value)


def test_every_question_can_be_prepared(app: App) -> None:
    TraitType.objects.create(app=app, name="plan", type="text")
    questions = [*every_question(app), did(which="last", before_days=3), did(**{"from": "2026-05-01"})]
    with connection.cursor() as cursor:
        for number, rule in enumerate(questions):
            cursor.execute(f"prepare question_{number} as {prepared_form(compile_rule(rule, app, NOW).sql)}")
        cursor.execute("deallocate all")
    assert len(questions) > 100
