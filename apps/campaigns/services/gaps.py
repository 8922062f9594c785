"""Gaps: facts that a text prints without a fallback, and how many of the audience lack them."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.campaigns.services.reach import audience_of
from apps.core.problems import FieldProblem
from apps.core.sql import rows
from apps.customers.preference_links import FACT
from apps.deliveries.rendering import compile_body


def gap_warnings(campaign: Campaign) -> list[FieldProblem]:
    """One for each fact and text (code `missing_fallback`); `came` says how many people. Counts the audience.

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
    for variant in campaign.variants.all():
        for language, body in sorted(variant.texts.items()):
            pointer = f"/variants/{variant.position}/texts/{language}/body"
            yield from ((pointer, name) for name in sorted(compile_body(body).bare_names - {FACT}))


def _warning(pointer: str, name: str, people: int, everybody: int) -> FieldProblem:
    message = _('%(people)s of %(everybody)s people have no “%(name)s”: give a fallback with | default: "…"') % {
        "people": f"{people:,}",
        "everybody": f"{everybody:,}",
        "name": name,
    }
    return FieldProblem(pointer, "missing_fallback", message, str(people))
