"""Prepare: an opened slice becomes messages. Whoever may not be sent to any more is settled here, with the reason.

Needs no database, so it stands behind the commit that opened the slice: no lock is held while texts are rendered.
"""

import logging
from typing import Any

from apps.core.sealing import BrokenSeal
from apps.customers.preference_links import FACT, preferences_url
from apps.customers.sealed import LostKey
from apps.deliveries.click_links import counted
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.rendering import RenderFailed
from apps.deliveries.services.contents import Text
from apps.deliveries.services.open import OpenedDevice, Place, Slice
from apps.deliveries.states import OUTCOMES, PLATFORM_NUMBERS
from apps.deliveries.unclear import RETIRED_BEFORE
from apps.gateways.contract import PushMessage

# A device that was in flight alone each time its worker died is not tried a fourth time.
MOST_CRASHES = 3

_ERASED = OUTCOMES["excluded:erased"]
_NO_CONSENT = OUTCOMES["excluded:no_consent"]
_DUPLICATE = OUTCOMES["excluded:duplicate_device"]
_MOVED = OUTCOMES["excluded:moved"]
_NO_LIVE_DEVICE = OUTCOMES["excluded:no_live_device"]
_TOKEN_DEAD = OUTCOMES["token_dead"]
_MESSAGE_BAD = OUTCOMES["message_bad"]
_UNKNOWN = OUTCOMES["unknown_outcome"]
_WEB = PLATFORM_NUMBERS["web"]
_log = logging.getLogger(__name__)


def prepare(slice_: Slice) -> None:
    """Fill places, messages and settled from the rows; once. Cost: 10 us a device with a personal text."""
    expires_at = slice_.held.expires_at.timestamp()
    for device in slice_.devices:
        if not device.is_settled:
            _prepare_one(slice_, device, expires_at)
    slice_.devices = []


def _prepare_one(slice_: Slice, device: OpenedDevice, expires_at: float) -> None:
    text = slice_.text.text_for(device.variant, device.language or "", device.locale or "")
    platform = PLATFORM_NUMBERS.get(device.platform or "", 0)
    place = Place(device.device_id, device.customer_id, device.variant, platform, text.language if text else "")
    if device.is_erased:
        slice_.settle(place, _ERASED)
    elif device.is_opted_out:
        slice_.settle(place, _NO_CONSENT)
    elif not device.is_theirs:
        slice_.settle(place, _MOVED)
    elif device.is_reached_elsewhere:
        slice_.settle(place, _DUPLICATE, "merged")
    elif device.state == "dead":
        slice_.settle(place, _TOKEN_DEAD, RETIRED_BEFORE)
    elif device.state == "quarantined":
        slice_.settle(place, _NO_LIVE_DEVICE, "quarantined")
    elif slice_.held.crashes >= MOST_CRASHES:
        slice_.settle(place, _UNKNOWN, "crashed")
    elif text is None:
        slice_.settle(place, _MESSAGE_BAD, "no_content")
    else:
        _address(slice_, place, text, device, expires_at)


def _address(slice_: Slice, place: Place, text: Text, device: OpenedDevice, expires_at: float) -> None:
    """Render for one person; a text that fails costs its own recipient alone, and so does a broken address in it."""
    body = text.body
    try:
        facts = {} if body.is_static else _facts(slice_, text, device)
    except (BrokenSeal, LostKey) as broken:
        _log.error("dispatch %s, customer %s: %s", slice_.text.dispatch_id, place.customer_id, broken)
        slice_.settle(place, _MESSAGE_BAD, "broken_contact")
        return
    if text.has_link:
        person_id = device.merged_into or device.customer_id
        facts[FACT] = preferences_url(app_id=slice_.held.app_id, customer_id=person_id, now=slice_.opened_at)
    try:
        content = body.render(facts)
    except RenderFailed as failure:
        slice_.settle(place, _MESSAGE_BAD, failure.code)
        return
    notification_id = make_delivery_id(
        planned_on=slice_.text.named_on,
        dispatch_id=slice_.text.named_id,
        device_id=place.device_id,
        variant=place.variant,
    )
    if body.counts_clicks and place.platform == _WEB:
        content = counted(content, notification_id)
    slice_.places.append(place)
    slice_.messages.append(
        PushMessage(
            notification_id,
            device.address,
            content,
            expires_at,
            device.address_kind,
            device.environment,
            device.webpush_p256dh,
            device.webpush_auth,
        )
    )


def _facts(slice_: Slice, text: Text, device: OpenedDevice) -> dict[str, Any]:
    """The profile's, then what was given for this person, then what was given for everybody; the later wins."""
    own = slice_.personal.get(device.customer_id) or {}
    return {**text.read_facts(device.columns, device.traits), **own, **slice_.text.facts}
