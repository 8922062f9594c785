"""The rules of a content's single fields: links, images, ranges, forms. One function a rule.

Each yields FieldProblems; none knows which door asked.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.deliveries.rendering.links import TAG_NAMES

MOST_LINK_CHARACTERS = 2048
MOST_TAG_CHARACTERS = 100
MOST_TTL_SECONDS = 28 * 24 * 3600
MOST_BADGE = 99_999
IMAGE_SUFFIXES = ("jpg", "jpeg", "png", "gif", "webp")
URGENCIES = ("high", "normal")
INTERRUPTION_LEVELS = ("passive", "active", "time-sensitive")
LOCK_SCREENS = ("public", "private", "secret")
DRAWABLE = re.compile(r"[a-z][a-z0-9_]{0,63}")

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_NEVER = frozenset({"javascript", "data", "file", "vbscript", "blob", "about", "filesystem"})
_SPACE = re.compile(r"[\x00-\x20\x7f-\x9f]")
_SUFFIX = re.compile(r"\.([A-Za-z0-9]{1,8})$")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SOUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HEADER_SAFE = re.compile(r"[\x21-\x7e]{1,64}")


def character_problems(text: str, pointer: str) -> Iterator[FieldProblem]:
    """Characters that no database or gateway can carry."""
    if "\x00" in text:
        yield FieldProblem(pointer, "nul_not_allowed", _("must not contain the character NUL (\\u0000)"), came(text))
    if _LONE_SURROGATE.search(text):
        message = _("contains half of a surrogate pair, which is no character")
        yield FieldProblem(pointer, "encoding", message)


def link_problems(source: str, pointer: str, schemes: Collection[str]) -> Iterator[FieldProblem]:
    """A deep link or URL. Its scheme must be written out, so that no trait can turn it into another."""
    allowed = ["https", *(scheme.lower() for scheme in schemes if scheme.lower() not in _NEVER)]
    found = _SCHEME.match(source)
    if not found or found[1].lower() not in allowed:
        shown = ", ".join(f"{scheme}://" for scheme in dict.fromkeys(allowed))
        message = _("must be a full link that begins with %(schemes)s") % {"schemes": shown}
        yield FieldProblem(pointer, "link_scheme", message, came(source))
        return
    literal = _TEMPLATE.sub("x", source)
    if _SPACE.search(literal):
        yield FieldProblem(pointer, "link_invalid", _("must not contain spaces or control characters"), came(source))
    if found[1].lower() == "https" and not re.match(r"https://[^/?#@\s]+([/?#]|$)", literal, re.IGNORECASE):
        message = _("must name a host after https:// and no user name before it")
        yield FieldProblem(pointer, "link_invalid", message, came(source))
    if len(source) > MOST_LINK_CHARACTERS:
        message = _("must be at most %(most)s characters long") % {"most": MOST_LINK_CHARACTERS}
        yield FieldProblem(pointer, "too_long", message, f"{len(source)} characters")


def tag_problems(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """The UTM tags of a content's links: an object of short texts."""
    if not isinstance(value, Mapping):
        yield FieldProblem(pointer, "type", _("must be an object of texts"), came(value))
        return
    for name, text in value.items():
        if name not in TAG_NAMES:
            message = _("must be one of %(words)s") % {"words": ", ".join(TAG_NAMES)}
            yield FieldProblem(pointer, "unknown_field", message, came(name))
        elif not isinstance(text, str):
            yield FieldProblem(f"{pointer}/{name}", "type", _("must be a text"), came(text))
        elif len(text) > MOST_TAG_CHARACTERS or not text.isprintable():
            message = _("must be one line of at most %(most)s characters") % {"most": MOST_TAG_CHARACTERS}
            yield FieldProblem(f"{pointer}/{name}", "too_long", message, came(text))


