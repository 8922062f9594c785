"""What one customer would see, and what stands behind it: which facts are known, where a fallback speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.campaigns.models import Variant
from apps.customers.models import Customer
from apps.customers.preference_links import FACT, sample_url
from apps.customers.queries import facts_of
from apps.deliveries.rendering import compile_body
from apps.deliveries.rendering.links import named_after
from apps.deliveries.rendering.nested import part_uses
from apps.gateways.contract import PushContent

MOST_SHOWN = 80
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class UsedFact:
    """A fact that a text asks for. value "": not known; then is_bare tells that nothing is printed in its place."""

    name: str
    value: str
    is_bare: bool


def preview_content(
    *, variant: Variant, language: str, customer: Customer | None, extra: Mapping[str, Any] = NOTHING
) -> PushContent:
    """The variant's text in `language`, filled with the customer's facts (None: with its fallbacks alone) and `extra`.

    A language the variant lacks falls back to the app's default, as it does when sending. Raises RenderFailed.
    """
    return compile_body(_body(variant, language)).render({**_facts(customer), **extra, FACT: sample_url()})


def used_facts(
    *, variant: Variant, language: str, customer: Customer | None, extra: Mapping[str, Any] = NOTHING
) -> list[UsedFact]:
    """Every fact that the text asks for, by name; of one that has parts each part. The preference link all have."""
    body, facts = _body(variant, language), {**_facts(customer), **extra}
    compiled = compile_body(body)
    return [
        used
        for name in sorted(compiled.names - {FACT})
        for used in _parts(body, name, facts.get(name))
        or [UsedFact(name, _shown(facts.get(name)), name in compiled.bare_names)]
    ]


def _parts(body: Mapping[str, Any], name: str, value: Any) -> list[UsedFact]:
    parts = {use.part: use.is_bare for use in part_uses(body, name) if use.part}
    known = value if isinstance(value, Mapping) else {}
    return [UsedFact(f"{name}.{part}", _shown(known.get(part)), is_bare) for part, is_bare in sorted(parts.items())]


def _body(variant: Variant, language: str) -> Mapping[str, Any]:
    body = variant.texts.get(language) or variant.texts.get(variant.campaign.app.default_language) or {}
    return named_after(body, variant.campaign.name)


def _facts(customer: Customer | None) -> dict[str, Any]:
    return facts_of(customer) if customer else {}


def _shown(value: Any) -> str:
    """As Liquid's `default` judges it: nothing, false and the empty are as good as unknown."""
    return "" if value is None or value is False or value in ("", [], {}) else str(value)[:MOST_SHOWN]
