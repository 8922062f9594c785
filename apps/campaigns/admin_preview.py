"""What the phones beside the builder show: the saved text as one person would read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.campaigns.admin_draft import first_variant, texts_of
from apps.campaigns.models import Campaign
from apps.campaigns.services.preview import preview_content
from apps.customers.models import Customer
from apps.customers.queries import person_named
from apps.deliveries.rendering import RenderFailed
from apps.gateways.contract import Button
from apps.segments.models import SegmentMember

SAMPLES = 12


@dataclass(frozen=True, slots=True)
class Screen:
    """One notification as shown. problem: why it cannot be made for this person, in the renderer's words."""

    app_name: str
    title: str
    body: str
    link: str = ""
    image_url: str = ""
    image_name: str = ""
    buttons: Sequence[Button] = field(default_factory=tuple)
    reader: str = ""
    problem: str = ""


def screen(campaign: Campaign, *, language: str, external_id: str) -> Screen:
    """The message in `language`, as the customer named reads it; "" or an unknown name: with its fallbacks."""
    customer = person_named(app=campaign.app, external_id=external_id) if external_id else None
    texts = texts_of(campaign)
    text = texts.get(language) or texts[campaign.app.default_language]
    name = campaign.app.name
    empty = Screen(name, _("Your title"), _("What you write appears here."))
    if not text.get("title"):
        return Screen(name, empty.title, str(text.get("body") or empty.body), reader=_reader(customer, external_id))
    try:
        content = preview_content(variant=first_variant(campaign), language=language, customer=customer)
    except RenderFailed as failed:
        return Screen(name, str(text["title"]), str(text.get("body", "")), problem=failed.detail)
    return Screen(
        app_name=name,
        title=content.title,
        body=content.body,
        link=content.link,
        image_url=content.image_url,
        image_name=content.image_url.split("?")[0].rstrip("/").rpartition("/")[2],
        buttons=content.buttons,
        reader=_reader(customer, external_id),
    )


def sample_people(campaign: Campaign) -> list[Customer]:
    """A few people of the audience (of the app, while there is no audience) to look over the shoulder of."""
    people = Customer.objects.filter(app=campaign.app_id, erased_at=None, merged_into=None).exclude(external_id=None)
    segments = [segment.pk for segment in campaign.include_segments.all()]
    if segments:
        members = SegmentMember.objects.filter(segment__in=segments, left_at=None).values("customer")[: SAMPLES * 3]
        people = people.filter(pk__in=list(members.values_list("customer", flat=True)))
    return list(people.order_by("pk")[:SAMPLES])


def _reader(customer: Customer | None, external_id: str) -> str:
    if customer:
        return str(customer)
    return _("Nobody has this customer id.") if external_id else ""
