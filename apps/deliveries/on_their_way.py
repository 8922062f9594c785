"""Devices that have no outcome yet.

Who reads the ledger too reads it AFTER this: a device only ever moves into the ledger, so that whatever has left by
then is found there. The other way round a device that moves in between is in neither.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from apps.core.sql import rows


class OnItsWay(NamedTuple):
    """One device of one message, in a batch (`state`, `release_at`) or in Retry (`retry_at`, `tries`, `reason`).

    is_tried: something of its batch was opened already.
    """

    dispatch_id: int
    device_id: int
    customer_id: int
    variant: int
    gateway: int
    is_tried: bool
    state: str
    release_at: datetime | None
    retry_at: datetime | None
    tries: int
    reason: str


def on_their_way(*, dispatch_ids: Sequence[int], people: Sequence[int] | None = None) -> list[OnItsWay]:
    """Those of these messages. people: theirs alone; None = all. Cost: one statement."""
    if not dispatch_ids:
        return []
    asked = {"dispatch_ids": list(dispatch_ids), "people": None if people is None else list(people)}
    return [OnItsWay(*row) for row in rows("deliveries", "on_their_way", asked)]
