"""Pace: how many devices may be opened now, shared by all workers through token buckets in rows.

Two limits may stand over a batch: the throttle of its dispatch and the pace of its channel. Where neither does,
nothing is read or written. Above them stands the quota that a vendor gives a whole project; as it stands over nearly
every batch, each process takes its part of it ahead, so that no slice ever waits for that row.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from apps.core.sql import prepared_rows
from apps.deliveries.models import PaceBucket
from apps.deliveries.services.claim import Held

# At most this many devices in one slice, and never more than a second's worth of the pace.
SLICE_SIZE = 100


# A vendor's minute is not ours: a little less than the quota is kept to.
QUOTA_SHARE = 0.97
CHUNK_SECONDS = 0.1
MOST_AHEAD = 1000.0


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


class Purse:
    """A process's part of the vendors' quotas, taken ahead from the shared buckets.

    It may go into debt by one CHUNK, so that the first push of a lane need not wait; the next filling pays.
    """

    def __init__(self) -> None:
        self._left: dict[str, float] = {}
        self._rates: dict[str, float] = {}

    def fill(self, *, held: Iterable[Held], now: datetime) -> None:
        """Top up what runs low. Call outside of a transaction: its rows are everybody's."""
        for one in held:
            if one.project and one.quota_per_second is not None:
                self._rates[one.project] = one.quota_per_second * QUOTA_SHARE
        low = {project: _chunk(rate) for project, rate in self._rates.items() if self._left.get(project, 0.0) <= 0}
        self._ask({project: ceil(chunk - self._left.get(project, 0.0)) for project, chunk in low.items()}, now)

    def spend(self, wishes: Sequence[Wish]) -> list[Wish]:
        """The same wishes, each cut to what the quota allows now."""
        cut = []
        for wish in wishes:
            count, project, quota = wish.count, wish.held.project, wish.held.quota_per_second
            if project and quota is not None:
                self._rates[project] = quota * QUOTA_SHARE  # what was never held long enough to be filled is paid, too
                left = self._left.get(project, 0.0)
                count = max(0, min(count, int(left + _chunk(quota * QUOTA_SHARE))))
                self._left[project] = left - count
            cut.append(wish if count == wish.count else Wish(wish.held, count))
        return cut

    def put_back(self, spent: Sequence[Wish], granted: Sequence[Wish]) -> None:
        """What was spent on devices that a pace then held back, wish by wish: a slow campaign uses up no quota."""
        for before, after in zip(spent, granted, strict=True):
            if before.held.project and before.held.quota_per_second is not None:
                self._left[before.held.project] += before.count - after.count

    def settle(self, *, now: datetime) -> None:
        """Give back what is left, pay what is owed."""
        self._ask({project: -int(left) for project, left in self._left.items() if int(left)}, now)

    def _ask(self, asked: Mapping[str, int], now: datetime) -> None:
        if not asked:
            return
        owners = {f"project:{project}": project for project in asked}
        rates = {owner: self._rates[project] for owner, project in owners.items()}
        granted = _granted({owner: asked[project] for owner, project in owners.items()}, rates, now)
        for owner, project in owners.items():
            self._left[project] = self._left.get(project, 0.0) + granted.get(owner, 0)


def _chunk(rate: float) -> float:
    """How much of a quota a process takes at once."""
    return min(MOST_AHEAD, max(1.0, rate * CHUNK_SECONDS))


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
