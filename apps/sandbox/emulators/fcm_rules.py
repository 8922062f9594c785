"""FCM's rules beyond the schema: one target, reserved data keys, sizes, time to live, labels and links."""

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_PAYLOAD = 4096
MAX_TOPIC_PAYLOAD = 2048
MAX_TTL_SECONDS = 28 * 86400

_TARGETS = ("token", "fid", "topic", "condition")
_TOPIC = re.compile(r"[a-zA-Z0-9-_.~%]{1,900}")
_LABEL = re.compile(r"[a-zA-Z0-9-_.~%]{1,50}")
_RESERVED = ("from", "message_type")
_RESERVED_PREFIXES = ("google.", "gcm.")
_Violation = tuple[str, str]


def violations_of(document: dict[str, Any], body_length: int) -> list[_Violation]:
    """What is wrong with a request that fits the schema; (field, description) each. body_length: in bytes."""
    message = document.get("message")
    if not isinstance(message, dict):
        return [("message", "The message is required.")]
    found = [*_targets(message), *_data_keys(message), *_android(message), *_labels(message), *_link(message)]
    return found or list(_sizes(message, body_length))


def _pick(section: Any, snake: str, camel: str) -> Any:
    """A field under either of its two names."""
    if not isinstance(section, dict):
        return None
    value = section.get(snake)
    return section.get(camel) if value is None else value


def _targets(message: dict[str, Any]) -> Iterator[_Violation]:
    named = [target for target in _TARGETS if message.get(target) is not None]
    if not named:
        yield "message", "Recipient of the message is not set."
    elif len(named) > 1:
        yield "message", f"oneof field 'target' is already set. Cannot set '{named[1]}'"
    topic = message.get("topic")
    if topic is not None and not _TOPIC.fullmatch(topic):
        yield "message.topic", "Malformed topic name"


def _data_keys(message: dict[str, Any]) -> Iterator[_Violation]:
    for place in ("", "android", "webpush"):
        section = message.get(place) if place else message
        for key in (section or {}).get("data") or {}:
            if key in _RESERVED or key.startswith(_RESERVED_PREFIXES):
                yield (f"message.{place}{'.' if place else ''}data", f"Invalid data payload key: {key}")


def _android(message: dict[str, Any]) -> Iterator[_Violation]:
    second = _pick(message, "android_v2", "androidV2")
    if message.get("android") is not None and second is not None:
        yield "message.android_v2", "android and android_v2 must not be set both"
    for name, section in (("android", message.get("android")), ("android_v2", second)):
        ttl = (section or {}).get("ttl")
        if ttl is not None and not 0 <= float(ttl[:-1]) <= MAX_TTL_SECONDS:
            yield f"message.{name}.ttl", "Invalid ttl: between 0 and 2419200 seconds"


def _labels(message: dict[str, Any]) -> Iterator[_Violation]:
    for place in ("", "android", "apns", "webpush"):
        section = message.get(place) if place else message
        label = _pick(_pick(section, "fcm_options", "fcmOptions"), "analytics_label", "analyticsLabel")
        if label is not None and not _LABEL.fullmatch(label):
            yield (f"message.{place}{'.' if place else ''}fcm_options.analytics_label", "Invalid analytics label")


def _link(message: dict[str, Any]) -> Iterator[_Violation]:
    link = _pick(_pick(message.get("webpush"), "fcm_options", "fcmOptions"), "link", "link")
    if link and not link.startswith("https://"):
        yield "message.webpush.fcm_options.link", "Invalid link: only HTTPS is allowed"


def _sizes(message: dict[str, Any], body_length: int) -> Iterator[_Violation]:
    """Each platform's share of the payload: keys and values in UTF-8, never more than the JSON around them."""
    limit = MAX_PAYLOAD if message.get("topic") is None else MAX_TOPIC_PAYLOAD
    if body_length <= limit:
        return
    common = _size(message.get("notification")) + _size(message.get("data"))
    for name, title in (("android", "Android"), ("webpush", "WebPush")):
        section = message.get(name) or {}
        if common + _size(section.get("notification")) + _size(section.get("data")) > limit:
            yield (f"message.{name}" if section else "message", f"{title} message is too big")
            return
    payload = (message.get("apns") or {}).get("payload")
    if payload and len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()) > limit:
        yield "message.apns.payload", "APNs payload is too big"


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(key.encode()) + _size(inner) for key, inner in value.items())
    if isinstance(value, list):
        return sum(_size(inner) for inner in value)
    if value is None:
        return 0
    return len(value.encode()) if isinstance(value, str) else len(str(value))
