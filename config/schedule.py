"""What beat does and how often. Every entry is an idempotent wake-up: losing or doubling one does no harm.

Kept as one table so that an operator reads the pulse of the house in one place. django-celery-beat copies it into
its own tables when beat starts; `forget_removed` takes out what no longer stands here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from config.heartbeat import EVERY_SECONDS as HEARTBEAT_SECONDS
from config.queues import BULK, LANES, UPKEEP, URGENT

PREFIX = "tick: "


@dataclass(frozen=True, slots=True)
class Tick:
    """One periodic wake-up. Units: seconds."""

    task: str
    every_seconds: int
    queue: str
    arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return PREFIX + " ".join([self.task, *self.arguments])

    @property
    def expires_seconds(self) -> int:
        """A wake-up that waited so long is thrown away: workers that come back find a few, not an hour's worth."""
        return max(10, self.every_seconds)


TICKS = [
    Tick("deliveries.release", 1, URGENT),
    Tick("deliveries.reclaim", 5, URGENT),
    Tick("deliveries.resend_alerts", 2, URGENT),
    Tick("deliveries.ask_health", 3, UPKEEP),
    Tick("deliveries.fold_counts", 1, UPKEEP),
    Tick("deliveries.finish", 1, UPKEEP),
    Tick("deliveries.ensure_partitions", 3600, UPKEEP),
    Tick("deliveries.summarize_weeks", 30, UPKEEP),
    Tick("deliveries.learn_hours", 6 * 3600, UPKEEP),
    Tick("customers.ensure_partitions", 3600, UPKEEP),
    Tick("customers.drop_old_events", 3600, UPKEEP),
    Tick("customers.count_day", 900, UPKEEP),
    Tick("devices.count_day", 900, UPKEEP),
    Tick("customers.settle_identities", 60, UPKEEP),
    Tick("customers.seal_contacts", 5, UPKEEP),
    Tick("customers.continue_imports", 2, BULK),
    Tick("customers.forget_imports", 3600, UPKEEP),
    Tick("devices.retire_stale", 3600, UPKEEP),
    Tick("segments.refresh_due", 2, BULK),
    Tick("campaigns.launch_due", 1, BULK),
    Tick("campaigns.plan_triggers", 2, BULK),
    Tick("campaigns.finish", 2, UPKEEP),
    Tick("campaigns.decide_tests", 5, UPKEEP),
    Tick("campaigns.automations", 2, BULK),
    Tick("sms_booster.boost", 5, BULK),
    Tick("api.webhooks", 1, UPKEEP),
    Tick("sms_booster.fall_back", 2, URGENT),
    Tick("api.purge_expired", 3600, UPKEEP),
    *(Tick("config.heartbeat", HEARTBEAT_SECONDS, lane, (lane,)) for lane in LANES),
]


# What no broker brings: each worker looks for work in its lanes by itself, and drives its lanes' ticks where beat or
# the broker is away (config.polling).
LOOKS = [Tick("deliveries.look", 2, lane, (lane,)) for lane in (URGENT, BULK)]


def own_ticks(lanes: Collection[str]) -> list[Tick]:
    """The ticks that a worker of these lanes can do alone. A heartbeat is not one: it proves that the broker works."""
    return [tick for tick in TICKS if tick.queue in lanes and tick.task != "config.heartbeat"]


def own_looks(lanes: Collection[str]) -> list[Tick]:
    """The looks of a worker of these lanes."""
    return [look for look in LOOKS if look.queue in lanes]


def beat_schedule() -> dict[str, dict[str, Any]]:
    """TICKS as django-celery-beat reads settings.CELERY_BEAT_SCHEDULE (it would not take Celery's own `expires`)."""
    return {
        tick.name: {
            "task": tick.task,
            "schedule": timedelta(seconds=tick.every_seconds),
            "args": tick.arguments,
            "options": {"queue": tick.queue, "expire_seconds": tick.expires_seconds},
        }
        for tick in TICKS
    }


def forget_removed() -> int:
    """Delete the ticks of earlier versions from beat's table; returns how many. Entries made by hand stay."""
    from django_celery_beat.models import PeriodicTask

    ours = PeriodicTask.objects.filter(name__startswith=PREFIX)
    count, _ = ours.exclude(name__in=[tick.name for tick in TICKS]).delete()
    return count
