"""Profiles are stored in sets: what is mentioned changes, a bad draft is refused alone, the erased stay erased."""

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import App
from apps.core.problems import Conflict, InvalidInput
from apps.customers.models import Consent, Customer, TraitType
from apps.customers.services.consent import record_consent
from apps.customers.services.merging import merge_customers
from apps.customers.services.profiles import CustomerDraft, Upserted, customer_for, upsert_customers
from tests.factories import NOW, make_app, make_customer, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


def upsert(app: App, **fields: Any) -> Upserted:
    source = fields.pop("source", "api")
    return upsert_customers(
        app=app, drafts=[CustomerDraft(**{"external_id": "anna", **fields})], now=NOW, source=source
    )[0]


def stored(app: App) -> Customer:
    return Customer.objects.get(app=app, external_id="anna")


def test_a_new_person_is_created_with_what_was_said(app: App) -> None:
    verdict = upsert(
        app, phone="500 600 700", language="pl_PL", country="pl", traits={"city": "Gdańsk"}, topics=["news"]
    )
    person = stored(app)
    assert (verdict.status, verdict.customer_id) == ("created", person.pk)
    assert (person.phone, person.language, person.country) == ("+48500600700", "pl-PL", "PL")
    assert (person.traits, person.topics, person.push_consent) == ({"city": "Gdańsk"}, ["news"], None)


def test_what_is_not_mentioned_stays(app: App) -> None:
    upsert(app, first_name="Anna", email="anna@Example.com", traits={"city": "Gdańsk", "points": 3})
    verdict = upsert(app, email="", traits={"points": None, "plan": "pro"})
    person = stored(app)
    assert verdict.status == "updated"
    assert (person.first_name, person.email, person.traits) == ("Anna", "", {"city": "Gdańsk", "plan": "pro"})


def test_nothing_new_costs_no_write(app: App) -> None:
    upsert(app, first_name="Anna", topics=["news"], traits={"city": "Gdańsk"})
    later = upsert_customers(
        app=app, drafts=[CustomerDraft("anna", first_name="Anna", topics=["news"])], now=NOW + timedelta(days=1)
    )[0]
    assert later.status == "unchanged"
    assert stored(app).updated_at == NOW


def test_composed_and_decomposed_ids_are_one_person(app: App) -> None:
    first = upsert(app, external_id="Zażółć")
    second = upsert(app, external_id="Zaz\u0307o\u0301łc\u0301")
    assert first.customer_id == second.customer_id


def test_ids_of_other_apps_are_other_people(app: App) -> None:
    foreign = make_customer(make_app(), external_id="anna", first_name="Other")
    upsert(app, first_name="Anna")
    foreign.refresh_from_db()
    assert foreign.first_name == "Other"


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"external_id": ""}, "/external_id", "required"),
        ({"external_id": "\u200b"}, "/external_id", "required"),
        ({"external_id": "x" * 256}, "/external_id", "too_long"),
        ({"external_id": "a\x07b"}, "/external_id", "control_characters"),
        ({"external_id": 7}, "/external_id", "type"),
        ({"first_name": "a\0b"}, "/first_name", "nul_not_allowed"),
        ({"first_name": "\ud800"}, "/first_name", "encoding"),
        ({"phone": "123"}, "/phone", "phone_invalid"),
        ({"phone": "+48 12"}, "/phone", "phone_invalid"),
        ({"phone": "500600700 ext 5"}, "/phone", "phone_invalid"),
        ({"phone": "1-800-FLOWERS"}, "/phone", "phone_invalid"),
        ({"phone": "22 123 45 67"}, "/phone", "phone_not_mobile"),
        ({"phone": "700 123 456"}, "/phone", "phone_not_mobile"),
        ({"email": "a@b"}, "/email", "email_invalid"),
        ({"email": "a@@b.pl"}, "/email", "email_invalid"),
        ({"email": "a@b.pl."}, "/email", "email_invalid"),
        ({"language": "polish language"}, "/language", "language_tag"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "time_zone_unknown"),
        ({"country": "PLN"}, "/country", "country_unknown"),
        ({"topics": "news"}, "/topics", "type"),
        ({"topics": [""]}, "/topics/0", "required"),
        ({"consent": {"fax": True}}, "/consent/fax", "channel_unknown"),
        ({"consent": {"push": "yes"}}, "/consent/push", "type"),
        ({"traits": {"a": {"b": 1}}}, "/traits/a", "too_deep"),
        ({"traits": {"k" * 300: 1}}, "/traits/" + "k" * 59 + "…", "too_long"),
        ({"traits": {"a": "x" * 1_001}}, "/traits/a", "too_long"),
        ({"traits": {f"t{n}": n for n in range(500)}}, "/traits", "too_many"),
        ({"traits": {"a": float("nan")}}, "/traits/a", "range"),
    ],
)
def test_a_bad_field_is_refused_with_its_code(app: App, fields: dict[str, Any], pointer: str, code: str) -> None:
    verdict = upsert(app, **fields)
    assert verdict.status == "refused"
    assert [(problem.pointer, problem.code) for problem in verdict.problems] == [(pointer, code)]
    assert not Customer.objects.filter(app=app).exists()


