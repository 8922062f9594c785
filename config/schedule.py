"""What beat does and how often. Every entry is an idempotent wake-up: losing or doubling one does no harm.

Kept as one table so that an operator reads the pulse of the house in one place; a migration-free
`sync_schedule` copies it into django-celery-beat's tables at start.
"""

from dataclasses import dataclass

from config.queues import BULK, UPKEEP, URGENT


@dataclass(frozen=True, slots=True)
class Tick:
    """One periodic wake-up. Units: seconds."""

    task: str
    every_seconds: int
    queue: str


TICKS = [
    Tick("deliveries.release", 1, URGENT),
    Tick("deliveries.reclaim", 5, URGENT),
    Tick("deliveries.fold_counts", 1, UPKEEP),
    Tick("deliveries.finish", 1, UPKEEP),
    Tick("deliveries.ensure_partitions", 3600, UPKEEP),
    Tick("customers.ensure_partitions", 3600, UPKEEP),
    Tick("devices.retire_stale", 3600, UPKEEP),
    Tick("segments.refresh_due", 30, BULK),
    Tick("campaigns.launch_due", 1, BULK),
    Tick("campaigns.finish", 2, UPKEEP),
    Tick("sms_booster.boost", 5, BULK),
    Tick("api.purge_expired", 3600, UPKEEP),
    Tick("core.beat_heartbeat", 5, UPKEEP),
]
