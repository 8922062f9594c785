"""The booster of the demo world's draft: after a minute, so that a visitor sees it work."""

from decimal import Decimal

from apps.campaigns.models import Campaign
from apps.sms_booster.models import BoostRule


def add_booster(*, campaign: Campaign) -> None:
    """A wait of one minute is allowed in the demo environment only."""
    BoostRule.objects.create(
        campaign=campaign,
        is_enabled=True,
        wait_minutes=1,
        text="{{ first_name | default: 'Hello' }}, our sale ends tomorrow: shop.example.com/autumn. STOP to opt out",
        max_messages=5000,
        price_per_part=Decimal("0.0079"),
    )
