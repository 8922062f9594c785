"""Clicks: a counted link is followed. It leads where the frozen content says, and nowhere else."""

import json
from datetime import datetime
from typing import Any

from apps.core.sql import rows
from apps.customers.queries import fact_reader
from apps.customers.sealed import CANNOT_OPEN
from apps.deliveries.delivery_ids import DeliveryKey, read_delivery_id
from apps.deliveries.rendering import CompiledBody, RenderFailed
from apps.deliveries.rendering.links import WEB
from apps.deliveries.services.contents import DispatchText, texts_of
from apps.deliveries.services.receipts import ReceiptDraft, store


def is_genuine(delivery_id: str) -> bool:
    """Whether we signed it."""
    return read_delivery_id(delivery_id) is not None


def follow_link(*, delivery_id: str, is_person: bool, now: datetime) -> str:
    """Where the link of this delivery leads; "" where it leads nowhere (any more), for whatever reason.

    is_person: also writes down that the push was opened and clicked, as an SDK would. Cost: two or three queries.
    """
    key = read_delivery_id(delivery_id)
    link = _link_of(key) if key else ""
    if link and is_person:
        receipts = [ReceiptDraft(delivery_id, "opened"), ReceiptDraft(delivery_id, "clicked")]
        store(receipts=receipts, app_id=None, now=now)
    return link


def _link_of(key: DeliveryKey) -> str:
    text = texts_of([key.dispatch_id]).get(key.dispatch_id)
    if text is None or text.planned_on != key.planned_on:
        return ""
    reader = rows(
        "deliveries",
        "click_reader",
        {"planned_on": key.planned_on, "dispatch_id": key.dispatch_id, "device_id": key.device_id},
    )
    return _as_sent(text, key.variant, reader[0]) if reader else _of_nobody(text, key.variant)


def _as_sent(text: DispatchText, variant: int, reader: tuple[Any, ...]) -> str:
    """In the language it was sent in, with the person's facts as they are now."""
    language, locale, columns, traits, recorded, personal = reader
    chosen = text.text_for(variant, recorded if recorded is not None else language or "", locale or "")
    if chosen is None:
        return ""
    own = json.loads(personal) if personal else {}
    try:
        profile = fact_reader(chosen.body.link_names)(columns, traits)
    except CANNOT_OPEN:
        return ""  # as it was not sent either
    known = {**profile, **own, **text.facts}
    return _web_link(chosen.body, known)


def _of_nobody(text: DispatchText, variant: int) -> str:
    """The person is not there any more, or the device not theirs: only a link that is the same for all still leads."""
    chosen = text.text_for(variant, "", "")
    return "" if chosen is None or chosen.body.link_names else _web_link(chosen.body, {})


def _web_link(body: CompiledBody, known: dict[str, Any]) -> str:
    if not body.counts_clicks:
        return ""
    try:
        link = body.link(known)
    except RenderFailed:
        return ""
    return link if link.startswith(WEB) else ""
