"""Gaps: facts that a text prints without a fallback, and how many of the audience lack them."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.campaigns.services.reach import audience_of
from apps.campaigns.services.readiness import known_names
from apps.core.problems import FieldProblem
from apps.core.sql import rows
from apps.customers.preference_links import FACT
from apps.deliveries.rendering import compile_body
from apps.deliveries.rendering.body import TEXT_FIELDS


def gap_warnings(campaign: Campaign) -> list[FieldProblem]:
    """One for each fact and text (code `missing_fallback`); `came` says how many people. Counts the audience.

    A name that nobody can have is a problem of its own (readiness), and not told a second time.
    Raises as compile_audience does where there is none.
    """
    printed = list(_printed_bare(campaign))
    if not printed:
        return []
    names = sorted({name for _pointer, name in printed})
    found = rows("campaigns", "lacking", {"names": names}, audience=audience_of(campaign))
    lacking = {name: (people, everybody) for name, people, everybody in found if people}
    return [_warning(pointer, name, *lacking[name]) for pointer, name in printed if name in lacking]


def _printed_bare(campaign: Campaign) -> Iterator[tuple[str, str]]:
    known = set(known_names(campaign)) - {FACT}
    for variant in campaign.variants.all():
        for language, body in sorted(variant.texts.items()):
            for name in sorted(compile_body(body).bare_names & known):
                yield f"/variants/{variant.position}/texts/{language}/{_field_of(name, body)}", name


def _field_of(name: str, body: Mapping[str, Any]) -> str:
    """The first field that prints it bare."""
    fields = {field: {field: text} for field, text in body.items() if field in TEXT_FIELDS}
    return next((field for field, alone in fields.items() if name in compile_body(alone).bare_names), "body")


def _warning(pointer: str, name: str, people: int, everybody: int) -> FieldProblem:
    message = _('%(people)s of %(everybody)s people have no “%(name)s”: give a fallback with | default: "…"') % {
        "people": f"{people:,}",
        "everybody": f"{everybody:,}",
        "name": name,
    }
    return FieldProblem(pointer, "missing_fallback", message, str(people))
