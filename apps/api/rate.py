"""How many requests one caller may make in a minute, counted by all processes together.

Each process adds what it has seen to the shared counter once a second, so that a request costs no round trip;
processes x rate x 1 s is how far a caller can overshoot. While the cache is down each process counts for itself.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.core.cache import cache

WINDOW_SECONDS = 60
SHARE_EVERY_SECONDS = 1.0
REST_AFTER_FAILURE_SECONDS = 5.0
MOST_CALLERS = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller may still do in this window."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def is_over(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        remaining = max(0, self.limit - self.used)
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


@dataclass(slots=True)
class _Count:
    window: int
    unshared: int = 0
    total: int = 0
    share_at: float = 0.0


class Meter:
    """Counts requests by caller. add_shared(key, n) adds to the common counter and returns its new value."""

    def __init__(self, add_shared: Callable[[str, int], int]) -> None:
        self._add_shared = add_shared
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()
        self._rest_until = 0.0

    def take(self, caller: str, limit: int, now: float) -> Allowance:
        """Count one request at `now` (unix seconds)."""
        window = int(now // WINDOW_SECONDS)
        with self._lock:
            count = self._counts.get(caller)
            if count is None or count.window != window:
                if len(self._counts) >= MOST_CALLERS:
                    self._counts.clear()
                count = self._counts[caller] = _Count(window)
            count.unshared += 1
            count.total += 1
            is_due = now >= count.share_at and now >= self._rest_until
            if is_due:
                count.share_at = now + SHARE_EVERY_SECONDS
                share, count.unshared = count.unshared, 0
        if is_due:
            self._share(f"rate:{caller}:{window}", count, share, now)
        return Allowance(limit, count.total, WINDOW_SECONDS - int(now % WINDOW_SECONDS))

    def _share(self, key: str, count: _Count, share: int, now: float) -> None:
        try:
            total = self._add_shared(key, share)
        except Exception as error:  # whatever a cache client raises: counting must never cost a request
            log.warning("rate limits are counted per process: no cache", error=type(error).__name__)
            self._rest_until = now + REST_AFTER_FAILURE_SECONDS
            return
        with self._lock:
            count.total = total + count.unshared


def _add_in_cache(key: str, share: int) -> int:
    cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
    return int(cache.incr(key, share))


meter = Meter(_add_in_cache)


def take(caller: str, limit: int) -> Allowance:
    """Count one request now, on the meter of this process."""
    return meter.take(caller, limit, time.time())
