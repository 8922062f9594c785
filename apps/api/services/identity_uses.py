"""A token with a `jti` is good for one device: whoever steals one cannot register a phone of their own with it.

The same device may show it again, for answers get lost and apps are launched twice within the hour. What was seen
stands in the cache until the token expires; without a cache a token is as good as one without `jti`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.core.cache import cache

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Showing:
    """Who shows it: hashes of the device's address and of the one it had before ("" = none). expires: unix seconds."""

    app_id: int
    jti: str
    device: str
    before: str
    expires: float

    @property
    def key(self) -> str:
        return f"identity:{self.app_id}:{hashlib.sha256(self.jti.encode(errors='surrogatepass')).hexdigest()}"


def is_of_one_device(showing: Showing, *, now: datetime, leeway_seconds: float) -> bool:
    """False where another device has shown the token before. Cost: one round trip to the cache, two for a repeat."""
    seconds = max(1, int(showing.expires - now.timestamp() + leeway_seconds) + 1)
    try:
        if cache.add(showing.key, showing.device, timeout=seconds):
            return True
        bound = cache.get(showing.key)
        if bound == showing.before:
            cache.set(showing.key, showing.device, timeout=seconds)
            return True
    except Exception as error:  # whatever a cache client raises: people must be able to log in
        log.warning("identity tokens are not bound to devices: no cache", error=type(error).__name__)
        return True
    return bound is None or bound == showing.device
