"""MessageFlow's `advanced`: what of it our payloads can carry, in our words, and what they cannot.

Nothing in it is refused: it was always the part of that form that senders fill by habit, so what is of no use is warned
about by its name (`not_passed_on`) and the push goes out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.api.json_body import escaped
from apps.core.text import clean_language
from apps.deliveries.rendering import analyse
from apps.deliveries.rendering.field_rules import DRAWABLE

# Android's own numbers of `Notification.visibility`.
LOCK_SCREENS = {1: "public", 0: "private", -1: "secret"}


def for_android(advanced: Mapping[str, Any]) -> dict[str, Any]:
    """android_icon and lock_screen, where they are told and can be used."""
    shown, icon = _lock_screen(advanced), _small_icon(advanced)
    return {**({"lock_screen": shown} if shown else {}), **({"android_icon": icon} if icon else {})}


def subtitle_in(advanced: Any, spoken: str, default: str) -> dict[str, str]:
    """The subtitle of a language, else the default one's; none where it is no text that could be sent."""
    told = advanced.get("subtitle") if isinstance(advanced, Mapping) else None
    if isinstance(told, Mapping):
        texts = {clean_language(str(name), pointer="", problems=[]): text for name, text in told.items()}
        told = texts.get(spoken, texts.get(default))
    return {"subtitle": told} if told and _is_sound(told) else {}


def unused_of(advanced: Mapping[str, Any]) -> Iterator[str]:
    """Pointers to what is told and not passed on; what is empty tells nothing."""
    for name, value in advanced.items():
        if name == "icon" and isinstance(value, Mapping):
            unused = (part for part, one in value.items() if one and not _used(part, one))
            yield from (f"/advanced/icon/{escaped(part)}" for part in unused)
        elif name == "lockscreenVisibility":
            yield from [] if value is None or _lock_screen(advanced) else [f"/advanced/{name}"]
        elif value and not (name == "subtitle" and _all_sound(value)):
            yield f"/advanced/{escaped(name)}"


def _used(part: str, icon: Any) -> bool:
    return part == "small" and _is_drawable(icon)


def _is_drawable(icon: Any) -> bool:
    return isinstance(icon, str) and bool(DRAWABLE.fullmatch(icon))


def _small_icon(advanced: Mapping[str, Any]) -> str:
    icons = advanced.get("icon")
    small = icons.get("small") if isinstance(icons, Mapping) else None
    return str(small) if _is_drawable(small) else ""


def _lock_screen(advanced: Mapping[str, Any]) -> str:
    told = advanced.get("lockscreenVisibility")
    return LOCK_SCREENS.get(told, "") if type(told) is int else ""


def _all_sound(told: Any) -> bool:
    return all(map(_is_sound, told.values())) if isinstance(told, Mapping) else _is_sound(told)


def _is_sound(text: Any) -> bool:
    return isinstance(text, str) and not analyse({"silent": True, "subtitle": text}, None)
