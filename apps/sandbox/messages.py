"""What a phone shows of a payload: title, text, image, buttons and where a tap leads, for every gateway."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShownButton:
    """An action under a notification."""

    id: str
    label: str
    link: str


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One notification as a person sees it."""

    title: str
    body: str
    image: str
    link: str
    buttons: tuple[ShownButton, ...]


def read_message(gateway: str, payload: Any) -> ShownMessage:
    """Read a kept payload. Foreign senders' payloads are read as far as they follow their vendor's format."""
    sections = _sections(gateway, payload)
    return ShownMessage(
        title=_text(sections, "title"),
        body=_text(sections, "body", "Body"),
        image=_text(sections, "image", "image_url", "imageUrl"),
        link=_text(sections, "deep_link", "link", "navigate", "url", "click_action"),
        buttons=tuple(_buttons(sections)),
    )


def _sections(gateway: str, payload: Any) -> list[dict[str, Any]]:
    """The parts of a payload that may say something, the most specific first."""
    if isinstance(payload, str):
        return [{"body": payload}]
    paths: tuple[tuple[str, ...], ...]
    match gateway:
        case "fcm":
            paths = (("android", "notification"), ("notification",), ("data",), ("android", "data"))
            paths += (("webpush", "notification"), ("webpush", "fcm_options"), ("apns", "payload", "aps", "alert"))
        case "apns":
            paths = (("aps", "alert"), (), ("data",), ("aps",))
        case _:
            paths = (("notification",), (), ("notification", "data"), ("data",))
    found = [_at(payload, path) for path in paths]
    return [section if isinstance(section, dict) else {"body": section} for section in found if section]


def _at(payload: Any, path: Iterable[str]) -> Any:
    for step in path:
        payload = payload.get(step) if isinstance(payload, dict) else None
    return payload if isinstance(payload, dict | str) else None


def _text(sections: list[dict[str, Any]], *names: str) -> str:
    """The first text under one of the names."""
    values = (section.get(name) for section in sections for name in names)
    return next((value for value in values if isinstance(value, str) and value), "")


def _buttons(sections: list[dict[str, Any]]) -> Iterable[ShownButton]:
    """Our `buttons` (a list, or its JSON text where data holds texts only), or the web's `actions`."""
    for section in sections:
        listed = section.get("buttons") or section.get("actions")
        if isinstance(listed, str):
            try:
                listed = json.loads(listed)
            except ValueError:
                listed = None
        if isinstance(listed, list):
            return [_button(entry) for entry in listed if isinstance(entry, dict)]
    return ()


def _button(entry: dict[str, Any]) -> ShownButton:
    def text(*names: str) -> str:
        return next((str(entry[name]) for name in names if entry.get(name)), "")

    return ShownButton(text("id", "action"), text("label", "title"), text("link", "navigate", "url"))
