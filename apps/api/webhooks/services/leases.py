"""Leases: which process makes which requests. What a process that died had under way is taken by another."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import F

from apps.api.webhooks.models import WebhookMessage
from apps.core.sql import execute, rows

# So late comes what a killed process had under way. Who takes longer with a request renews its lease meanwhile.
LEASE = timedelta(seconds=20)
# Failing endpoints share these, so that any number of them leaves room for those that answer.
MOST_PROBES = 16
KEYS = ("days", "dispatch_ids", "customer_ids", "device_ids")


class Lease(NamedTuple):
    """A claim of a message: the next one has another fence."""

    message_id: int
    fence: int


def lease_of(message: WebhookMessage) -> Lease:
    return Lease(message.pk, message.fence)


def claim_due(*, now: datetime, most: int) -> list[WebhookMessage]:
    """Take messages to be tried now, with their endpoints. They are ours until LEASE is over, or renewed.

    Their KEYS are not loaded: mostly the body is at hand. event_count says how many there are.
    """
    values = {"now": now, "leased_until": now + LEASE, "most": most, "most_probes": min(most, MOST_PROBES)}
    claimed = [row[0] for row in rows("api", "claim_webhooks", values)]
    if not claimed:
        return []
    found = WebhookMessage.objects.filter(pk__in=claimed).select_related("endpoint").defer(*KEYS)
    messages: list[WebhookMessage] = []
    for message in found.annotate(key_count=F("days__len")).order_by("due_at", "pk"):
        message.event_count = message.key_count
        messages.append(message)
    return messages


def renew_leases(leases: list[Lease], *, now: datetime) -> int:
    """Keep what is still ours for LEASE from now; returns how many those are."""
    if not leases:
        return 0
    message_ids, fences = map(list, zip(*leases, strict=True))
    values = {"message_ids": message_ids, "fences": fences, "leased_until": now + LEASE}
    return execute("api", "renew_webhooks", values)
