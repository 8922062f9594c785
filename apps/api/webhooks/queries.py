"""Questions about webhooks: how an endpoint is, and what was tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q

from apps.api.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookReplay
from apps.core.sql import rows

HOURS = 24
ATTEMPTS_SHOWN = 50


class Hour(NamedTuple):
    """seconds: None where nothing was taken."""

    at: datetime
    tries: int
    failures: int
    median_seconds: float | None
    slow_seconds: float | None

    @property
    def median_milliseconds(self) -> int | None:
        """Half of what was taken took no longer."""
        return _milliseconds(self.median_seconds)

    @property
    def slow_milliseconds(self) -> int | None:
        """19 of 20 took no longer."""
        return _milliseconds(self.slow_seconds)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Messages of an endpoint that were not taken."""

    waiting: int
    dead: int


def backlog_of(endpoint: WebhookEndpoint) -> Backlog:
    """What waits for another try, and what nobody took."""
    found = endpoint.messages.aggregate(
        waiting=Count("pk", filter=Q(state="waiting")), dead=Count("pk", filter=Q(state="dead"))
    )
    return Backlog(found["waiting"], found["dead"])


def latency_by_hour(endpoint: WebhookEndpoint, *, now: datetime) -> list[Hour]:
    """The last HOURS hours, each, also those in which nothing was tried. Cost: the hours' attempts."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    found = rows("api", "webhook_latency", {"endpoint_id": endpoint.pk, "since": first})
    known = {row[0]: Hour(*row) for row in found}
    hours = [first + timedelta(hours=number) for number in range(HOURS)]
    return [known.get(hour, Hour(hour, 0, 0, None, None)) for hour in hours]


def attempts_of(endpoint: WebhookEndpoint, *, only_failures: bool, before: int | None) -> Sequence[WebhookAttempt]:
    """One more than ATTEMPTS_SHOWN, the latest first, before an attempt's number."""
    found = WebhookAttempt.objects.filter(endpoint=endpoint)
    if only_failures:
        found = found.exclude(result="delivered")
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(found.order_by("-pk")[: ATTEMPTS_SHOWN + 1])


def running_replay_of(endpoint: WebhookEndpoint) -> WebhookReplay | None:
    return endpoint.replays.filter(state="running").first()


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