def image_problems(source: str, pointer: str) -> Iterator[FieldProblem]:
    """An image's address; judged by its look alone, nothing is fetched."""
    if not source.lower().startswith("https://"):
        yield FieldProblem(pointer, "image_scheme", _("must begin with https://"), came(source))
        return
    yield from link_problems(source, pointer, ())
    suffix = image_suffix(source)
    if suffix and suffix not in IMAGE_SUFFIXES:
        message = _("must be an image of type %(types)s") % {"types": ", ".join(IMAGE_SUFFIXES)}
        yield FieldProblem(pointer, "image_type", message, f".{suffix}")


def image_suffix(source: str) -> str:
    """The suffix of the address's path in lower case; "" where it has none or it comes from a variable."""
    path = re.split(r"[?#]", source.removeprefix("https://"), maxsplit=1)[0]
    found = _SUFFIX.search(path) if "/" in path else None
    return found[1].lower() if found else ""


def ttl_problems(value: Any, pointer: str) -> Iterator[FieldProblem]:
    """A time to live in whole seconds, at most what the gateways keep (28 days, FCM's limit)."""
    yield from integer_problems(value, pointer, 0, MOST_TTL_SECONDS, _("a whole number of seconds"))


def badge_problems(value: Any, pointer: str) -> Iterator[FieldProblem]:
    yield from integer_problems(value, pointer, 0, MOST_BADGE, _("a whole number"))


def integer_problems(value: Any, pointer: str, least: int, most: int, what: str) -> Iterator[FieldProblem]:
    """`type` for anything but an int (a bool and 1.5 included), `range` outside [least, most]."""
    if isinstance(value, bool) or not isinstance(value, int):
        yield FieldProblem(pointer, "type", _("must be %(what)s") % {"what": what}, came(value))
    elif not least <= value <= most:
        yield FieldProblem(
            pointer,
            "range",
            _("must be %(what)s from %(least)s to %(most)s") % {"what": what, "least": least, "most": most},
            came(value),
        )


def sound_problems(value: str, pointer: str) -> Iterator[FieldProblem]:
    if not _SOUND.fullmatch(value):
        message = _("must be the name of a sound file in the app: letters, digits, _ . - and at most 64 characters")
        yield FieldProblem(pointer, "format", message, came(value))


def header_problems(value: str, pointer: str) -> Iterator[FieldProblem]:
    """Values that travel in an HTTP header: collapse key, Android channel."""
    if not _HEADER_SAFE.fullmatch(value):
        message = _("must be 1 to 64 visible ASCII characters without spaces")
        yield FieldProblem(pointer, "format", message, came(value))


def drawable_problems(value: str, pointer: str) -> Iterator[FieldProblem]:
    """Android takes an icon by its name alone, out of the app itself."""
    if not DRAWABLE.fullmatch(value):
        message = _("must be the name of a drawable in the app, such as ic_parcel: small letters, digits and _")
        yield FieldProblem(pointer, "format", message, came(value))


def lock_screen_problems(value: str, pointer: str) -> Iterator[FieldProblem]:
    if value not in LOCK_SCREENS:
        yield FieldProblem(
            pointer, "choice", _("must be one of %(words)s") % {"words": ", ".join(LOCK_SCREENS)}, came(value)
        )


def urgency_problems(value: str, pointer: str) -> Iterator[FieldProblem]:
    if value not in URGENCIES:
        yield FieldProblem(
            pointer, "choice", _("must be one of %(words)s") % {"words": ", ".join(URGENCIES)}, came(value)
        )


def interruption_problems(value: str, pointer: str) -> Iterator[FieldProblem]:
    if value == "critical":
        message = _("critical alerts need an entitlement from Apple, which this app has not declared")
        yield FieldProblem(pointer, "critical_not_allowed", message, came(value))
    elif value not in INTERRUPTION_LEVELS:
        yield FieldProblem(
            pointer,
            "choice",
            _("must be one of %(words)s") % {"words": ", ".join(INTERRUPTION_LEVELS)},
            came(value),
        )


def came(value: Any) -> str:
    """What was received, short enough to be shown."""
    return (value if isinstance(value, str) else repr(value)).encode("utf-8", "backslashreplace").decode()[:80]
