"""What a PushContent says in FCM's words: firebase-admin's Message with holes for what differs per device.

One message serves Android, iOS and web registrations alike, as FCM does not tell which one a token is.
Source: REST reference of projects.messages; limits: `PAYLOAD_LIMIT` counts keys and values of what the phone gets.
"""

import json
from collections.abc import Iterable
from typing import Any

from firebase_admin import messaging

from apps.gateways.contract import PushContent, button_json
from apps.gateways.identifiers import NOTIFICATION_ID_LENGTH
from apps.gateways.splice import Template, hole

HOLES = ("kind", "address", "nid", "name", "ttl", "expires_at")
PAYLOAD_LIMIT = 4096
LONGEST_TTL_SECONDS = 28 * 86_400


def build_template(content: PushContent, holes: Iterable[str] = HOLES) -> Template:
    """Encode a content once. Raises ValueError where FCM's message model forbids it."""
    encoded: dict[str, Any] = json.loads(str(_message(content)))
    encoded[hole("kind")] = encoded.pop("fid")
    encoded["android"]["ttl"] = hole("ttl") + "s"
    return Template({"message": encoded}, holes)


def payload_bytes(content: PushContent) -> int:
    """About what FCM counts against PAYLOAD_LIMIT: keys and values of notification and data."""
    encoded: dict[str, Any] = json.loads(str(_message(content)))
    data = {**encoded["data"], "nid": "x" * NOTIFICATION_ID_LENGTH}
    return sum(_weight(texts) for texts in (encoded.get("notification", {}), data))


def _data(content: PushContent) -> dict[str, str]:
    """The app's own keys. Ours win over the sender's where both use one."""
    ours = {"nid": hole("nid")}
    if content.link:
        ours["link"] = content.link
    if content.buttons:
        buttons = [button_json(button) for button in content.buttons]
        ours["buttons"] = json.dumps(buttons, ensure_ascii=False, separators=(",", ":"))
    return {**content.data, **ours}


def _message(content: PushContent) -> messaging.Message:
    visible = not content.silent
    return messaging.Message(
        fid=hole("address"),
        data=_data(content),
        notification=messaging.Notification(content.title, content.body, content.image_url or None)
        if visible
        else None,
        android=_android(content),
        apns=_apns(content),
        webpush=_webpush(content) if visible else None,
    )


def _android(content: PushContent) -> messaging.AndroidConfig:
    notification = messaging.AndroidNotification(
        tag=hole("name"),
        channel_id=content.android_channel or None,
        sound=content.sound or None,
        notification_count=content.badge,
        icon=content.android_icon or None,
        visibility=content.lock_screen or None,
    )
    return messaging.AndroidConfig(
        priority="high" if content.urgency == "high" else "normal",
        collapse_key=content.collapse_key or None,
        notification=None if content.silent else notification,
    )


def _apns(content: PushContent) -> messaging.APNSConfig:
    headers = {
        "apns-expiration": hole("expires_at"),
        "apns-priority": "10" if content.urgency == "high" and not content.silent else "5",
    }
    if content.silent:
        headers["apns-push-type"] = "background"
        return messaging.APNSConfig(headers, messaging.APNSPayload(messaging.Aps(content_available=True)))
    headers["apns-collapse-id"] = hole("name")
    level = {"interruption-level": content.interruption_level} if content.interruption_level else None
    # With an alert of its own for iOS, FCM no longer fills in the common title and body.
    alert = messaging.ApsAlert(content.title, content.subtitle, content.body) if content.subtitle else None
    aps = messaging.Aps(alert, content.badge, content.sound or None, mutable_content=True, custom_data=level)
    return messaging.APNSConfig(headers, messaging.APNSPayload(aps))


def _webpush(content: PushContent) -> messaging.WebpushConfig:
    link = content.link if content.link.startswith("https://") else None
    return messaging.WebpushConfig(
        headers={"TTL": hole("ttl"), "Urgency": "high" if content.urgency == "high" else "normal"},
        notification=messaging.WebpushNotification(tag=hole("name")),
        fcm_options=messaging.WebpushFCMOptions(link) if link else None,
    )


def _weight(texts: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in texts.items())
