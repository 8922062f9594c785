"""Receipts: the app's own word that a push was received, displayed, opened, clicked or dismissed.

What the delivery id says is believed because it is signed; nothing else of a receipt is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.core.sql import rows
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.states import PLATFORM_WORDS, RECEIPT_TYPES

ACTION_LENGTH = 60


@dataclass(frozen=True, slots=True)
class ReceiptDraft:
    """As it came. at None = the app did not say when; action: the id of the button that was pressed."""

    delivery_id: str
    type: str
    at: datetime | None = None
    action: str = ""


def store(*, receipts: Sequence[ReceiptDraft], app_id: int | None, now: datetime) -> int:
    """Store what is genuine and new; returns how many. Forged ids, ids of people without a device, unknown types
    and repeats are dropped silently.

    app_id: whose key the call came with; None = any. Times outside planned day .. now are pulled inside.
    """
    genuine = [
        (key, draft)
        for draft in receipts
        if draft.type in RECEIPT_TYPES and (key := read_delivery_id(draft.delivery_id)) and key.device_id
    ]
    if not genuine:
        return 0
    ((stored,),) = rows(
        "deliveries",
        "store_receipts",
        {
            "planned_on": [key.planned_on for key, _ in genuine],
            "dispatch_ids": [key.dispatch_id for key, _ in genuine],
            "device_ids": [key.device_id for key, _ in genuine],
            "variants": [key.variant for key, _ in genuine],
            "types": [RECEIPT_TYPES[draft.type] for _, draft in genuine],
            "at": [_plausible(draft.at, now) for _key, draft in genuine],
            "actions": [draft.action.replace("\0", "")[:ACTION_LENGTH] for _, draft in genuine],
            "platform_words": [word for number, word in sorted(PLATFORM_WORDS.items()) if number],
            "app_id": app_id,
            "now": now,
        },
    )
    return int(stored)


def _plausible(at: datetime | None, now: datetime) -> datetime:
    """A phone's clock may be years ahead; one that is behind is judged where the dispatch is known."""
    return now if at is None else min(at, now)
