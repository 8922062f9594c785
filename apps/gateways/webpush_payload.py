"""What a PushContent says to a browser: Declarative Web Push, which our service worker understands too.

Safari shows it without a service worker; other browsers hand it to ours. Source: WebKit, "Meet Declarative Web Push".
"""

from collections.abc import Iterable

from apps.gateways.contract import PushContent
from apps.gateways.identifiers import NOTIFICATION_ID_LENGTH
from apps.gateways.splice import Template, hole
from apps.gateways.webpush_encryption import PLAINTEXT_LIMIT

HOLES = ("nid", "name")
PAYLOAD_LIMIT = PLAINTEXT_LIMIT
PAYLOAD_WARNING = 2700
"""Above it Firefox on Android, which gets its messages through FCM, may receive nothing."""


def build_template(content: PushContent, holes: Iterable[str] = HOLES) -> Template:
    """Encode a content once. Raises ValueError."""
    payload: dict[str, object] = {
        "web_push": 8030,
        "mutable": True,
        "nid": hole("nid"),
        "notification": _notification(content),
    }
    if content.badge is not None:
        payload["app_badge"] = content.badge
    return Template(payload, holes)


def payload_bytes(content: PushContent) -> int:
    """What counts against PAYLOAD_LIMIT: the plaintext. Raises ValueError."""
    nid = b"x" * NOTIFICATION_ID_LENGTH
    return len(build_template(content).fill(nid, content.collapse_key.encode() or nid))


def _notification(content: PushContent) -> dict[str, object]:
    """Every push must show something, so a silent one is shown without a sound."""
    shown: dict[str, object] = {
        "title": content.title,
        "body": content.body,
        "navigate": content.link or "/",
        "tag": hole("name"),
    }
    if content.image_url:
        shown["image"] = content.image_url
    if content.silent:
        shown["silent"] = True
    if content.data:
        shown["data"] = dict(content.data)
    if content.buttons:
        shown["actions"] = [
            {
                "action": each.id,
                "title": each.label,
                "navigate": each.link or content.link or "/",
                **({"icon": each.icon} if each.icon else {}),
            }
            for each in content.buttons
        ]
    return shown
