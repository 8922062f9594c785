"""How many bytes the largest pushes of a campaign have on each platform, worked out with the longest real people."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.campaigns.models import Campaign
from apps.campaigns.services.reach import audience_of
from apps.core.sql import rows
from apps.customers.models import Customer
from apps.customers.preference_links import FACT, sample_url
from apps.customers.queries import facts_of
from apps.deliveries.click_links import sample
from apps.deliveries.rendering import RenderFailed, compile_body
from apps.deliveries.rendering.links import named_after
from apps.deliveries.rendering.payload import PayloadSize, payload_sizes

MOST_PEOPLE = 20
_PLATFORM_OF = {"APNs": "ios", "FCM": "android", "Web Push": "web"}


@dataclass(frozen=True, slots=True)
class Weight:
    """The largest push on one platform. reader: for whom; None where the text is the same for everybody."""

    platform: str
    bytes: int
    limit: int
    language: str
    reader: Customer | None

    @property
    def is_too_much(self) -> bool:
        return self.bytes > self.limit


def heaviest_pushes(campaign: Campaign) -> list[Weight]:
    """One for each of the campaign's platforms, in their order. Texts that cannot be made weigh nothing.

    Looks at the MOST_PEOPLE with the longest facts in every language. Raises as compile_audience does where there is
    no audience. Cost: one pass over the audience where a text prints a fact.
    """
    found: dict[str, Weight] = {}
    for weight in _weights(campaign):
        known = found.get(weight.platform)
        if known is None or weight.bytes > known.bytes:
            found[weight.platform] = weight
    return [found[platform] for platform in campaign.platforms if platform in found]


def _weights(campaign: Campaign) -> Iterator[Weight]:
    bodies = [
        (name, compile_body(named_after(text, campaign.name)))
        for one in campaign.variants.all()
        for name, text in sorted(one.texts.items())
    ]
    names = sorted(frozenset[str]().union(*(body.names for _name, body in bodies)) - {FACT})
    people = _longest(campaign, names) if names else []
    for language, body in bodies:
        for person in people if body.names - {FACT} else [None]:
            try:
                content = body.render({**(facts_of(person) if person else {}), FACT: sample_url()})
                yield from (
                    _weight(size, language, person)
                    for size in payload_sizes(sample(content) if body.counts_clicks else content)
                )
            except (RenderFailed, ValueError):
                continue


def _longest(campaign: Campaign, names: list[str]) -> list[Customer]:
    found = rows("campaigns", "longest_people", {"names": names, "most": MOST_PEOPLE}, audience=audience_of(campaign))
    return list(Customer.objects.filter(pk__in=[customer_id for (customer_id,) in found]).order_by("pk"))


def _weight(size: PayloadSize, language: str, person: Customer | None) -> Weight:
    return Weight(_PLATFORM_OF[size.gateway], size.size, size.limit, language, person)
