"""What one customer would see."""

import pytest

from apps.campaigns.admin_preview import found_readers, screen, screen_of
from apps.campaigns.models import Variant
from apps.campaigns.services.preview import UsedFact, preview_content, used_facts
from tests.factories import make_app, make_campaign, make_customer

pytestmark = pytest.mark.django_db
TEXTS = {
    "en": {"title": 'Hi {{ first_name | default: "you" }}', "body": "In {{ city }}", "link": "https://a.test"},
    "pl": {"title": "Cześć {{ first_name }}", "body": "b"},
}


@pytest.fixture
def variant() -> Variant:
    return make_campaign(make_app(), texts=TEXTS).variants.get()


def test_the_customers_facts_are_filled_in(variant: Variant) -> None:
    ada = make_customer(variant.campaign.app, first_name="Ada", traits={"city": "Paris"})
    seen = preview_content(variant=variant, language="en", customer=ada)
    assert (seen.title, seen.body, seen.link) == ("Hi Ada", "In Paris", "https://a.test")


def test_without_a_customer_the_fallbacks_speak(variant: Variant) -> None:
    assert preview_content(variant=variant, language="en", customer=None).title == "Hi you"


def test_a_language_that_is_missing_falls_back_to_the_default(variant: Variant) -> None:
    assert preview_content(variant=variant, language="de", customer=None).title == "Hi you"
    assert preview_content(variant=variant, language="pl", customer=None).title == "Cześć "


def test_it_is_said_which_facts_were_known_and_where_a_fallback_speaks(variant: Variant) -> None:
    ada = make_customer(variant.campaign.app, first_name="Ada", traits={"city": ""})
    assert used_facts(variant=variant, language="en", customer=ada) == [
        UsedFact("city", "", is_bare=True),
        UsedFact("first_name", "Ada", is_bare=False),
    ]
    assert [fact.value for fact in used_facts(variant=variant, language="en", customer=None)] == ["", ""]


def test_readers_are_found_by_id_mail_or_name(variant: Variant) -> None:
    app = variant.campaign.app
    zofia = make_customer(app, external_id="z-1", first_name="Zofia", last_name="Nowak", email="zn@a.test")
    make_customer(app, first_name="Zofia", erased_at=zofia.created_at)
    make_customer(make_app(), external_id="z-1", first_name="Zofia")
    for words in ("z-1", "ZN@a.test", "Zof", "Nowak Zofia"):
        assert found_readers(variant.campaign.app, words) == [zofia]


def test_a_script_is_never_shown_as_a_link() -> None:
    text = {"title": "Hi", "body": "b", "link": "javascript:alert(1)"}
    campaign = make_campaign(make_app(), texts={"en": text})
    assert screen(campaign, language="en", external_id="").link == ""


def test_a_text_that_cannot_be_read_is_shown_without_the_parsers_words(variant: Variant) -> None:
    variant.texts = {"en": {"title": "Hello", "body": "{% if %} there"}}
    said = screen_of(variant, language="en")
    assert (said.title, said.body) == ("Hello", "{% if %} there")
    assert "beside its field" in said.problem
