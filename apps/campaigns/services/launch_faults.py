"""A launch that failed for a reason that nobody foresaw: said on the campaign's page while it is tried again."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import Error, transaction

from apps.campaigns.models import Campaign, LaunchFault
from apps.campaigns.services.faults import failed_again
from apps.core.database import passes_by_itself

# What passes by itself is tried again so much later.
_SOON = timedelta(seconds=5)


def note_failure(*, campaign_id: int, error: Exception, lease_until: datetime, now: datetime) -> None:
    """A fault and one try more; or, where it passes by itself, no fault and a shorter lease for the next try.

    Nothing where the database is what is away: then nobody sees a page either.
    """
    with suppress(Error), transaction.atomic():
        if passes_by_itself(error):
            ours = Campaign.objects.filter(pk=campaign_id, state="scheduled", launching_until=lease_until)
            ours.update(launching_until=now + _SOON)
        else:
            failed_again(LaunchFault.objects.all(), error, [lease_until - now], now, campaign_id=campaign_id)


def is_tried_soon(campaign_id: int, *, now: datetime) -> bool:
    """Whether what the launch of `now` met passes by itself, so that `note_failure` brought the next try forward."""
    with suppress(Error):
        return Campaign.objects.filter(pk=campaign_id, state="scheduled", launching_until__lte=now + _SOON).exists()
    return False


def forget_fault(campaign_id: int) -> None:
    """It came to an end, or begins anew."""
    LaunchFault.objects.filter(campaign=campaign_id).delete()
