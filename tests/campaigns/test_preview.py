"""What one customer would see."""

import pytest

from apps.campaigns.models import Variant
from apps.campaigns.services.preview import preview_content
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
