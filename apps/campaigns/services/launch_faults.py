"""A launch that failed for a reason that nobody foresaw: said on the campaign's page while it is tried again."""

from contextlib import suppress
from datetime import datetime

from django.db import Error, transaction

from apps.campaigns.models import LaunchFault
from apps.campaigns.services.error_words import error_words


def note_fault(*, campaign_id: int, error: Exception, retry_at: datetime, now: datetime) -> None:
    """One try more. Nothing where the database is what is away: then nobody sees a page either."""
    words = error_words(error)
    fresh = {"error": words, "first_at": now, "retry_at": retry_at}
    with suppress(Error), transaction.atomic():
        fault, _is_new = LaunchFault.objects.select_for_update().get_or_create(campaign_id=campaign_id, defaults=fresh)
        fault.tries, fault.error, fault.retry_at = fault.tries + 1, words, retry_at
        fault.save()


def forget_fault(campaign_id: int) -> None:
    """It came to an end, or begins anew."""
    LaunchFault.objects.filter(campaign=campaign_id).delete()
