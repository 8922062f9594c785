"""How large a test has to be: what its people can show, before anything is sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from django.db.models import Q, Sum

from apps.campaigns.experiments.statistics import FEWEST_PEOPLE, smallest_seen, winner_alpha
from apps.campaigns.models import Campaign
from apps.deliveries.models import HourCount
from apps.deliveries.queries import RECEIPT_MEASURES
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES

LOOKS_BACK = timedelta(days=28)
# So many must have been sent to before an app's own rate is better than the usual one.
ENOUGH_SENT = 1000
# Parts of the audience that a new test is proposed with, the smallest first that can show something.
PROPOSED_PERCENTS = (20, 50)
PROPOSED_PEOPLE = 10 * FEWEST_PEOPLE
USUAL_RATES = {"opened": 0.1, "clicked": 0.03}


@dataclass(frozen=True, slots=True)
class SizeHint:
    """people: in the test; smallest_variant: of them, in the smallest; rest: who waits for the winner.

    seen: the smallest difference it shows in 8 of 10. rate: what usually opens (or clicks); is_own_rate: measured here.
    """

    people: int
    smallest_variant: int
    rest: int
    seen: float
    rate: float
    is_own_rate: bool

    @property
    def is_too_small(self) -> bool:
        """Nothing will ever be said about it."""
        return self.smallest_variant < FEWEST_PEOPLE

    @property
    def is_hopeless(self) -> bool:
        """Only a difference as large as the usual rate itself would be seen."""
        return self.seen > self.rate


def size_hint(campaign: Campaign, *, receiving: int, now: datetime) -> SizeHint | None:
    """For so many people who will receive it; None where there is nothing to compare. Reads the variants' rows."""
    shares = sorted(variant.share for variant in campaign.variants.all())
    if len(shares) < 2 or min(shares) < 1:
        return None
    people = round(receiving * campaign.test_percent / 100)
    smallest, next_one = (people * share / 100 for share in shares[:2])
    rate, is_own = usual_rate(campaign, now)
    seen = smallest_seen(smallest, next_one, rate=rate, alpha=winner_alpha(len(shares)))
    return SizeHint(people, int(smallest), receiving - people, min(seen, 1.0) if seen < inf else 1.0, rate, is_own)


def proposed_percent(people: int) -> int:
    """How much of so many people a test of two begins with, so that a rest is left for the better one where it can."""
    return next((part for part in PROPOSED_PERCENTS if people * part // 200 >= PROPOSED_PEOPLE), 100)


def usual_rate(campaign: Campaign, now: datetime) -> tuple[float, bool]:
    """What part of the app's campaign pushes is opened (or clicked), and whether that was measured."""
    sent, done = OUTCOMES["accepted"], RECEIPT_MEASURES + RECEIPT_TYPES[campaign.winner_by]
    hours = HourCount.objects.filter(app=campaign.app_id, kind="campaign", hour__gte=now - LOOKS_BACK)
    total = hours.aggregate(sent=Sum("count", filter=Q(measure=sent)), done=Sum("count", filter=Q(measure=done)))
    if (total["sent"] or 0) < ENOUGH_SENT or not total["done"]:
        return USUAL_RATES[campaign.winner_by], False
    return min(total["done"] / total["sent"], 0.5), True