def test_an_object_among_traits_is_told_how_to_be_told(app: App) -> None:
    (problem,) = upsert(app, traits={"address": {"city": "Oslo"}}).problems
    assert problem.message.endswith("such as “address_city”")
    assert problem.came == '{"city": "Oslo"}'


def test_a_phone_without_plus_needs_a_country(app: App) -> None:
    app.default_country = ""
    assert [problem.code for problem in upsert(app, phone="500600700").problems] == ["country_required"]
    assert upsert(app, phone="500600700", country="PL").status == "created"


def test_a_bad_draft_costs_the_good_ones_nothing(app: App) -> None:
    drafts = [CustomerDraft("a", phone="1", email="2"), CustomerDraft("b")]
    bad, good = upsert_customers(app=app, drafts=drafts, now=NOW)
    assert [problem.pointer for problem in bad.problems] == ["/email", "/phone"]
    assert good.status == "created"


def test_the_same_id_twice_in_a_request_ends_as_one_person(app: App) -> None:
    drafts = [CustomerDraft("anna", first_name="A", country="PL"), CustomerDraft("anna", first_name="Anna")]
    first, second = upsert_customers(app=app, drafts=drafts, now=NOW)
    assert first.customer_id == second.customer_id
    assert [first.status, second.status] == ["created", "updated"]
    assert [warning.code for warning in second.warnings] == ["duplicate_in_request"]
    assert (stored(app).first_name, stored(app).country) == ("Anna", "PL")


def test_a_thousand_people_fit_and_one_more_does_not(app: App) -> None:
    drafts = [CustomerDraft(f"c{number}") for number in range(1_001)]
    with pytest.raises(InvalidInput) as refusal:
        upsert_customers(app=app, drafts=drafts, now=NOW)
    assert (refusal.value.status, refusal.value.problems[0].code) == (413, "too_many")
    assert {verdict.status for verdict in upsert_customers(app=app, drafts=drafts[:1_000], now=NOW)} == {"created"}


def test_a_trait_keeps_the_type_of_its_first_value(app: App) -> None:
    upsert(app, traits={"points": 3, "joined": "2026-01-31", "vip": True, "tags": ["a"], "city": "Gdańsk"})
    assert dict(TraitType.objects.filter(app=app).values_list("name", "type")) == {
        "points": "number",
        "joined": "date",
        "vip": "boolean",
        "tags": "list",
        "city": "text",
    }


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        (3, "three", "attribute_type_conflict"),
        ("three", 3, "attribute_type_conflict"),
        ("2026-01-31", "31.02.2026", "date_format"),
        ("2026-01-31", "2026-13-01", "date_format"),
        ("2026-01-31", "2026-01-31T10:00", "date_format"),
        ("2026-01-31", 1_769_817_600_000, "attribute_type_conflict"),
    ],
)
def test_a_value_of_another_type_is_refused(app: App, first: Any, then: Any, code: str) -> None:
    upsert(app, traits={"it": first})
    verdict = upsert(app, traits={"it": then})
    assert [(problem.pointer, problem.code) for problem in verdict.problems] == [("/traits/it", code)]
    assert stored(app).traits == {"it": first}


