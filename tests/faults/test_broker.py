"""The broker stops, forgets, hangs or repeats itself: it only ever made things prompt."""

import pytest
from django.utils import timezone

from apps.campaigns.models import Campaign
from config.queues import LANES
from tests.factories import make_ready_campaign
from tests.faults.house import House

pytestmark = pytest.mark.django_db(transaction=True)


def test_f12_a_scheduled_campaign_is_sent_and_ended_without_broker_or_beat(alone: House) -> None:
    """F12. Launch, send, fold and finish, each found by a worker that looks by itself."""
    campaign = make_ready_campaign(alone.app, people=30, state="scheduled", scheduled_at=timezone.now(), timing="at")
    alone.start_worker(*LANES)
    row = Campaign.objects.filter(id=campaign.id)
    alone.until(row.filter(state="finished").exists, seconds=40, what="finished")
    alone.check()
    assert alone.outcomes() == {"accepted": 30}
