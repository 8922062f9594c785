"""A campaign in the engine's words: audience, contents, policy. Launch and dry run hand over the same."""

from datetime import datetime
from typing import Any

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.services.local_time import begins_at, is_local, local_fields
from apps.campaigns.services.reach import audience_of
from apps.core.sql import Compiled
from apps.customers.models import Topic
from apps.deliveries.policy import Policy
from apps.deliveries.rendering.links import named_after
from apps.deliveries.services.plan import ContentDraft


def origin_of(campaign_id: int) -> str:
    """The name under which the engine knows a campaign."""
    return f"campaign:{campaign_id}"


def plan_arguments(campaign: Campaign, now: datetime, *, audience: Compiled | None = None) -> dict[str, Any]:
    """Keyword arguments of plan_dispatch and simulate_dispatch. audience None = its segments'."""
    return {
        "app": campaign.app,
        "kind": "campaign",
        "origin": origin_of(campaign.pk),
        "occurrence": _occurrence(campaign),
        "name": campaign.name,
        "audience": audience_of(campaign) if audience is None else audience,
        "contents": [
            ContentDraft(variant=variant.position, language=language, body=named_after(body, campaign.name))
            for variant in campaign.variants.all()
            for language, body in sorted(variant.texts.items())
        ],
        "policy": _policy(campaign, now),
        "throttle_per_second": campaign.throttle_per_second,
        "release_at": _release_at(campaign, now),
        "due_at": campaign.scheduled_at if campaign.state == "scheduled" else None,
        "now": now,
    }


def _release_at(campaign: Campaign, now: datetime) -> datetime | None:
    """A draft's dry run is of its set time; None = of now. At its launch that has come."""
    if campaign.state not in ("draft", "awaiting_approval"):
        return None
    return begins_at(campaign, now) if campaign.timing == "at" or is_local(campaign) else None


def _occurrence(campaign: Campaign) -> str:
    """Its launch by name: a repeating campaign's by the local day it is planned for, so that no day goes out twice."""
    if campaign.timing != "repeat" or campaign.scheduled_at is None:
        return "1"
    return campaign.recurrence.local_day(campaign.scheduled_at).isoformat()


def _shares(campaign: Campaign) -> tuple[float, ...]:
    """Percent of the audience: each variant's part of the test; what is missing to 100 waits for the winner."""
    shares = list(campaign.variants.order_by("position").values_list("share", flat=True))
    tested = campaign.test_percent if len(shares) > 1 else 100
    return tuple(share * tested / 100 for share in shares)


def _policy(campaign: Campaign, now: datetime) -> Policy:
    app: App = campaign.app
    topic = Topic.objects.filter(app=app, key=campaign.topic).first() if campaign.topic else None
    quiet = (app.quiet_from, app.quiet_until) if campaign.respects_quiet_hours else (None, None)
    return Policy(
        topic=campaign.topic,
        platforms=tuple(campaign.platforms),
        devices=campaign.devices,
        cap_count=app.cap_count if campaign.respects_cap else None,
        cap_days=app.cap_days,
        topic_cap_count=topic.cap_count if topic and campaign.respects_cap else None,
        topic_cap_days=topic.cap_days if topic else 7,
        quiet_from=f"{quiet[0]:%H:%M}" if quiet[0] and quiet[1] else "",
        quiet_until=f"{quiet[1]:%H:%M}" if quiet[0] and quiet[1] else "",
        default_time_zone=app.time_zone,
        **local_fields(campaign, now),
        shares=_shares(campaign),
        holdout_percent=campaign.holdout_percent,
        salt=origin_of(campaign.pk),
        expire_after_seconds=campaign.expire_after_minutes * 60,
    )