def test_a_time_is_kept_in_utc_so_that_texts_sort_as_times(app: App) -> None:
    upsert(app, traits={"due": "2026-01-31T10:00:00+02:00"})
    assert stored(app).traits == {"due": "2026-01-31T08:00:00Z"}


def test_a_number_written_as_text_stays_a_text_with_a_warning(app: App) -> None:
    verdict = upsert(app, traits={"price": "12,50"})
    assert [warning.code for warning in verdict.warnings] == ["number_as_text"]
    assert stored(app).traits == {"price": "12,50"}


def test_consent_in_a_draft_is_logged_and_mirrored_once(app: App) -> None:
    for _ in range(2):
        upsert(app, consent={"push": True, "sms": False}, consent_wording="Yes please")
    assert (stored(app).push_consent, stored(app).sms_consent) == (True, False)
    logged = Consent.objects.order_by("channel").values_list("channel", "granted", "source", "wording", "at")
    assert list(logged) == [("push", True, "api", "Yes please", NOW), ("sms", False, "api", "Yes please", NOW)]


def topics_said(**about: Any) -> list[tuple[str, bool, str]]:
    said = Consent.objects.filter(channel="push", **about).exclude(topic="").order_by("id")
    return list(said.values_list("topic", "granted", "source"))


def test_each_topic_joined_or_left_by_a_new_list_is_an_answer(app: App) -> None:
    for topics in (["news", "sale"], ["sale", "news"], ["tips", "sale"]):
        upsert(app, topics=topics)
    assert topics_said() == [
        ("news", True, "api"),
        ("sale", True, "api"),
        ("tips", True, "api"),
        ("news", False, "api"),
    ]


def test_a_call_puts_people_back_into_a_topic_they_left_and_says_so(app: App) -> None:
    anna = make_customer(app, external_id="anna", topics=["news"])
    record_consent(customer_ids=[anna.pk], channel="push", topic="news", granted=False, source="admin", now=NOW)
    assert upsert(app, topics=["news"]).warnings == ()
    assert stored(app).topics == ["news"]
    assert topics_said() == [("news", False, "admin"), ("news", True, "api")]


def test_a_merged_name_answers_for_the_person_it_became(app: App) -> None:
    half, kept = make_customer(app, topics=["news"]), make_customer(app, topics=["news"])
    merge_customers(customer=half, into=kept, actor=make_user(app), now=NOW)
    upsert(app, external_id=half.external_id, topics=[])
    assert topics_said(customer=kept) == [("news", False, "api")]


def test_an_import_cannot_undo_an_opt_out_without_proof(app: App) -> None:
    upsert(app, consent={"sms": False})
    upsert(app, consent={"sms": True}, source="import")
    assert stored(app).sms_consent is False
    upsert(app, consent={"sms": True}, consent_wording="Paper form 12", source="import")
    assert stored(app).sms_consent is True


def test_an_erased_person_is_not_resurrected(app: App) -> None:
    make_customer(app, external_id="anna", first_name="", erased_at=NOW)
    verdict = upsert(app, first_name="Anna", consent={"push": True})
    assert [problem.code for problem in verdict.problems] == ["customer_erased"]
    assert (stored(app).first_name, Consent.objects.count()) == ("", 0)


def test_customer_for_finds_creates_and_refuses(app: App) -> None:
    created = customer_for(app=app, external_id="anna", now=NOW)
    assert customer_for(app=app, external_id="anna", now=NOW) == created
    assert customer_for(app=app, external_id=None, now=NOW).external_id is None
    make_customer(app, external_id="gone", erased_at=NOW)
    with pytest.raises(Conflict):
        customer_for(app=app, external_id="gone", now=NOW)


def test_a_number_without_its_country_says_which_was_assumed(app: App) -> None:
    problem = upsert(app, phone="48500600700123").problems[0]
    assert (problem.code, "PL" in problem.message) == ("phone_invalid", True)
