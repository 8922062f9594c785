"""What one customer would see."""

from apps.campaigns.models import Variant
from apps.customers.models import Customer
from apps.customers.preference_links import FACT, sample_url
from apps.customers.queries import facts_of
from apps.deliveries.rendering import compile_body
from apps.gateways.contract import PushContent


def preview_content(*, variant: Variant, language: str, customer: Customer | None) -> PushContent:
    """The variant's text in `language`, filled with the customer's facts (None: with its fallbacks alone).

    A language the variant lacks falls back to the app's default, as it does when sending. Raises RenderFailed.
    """
    body = variant.texts.get(language) or variant.texts.get(variant.campaign.app.default_language) or {}
    return compile_body(body).render({**(facts_of(customer) if customer else {}), FACT: sample_url()})
