"""Wake-ups: a message that says "there may be work in this lane". The work itself stands in rows.

Losing one costs at most a tick of `release`; a doubled one finds nothing to do. So a broker that is away is noted
and left alone for a moment, never waited for, and bursts are thinned: whoever was woken lingers longer than that.
"""

import logging
import time
from threading import Lock

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

THIN_SECONDS = 0.02
# A worker that wakes later than this is superseded by the next tick.
EXPIRES_SECONDS = 5
BROKER_REST_SECONDS = 1.0

_log = logging.getLogger(__name__)
_lock = Lock()
_not_before: dict[str, float] = {}


def wake(lane: str, *, times: int = 1) -> bool:
    """Publish wake-ups for the lane; False where thinned out or the broker is away. Never raises for it."""
    now = time.monotonic()
    with _lock:
        if now < _not_before.get(lane, 0.0):
            return False
        _not_before[lane] = now + THIN_SECONDS
    try:
        for _ in range(times):
            current_app.send_task("deliveries.send", args=[lane], queue=lane, expires=EXPIRES_SECONDS, retry=False)
    except (OperationalError, OSError) as error:
        with _lock:
            _not_before[lane] = time.monotonic() + BROKER_REST_SECONDS
        _log.warning("no wake-up for lane %s, its workers will find the work by themselves: %s", lane, error)
        return False
    return True


def wake_on_commit(lane: str) -> None:
    """Wake the lane once the current transaction is committed."""
    transaction.on_commit(lambda: wake(lane))
