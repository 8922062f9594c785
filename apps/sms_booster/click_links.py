"""The short link of an SMS that counts who follows it: the SMS's number, signed, and nothing of where it leads.

20 characters of base64url over 15 bytes: int6 number of the SMS and the first 9 bytes of HMAC-SHA256 over it. Short,
because parts are paid for. The stored SMS keeps the marketer's link; only what is handed to the provider has this one.
"""

import base64
import hashlib
import hmac
import re
from functools import cache

from django.conf import settings

from apps.deliveries.click_links import PATH

LENGTH = 20
_ID_BYTES, _MAC_BYTES = 6, 9
_LINK = re.compile(r"https://[^\s<>\"]*[^\s<>\".,;:!?)'\]]")


def link_in(text: str) -> str:
    """The first https link that is not one of our own pages; "" where there is none."""
    return next((found for found in _LINK.findall(text) if not found.startswith(f"{settings.PUBLIC_URL}/")), "")


def counted(text: str, sms_id: int) -> str:
    """The text as it is sent: its first link leads through us."""
    link = link_in(text)
    return text.replace(link, f"{settings.PUBLIC_URL}{PATH}{_signed(sms_id)}", 1) if link else text


def sample(text: str) -> str:
    """As long as a counted one, for counting parts before there is an SMS."""
    return counted(text, 0)


def read_signed(signed: str) -> int | None:
    """The number of the SMS; None where we did not sign it."""
    if len(signed) != LENGTH or not signed.isascii():
        return None
    try:
        raw = base64.b64decode(signed, altchars=b"-_", validate=True)
    except ValueError:
        return None
    body, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
    return int.from_bytes(body) if hmac.compare_digest(mac, _mac(body)) else None


def _signed(sms_id: int) -> str:
    body = sms_id.to_bytes(_ID_BYTES)
    return base64.urlsafe_b64encode(body + _mac(body)).decode()


def _mac(body: bytes) -> bytes:
    return hmac.digest(_signing_key(), body, "sha256")[:_MAC_BYTES]


@cache
def _signing_key() -> bytes:
    return hashlib.sha256(b"heliograph sms link\0" + settings.SECRET_KEY.encode()).digest()
