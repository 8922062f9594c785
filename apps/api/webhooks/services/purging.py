"""Purging: what the log and the dead letters are kept for is over."""

from datetime import datetime, timedelta

from apps.api.webhooks.models import WebhookAttempt, WebhookMessage, WebhookReplay

ATTEMPTS_KEPT = timedelta(days=14)
DEAD_KEPT = timedelta(days=30)
_AT_ONCE = 50_000


def purge_webhooks(*, now: datetime) -> int:
    """Delete attempts after two weeks, dead letters and ended replays after thirty days. Returns the rows deleted."""
    old = WebhookAttempt.objects.filter(at__lt=now - ATTEMPTS_KEPT).values("pk")[:_AT_ONCE]
    dead = WebhookMessage.objects.filter(state="dead", created_at__lt=now - DEAD_KEPT).values("pk")[:_AT_ONCE]
    ended = WebhookReplay.objects.filter(finished_at__lt=now - DEAD_KEPT)
    return (
        WebhookAttempt.objects.filter(pk__in=old).delete()[0]
        + WebhookMessage.objects.filter(pk__in=dead).delete()[0]
        + ended.delete()[0]
    )
