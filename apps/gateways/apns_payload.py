"""What a PushContent says in Apple's words. Source: developer.apple.com, "Generating a remote notification".

The app's own keys stand beside `aps`: nid, link, image, buttons and the sender's data. The image is for the app's
service extension (`mutable-content`), which also reports that the message was received.
"""

from collections.abc import Iterable

from apps.gateways.contract import PushContent, button_json
from apps.gateways.identifiers import NOTIFICATION_ID_LENGTH
from apps.gateways.splice import Template, hole

HOLES = ("nid",)
PAYLOAD_LIMIT = 4096


def build_template(content: PushContent, holes: Iterable[str] = HOLES) -> Template:
    """Encode a content once. Raises ValueError."""
    aps = {"content-available": 1} if content.silent else _aps(content)
    return Template({**_own_keys(content), "aps": aps}, holes)


def payload_bytes(content: PushContent) -> int:
    """What counts against PAYLOAD_LIMIT: exactly the bytes that will be sent. Raises ValueError."""
    return len(build_template(content).fill(b"x" * NOTIFICATION_ID_LENGTH))


def _aps(content: PushContent) -> dict[str, object]:
    alert = {"title": content.title, "body": content.body}
    if content.subtitle:
        alert["subtitle"] = content.subtitle
    aps: dict[str, object] = {"alert": alert, "mutable-content": 1}
    if content.badge is not None:
        aps["badge"] = content.badge
    if content.sound:
        aps["sound"] = content.sound
    if content.buttons:
        aps["category"] = "hg." + ".".join(button.id for button in content.buttons)
    if content.interruption_level:
        aps["interruption-level"] = content.interruption_level
    return aps


def _own_keys(content: PushContent) -> dict[str, object]:
    """Ours win over the sender's where both use one."""
    own: dict[str, object] = {**content.data, "nid": hole("nid")}
    if content.link:
        own["link"] = content.link
    if content.image_url:
        own["image"] = content.image_url
    if content.buttons:
        own["buttons"] = [button_json(each) for each in content.buttons]
    return own
