"""The signed link to one person's preferences: who, of which app, and until when. It asks for no log-in.

32 characters of base64url over 24 bytes: int8 customer, int4 app, int2 last day (since 2020-01-01), and the first 10
bytes of HMAC-SHA256 over those 14. Short, because an SMS carries it. The same link all day, so a second try of a
message says the same.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from struct import Struct

from django.conf import settings

# What a text calls the link: {{ preferences_url }}. Everybody has one, so it needs no fallback.
FACT = "preferences_url"
PATH = "/preferences/"
LENGTH = 32
_EPOCH = date(2020, 1, 1)
_KEY = Struct(">qIH")
_MAC_BYTES = 10


@dataclass(frozen=True, slots=True)
class PreferenceKey:
    """Whose link it is."""

    customer_id: int
    app_id: int


def preferences_url(*, app_id: int, customer_id: int, now: datetime) -> str:
    """The address a message carries; works for settings.PREFERENCE_LINK_DAYS. Cost: 4 us."""
    last_day = (now.astimezone(UTC).date() - _EPOCH).days + settings.PREFERENCE_LINK_DAYS
    body = _KEY.pack(customer_id, app_id, min(last_day, 0xFFFF))
    return f"{settings.PUBLIC_URL}{PATH}{base64.urlsafe_b64encode(body + _mac(body)).decode()}"


def sample_url() -> str:
    """As long as a real one, and nobody's: for previews and for counting parts."""
    return f"{settings.PUBLIC_URL}{PATH}{'x' * LENGTH}"


def read_signed(text: str, *, now: datetime) -> PreferenceKey | None:
    """None where the text is no link of ours, was changed, or is too old: who tries learns no more than that."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except ValueError:
        return None
    body, mac = raw[: _KEY.size], raw[_KEY.size :]
    if not hmac.compare_digest(mac, _mac(body)):
        return None
    customer_id, app_id, last_day = _KEY.unpack(body)
    if _EPOCH + timedelta(days=last_day) < now.astimezone(UTC).date():
        return None
    return PreferenceKey(customer_id, app_id)


def _mac(body: bytes) -> bytes:
    return hmac.digest(_signing_key(), body, "sha256")[:_MAC_BYTES]


@cache
def _signing_key() -> bytes:
    return hashlib.sha256(b"heliograph preference link\0" + settings.SECRET_KEY.encode()).digest()
