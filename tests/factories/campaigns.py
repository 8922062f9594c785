"""Campaigns, with the rows that an ended or running one leaves behind."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from apps.accounts.models import App
from apps.campaigns.models import Campaign, Variant
from apps.deliveries.models import Dispatch, DispatchCount
from apps.deliveries.states import OUTCOMES, RECEIPT_TYPES
from apps.devices.models import Channel
from tests.factories.people import NOW, make_channel, make_people, make_segment

_numbers = count(1)
_MEASURES = {**OUTCOMES, **{word: 100 + number for word, number in RECEIPT_TYPES.items()}}


def make_campaign(app: App, *, texts: Mapping[str, Any] | None = None, **fields: Any) -> Campaign:
    """A draft with one English text, unless `fields` say otherwise."""
    campaign = Campaign.objects.create(app=app, **{"name": f"campaign {next(_numbers)}", **fields})
    Variant.objects.create(campaign=campaign, texts=texts or {"en": {"title": "Hello", "body": "Come and see."}})
    return campaign


def make_ready_campaign(app: App, *, people: int = 3, **fields: Any) -> Campaign:
    """A draft that may be launched: an open channel, and a static list of people with a device each."""
    if not Channel.objects.filter(app=app, gateway="fcm").exists():
        make_channel(app)
    campaign = make_campaign(app, **fields)
    campaign.include_segments.add(make_segment(app, [device.customer for device in make_people(app, people)]))
    return campaign


def make_counted_dispatch(app: App, *, counts: Mapping[str, int] | None = None, **fields: Any) -> Dispatch:
    """A dispatch; `counts` are its folded counts by outcome or receipt type, all on Android."""
    defaults = {
        "kind": "campaign",
        "lane": "bulk",
        "origin": f"campaign:{next(_numbers)}",
        "occurrence": "1",
        "state": "done",
        "planned_on": NOW.date(),
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    dispatch = Dispatch.objects.create(app=app, **{**defaults, **fields})
    for word, total in (counts or {}).items():
        DispatchCount.objects.create(
            dispatch=dispatch, measure=_MEASURES[word], variant=0, platform=1, hour=NOW, count=total
        )
    return dispatch
