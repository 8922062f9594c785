"""Claim: one statement takes a lease on due batches. The attempt it raises is the fence of every later write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apps.core.sql import execute, execute_prepared, prepared_rows
from apps.deliveries.states import GATEWAY_NUMBERS

# FCM's for a project, unless the channel says otherwise.
USUAL_QUOTA_PER_MINUTE = 600_000
PROBE_AGAIN_AFTER = timedelta(seconds=30)
_GATEWAYS = [word for word, number in sorted(GATEWAY_NUMBERS.items(), key=lambda pair: pair[1]) if number]


@dataclass(frozen=True, slots=True)
class ChannelKey:
    """A channel as it was configured: another updated_at is another key."""

    channel_id: int
    updated_at: datetime


@dataclass(slots=True)
class Held:
    """A batch under our lease, and how far we are in it.

    fence: the attempt. opened, recorded: positions from the front; opened > recorded on arrival = a worker died with
    those devices in flight (suspects). crashes: workers lost at position `recorded`. project, quota_per_second: whose
    quota at the vendor it uses; "" = nobody's.
    """

    batch_id: int
    fence: int
    dispatch_id: int
    app_id: int
    gateway: int
    channel: ChannelKey
    is_probe: bool
    size: int
    opened: int
    recorded: int
    crashes: int
    tries: int
    may_have_arrived: bool
    expires_at: datetime
    throttle_per_second: float | None
    pace_per_second: float | None
    project: str
    quota_per_second: float | None
    released_at: datetime

    @property
    def is_suspect(self) -> bool:
        return self.opened > self.recorded


def claim_batches(
    *, lane: str, most: int, most_each: int, busy: Mapping[int, int], lease: timedelta, now: datetime
) -> list[Held]:
    """Up to `most` due batches of the lane, leased to the caller. Touches batches, probes.

    most_each: of one channel, with those it has in our hand already (busy: channel id -> batches).
    """
    claimed = prepared_rows(
        "deliveries",
        "claim_batches",
        {
            "lane": lane,
            "most": most,
            "most_each": most_each,
            "busy_ids": list(busy),
            "busy_counts": list(busy.values()),
            "now": now,
            "leased_until": now + lease,
            "next_probe": now + PROBE_AGAIN_AFTER,
            "gateways": _GATEWAYS,
            "usual_quota": USUAL_QUOTA_PER_MINUTE,
        },
    )
    return [_held(*row) for row in claimed]


def _held(
    batch_id: int,
    fence: int,
    dispatch_id: int,
    app_id: int,
    gateway: int,
    channel_id: int,
    channel_updated_at: datetime,
    *rest: Any,
) -> Held:
    return Held(batch_id, fence, dispatch_id, app_id, gateway, ChannelKey(channel_id, channel_updated_at), *rest)


def give_back(*, held: Sequence[Held]) -> int:
    """End our leases where they still are ours: leased -> waiting. Nothing of these batches may be in flight."""
    if not held:
        return 0
    ids, fences = [one.batch_id for one in held], [one.fence for one in held]
    return execute_prepared("deliveries", "give_back_batches", {"batch_ids": ids, "fences": fences})


def renew_leases(*, held: Sequence[Held], lease: timedelta, now: datetime) -> int:
    """Keep what waits in our hand. Returns how many still were ours."""
    ids, fences = [one.batch_id for one in held], [one.fence for one in held]
    return execute_prepared(
        "deliveries", "renew_leases", {"batch_ids": ids, "fences": fences, "leased_until": now + lease}
    )


def reclaim_batches(*, now: datetime) -> int:
    """Batches whose worker let the lease run out wait again; what it had opened is suspect. Returns how many."""
    return execute("deliveries", "reclaim_batches", {"now": now})
