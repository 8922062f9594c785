"""Proof of life: beat sends one message a lane every few seconds, and a worker of the lane writes down the time.

So one fresh time says that beat, the broker and a worker of that lane all do their work.
"""

import time
from collections.abc import Mapping

from celery import shared_task
from django.core.cache import cache

from config.queues import LANES

EVERY_SECONDS = 3
# Older than this: something between beat and the worker stands still.
STALE_SECONDS = 30


@shared_task(name="config.heartbeat")
def heartbeat(lane: str) -> None:
    cache.set(_key(lane), time.time(), timeout=3600)


def ages(now: float) -> Mapping[str, float | None]:
    """Seconds since each lane's last heartbeat; None where there was none within the hour."""
    beats = cache.get_many([_key(lane) for lane in LANES])
    return {lane: max(0.0, now - beats[_key(lane)]) if _key(lane) in beats else None for lane in LANES}


def _key(lane: str) -> str:
    return f"heartbeat:{lane}"
