"""Pace: how many devices may be opened now, shared by all workers through token buckets in rows.

Two limits may stand over a batch: the throttle of its dispatch and the pace of its channel. Where neither does,
nothing is read or written.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.core.sql import prepared_rows
from apps.deliveries.models import PaceBucket
from apps.deliveries.services.claim import Held

# At most this many devices in one slice, and never more than a second's worth of the pace.
SLICE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """A batch wants to open `count` devices."""

    held: Held
    count: int


def grant(*, wishes: Sequence[Wish], now: datetime) -> list[Wish]:
    """The same wishes, each cut to what throttle and pace allow now; 0 = not now. Locks buckets until commit."""
    throttled = _take(wishes, [_throttle_of(wish.held) for wish in wishes], now)
    paced = _take(throttled, [_pace_of(wish.held) for wish in throttled], now)
    unused = [Wish(wish.held, less.count - wish.count) for wish, less in zip(throttled, paced, strict=True)]
    returned = [wish for wish in unused if wish.count and wish.held.throttle_per_second]
    if returned:
        _take(returned, [_throttle_of(wish.held) for wish in returned], now)
    return paced


def size_at(rate: float | None) -> int:
    """The largest slice at this pace: a second of work."""
    return SLICE_SIZE if rate is None else max(1, min(SLICE_SIZE, int(rate)))


def _throttle_of(held: Held) -> tuple[str, float] | None:
    return None if held.throttle_per_second is None else (f"dispatch:{held.dispatch_id}", held.throttle_per_second)


def _pace_of(held: Held) -> tuple[str, float] | None:
    return None if held.pace_per_second is None else (f"channel:{held.channel.channel_id}", held.pace_per_second)


def _take(wishes: Sequence[Wish], limits: Sequence[tuple[str, float] | None], now: datetime) -> list[Wish]:
    asked: dict[str, int] = defaultdict(int)
    rates: dict[str, float] = {}
    for wish, limit in zip(wishes, limits, strict=True):
        if limit is not None:
            owner, rates[owner] = limit
            asked[owner] += wish.count
    if not asked:
        return list(wishes)
    left = _granted(asked, rates, now)
    cut = []
    for wish, limit in zip(wishes, limits, strict=True):
        count = wish.count if limit is None else min(wish.count, left[limit[0]])
        if limit is not None:
            left[limit[0]] -= count
        cut.append(Wish(wish.held, count))
    return cut


def _granted(asked: Mapping[str, int], rates: Mapping[str, float], now: datetime) -> dict[str, int]:
    owners = sorted(asked)
    values = {"owners": owners, "rates": [rates[name] for name in owners], "asked": [asked[name] for name in owners]}
    granted: dict[str, int] = dict(prepared_rows("deliveries", "take_tokens", {**values, "now": now}))
    missing = [name for name in owners if name not in granted]
    if missing:  # a pace set since, or a channel's first slice
        fresh = [PaceBucket(owner=name, tokens=1, refilled_at=now) for name in missing]
        PaceBucket.objects.bulk_create(fresh, ignore_conflicts=True)
        return granted | _granted({name: asked[name] for name in missing}, rates, now)
    return granted
