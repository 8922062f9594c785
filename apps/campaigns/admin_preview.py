"""What the phones beside the builder show: the saved text as one person would read it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.campaigns.admin_draft import variant_at
from apps.campaigns.models import Campaign, Variant
from apps.campaigns.services.preview import UsedFact, preview_content, used_facts
from apps.customers.models import Customer
from apps.customers.queries import found_people, person_named
from apps.deliveries.rendering import RenderFailed
from apps.deliveries.rendering.field_rules import link_problems
from apps.gateways.contract import Button, PushContent
from apps.segments.models import SegmentMember

SAMPLES = 6
type Facts = Mapping[str, Any]


def _none(customer: Customer | None) -> Facts:
    return {}


@dataclass(frozen=True, slots=True)
class Screen:
    """One notification as shown. problem: why it cannot be made for this person, in the renderer's words.

    facts: what the text asks for, known or not. link: only where it may be sent; a script is never shown as a link.
    lock_screen: how much of it a locked Android shows, a word of contents; "" = as its owner likes.
    """

    app_name: str
    title: str
    body: str
    subtitle: str = ""
    link: str = ""
    lock_screen: str = ""
    image_url: str = ""
    image_name: str = ""
    buttons: Sequence[Button] = field(default_factory=tuple)
    reader: str = ""
    problem: str = ""
    facts: Sequence[UsedFact] = ()


def screen(campaign: Campaign, *, language: str, external_id: str, position: int = 0) -> Screen:
    """The variant's text in `language`, as the customer named reads it; "" or an unknown name: with its fallbacks."""
    return screen_of(variant_at(campaign, position), language=language, external_id=external_id)


def screen_of(
    variant: Variant, *, language: str, external_id: str = "", facts_for: Callable[[Customer | None], Facts] = _none
) -> Screen:
    """The same of any message, also one that is not stored as a variant. facts_for: what it says beside the profile."""
    campaign, app = variant.campaign, variant.campaign.app
    customer = person_named(app=app, external_id=external_id) if external_id else None
    text = variant.texts.get(language) or variant.texts.get(app.default_language) or {}
    empty = Screen(app.name, _("Your title"), _("What you write appears here."))
    if not text.get("title") and text.get("silent") is not True:
        return Screen(app.name, empty.title, str(text.get("body") or empty.body), reader=_reader(customer, external_id))
    said: dict[str, Any] = {
        "variant": variant,
        "language": language,
        "customer": customer,
        "extra": facts_for(customer),
    }
    try:
        content = preview_content(**said)
    except RenderFailed as failed:
        problem = failed.detail
        if failed.code == "template_syntax":
            problem = _("This text cannot be read yet: what is wrong stands beside its field.")
        return Screen(app.name, str(text["title"]), str(text.get("body", "")), problem=problem)
    return Screen(
        app_name=app.name,
        title=content.title,
        body=content.body,
        subtitle=content.subtitle,
        link=_shown_link(content, campaign),
        lock_screen=content.lock_screen,
        facts=used_facts(**said),
        image_url=content.image_url,
        image_name=content.image_url.split("?")[0].rstrip("/").rpartition("/")[2],
        buttons=content.buttons,
        reader=_reader(customer, external_id),
    )


def found_readers(app: App, words: str) -> list[Customer]:
    """Known people of the app whom `found_people` finds; the one with that very id first.

    Cost: by id, phone or e-mail an index; by name a scan (0.3 s for a million people).
    """
    exactly = person_named(app=app, external_id=words)
    people = Customer.objects.filter(app=app, erased_at=None, merged_into=None).exclude(external_id=None)
    found = found_people(people, words, apps=[app]).order_by("pk")
    others = [person for person in found[:SAMPLES] if person != exactly]
    return [*([exactly] if exactly else []), *others][:SAMPLES]


def sample_people(campaign: Campaign) -> list[Customer]:
    """A few people of the audience (of the app, while there is no audience) to look over the shoulder of."""
    people = Customer.objects.filter(app=campaign.app_id, erased_at=None, merged_into=None).exclude(external_id=None)
    segments = [segment.pk for segment in campaign.include_segments.all()]
    if segments:
        members = SegmentMember.objects.filter(segment__in=segments, left_at=None).values("customer")[: SAMPLES * 3]
        people = people.filter(pk__in=list(members.values_list("customer", flat=True)))
    return list(people.order_by("pk")[:SAMPLES])


def _shown_link(content: PushContent, campaign: Campaign) -> str:
    return "" if any(link_problems(content.link, "", campaign.app.link_schemes)) else content.link


def _reader(customer: Customer | None, external_id: str) -> str:
    if customer:
        return str(customer)
    return _("Nobody has this customer id.") if external_id else ""
