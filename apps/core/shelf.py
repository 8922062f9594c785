"""A shelf in the shared cache, where the processes of an installation leave short-lived secrets for one another.

Encrypted, and never relied on: a cache that is empty or away means that every process gets its own.
"""

import json
from contextlib import suppress

import structlog
from django.core.cache import cache

from apps.core.encryption import decrypt, encrypt

_log = structlog.get_logger(__name__)


class CacheShelf:
    """Values under names, each until its time. Blocks for at most the cache's own time-outs; never raises."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def read(self, name: str) -> tuple[str, float] | None:
        """The value and until when it is good (unix seconds), None where there is none that can be read."""
        try:
            stored = cache.get(f"{self._prefix}:{name}")
            value, good_until = json.loads(decrypt(stored)) if stored else (None, 0.0)
        except Exception as error:
            # The cache away, another encryption key, an older form: all the same to the reader.
            _log.warning("a shared secret cannot be read", shelf=self._prefix, error=str(error))
            return None
        return (value, good_until) if value else None

    def write(self, name: str, value: str, *, good_until: float, seconds: float) -> None:
        """Leave a value for so many seconds; where the cache is away, for nobody: `claim` has said so."""
        with suppress(Exception):
            cache.set(f"{self._prefix}:{name}", encrypt(json.dumps([value, good_until])), timeout=max(int(seconds), 1))

    def claim(self, name: str, seconds: float) -> bool:
        """True where it falls to the caller to fetch a new value; nobody else is told so for so long, or until done."""
        try:
            return bool(cache.add(f"{self._prefix}:{name}:claim", 1, timeout=max(int(seconds), 1)))
        except Exception as error:
            _log.warning("the shared cache is away, each process for itself", shelf=self._prefix, error=str(error))
            return True

    def give_up(self, name: str) -> None:
        """The claim is over: the value is there, or could not be had."""
        with suppress(Exception):
            cache.delete(f"{self._prefix}:{name}:claim")
