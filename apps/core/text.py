"""Text that came from outside: normalised, bounded, free of what PostgreSQL or a screen cannot hold.

Every function appends what is wrong to `problems` and then returns None, so that a caller gathers all problems
of an input in one pass.
"""

import json
import re
import unicodedata
import zoneinfo
from functools import cache, lru_cache
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem

MOST_ECHOED = 60

_CONTROL = re.compile(r"[\x01-\x1f\x7f-\x9f]")
_BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*")
# BCP 47 as far as phones use it: language, script, region, variants.
_LANGUAGE = re.compile(r"([a-z]{2,3})(-[a-z]{4})?(-(?:[a-z]{2}|[0-9]{3}))?((?:-[a-z0-9]{5,8})*)", re.IGNORECASE)
_LANGUAGE_LIMIT = 35


def clean_text(
    value: Any, *, pointer: str, limit: int, problems: list[FieldProblem], is_required: bool = False
) -> str | None:
    """The text in Unicode's composed form (NFC), outer blanks cut.

    Codes: type, nul_not_allowed, encoding, control_characters, required, too_long.
    """
    if not isinstance(value, str):
        return _refuse(problems, pointer, "type", _("must be a text"), value)
    if value.isprintable() and value.isascii():  # most texts are: composed, encodable, free of NUL and controls
        text = value.strip()
    elif "\0" in value:
        return _refuse(problems, pointer, "nul_not_allowed", _("must not hold the NUL character"), value)
    elif not _is_encodable(value):
        return _refuse(problems, pointer, "encoding", _("must be well-formed Unicode"), ascii(value))
    else:
        text = unicodedata.normalize("NFC", value).strip()
        if _CONTROL.search(text):
            return _refuse(problems, pointer, "control_characters", _("must not hold control characters"), value)
    if is_required and _BLANK.fullmatch(text):
        return _refuse(problems, pointer, "required", _("must not be empty"), value)
    if len(text) > limit:
        message = _("has %(length)d characters; at most %(limit)d are allowed") % {"length": len(text), "limit": limit}
        return _refuse(problems, pointer, "too_long", message, value)
    return text


def clean_language(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """A language tag in its customary case: pl_PL becomes pl-PL; "" stays "". Code: language_tag."""
    text = clean_text(value, pointer=pointer, limit=255, problems=problems)
    if not text:
        return text
    tag = _language_tag(text)
    if tag is None:
        return _refuse(problems, pointer, "language_tag", _("must be a language tag such as pl or pt-BR"), value)
    return tag


def clean_time_zone(value: Any, *, pointer: str, problems: list[FieldProblem]) -> str | None:
    """A zone of the IANA database; "" stays "". Code: time_zone_unknown."""
    text = clean_text(value, pointer=pointer, limit=255, problems=problems)
    if text and text not in _time_zones():
        return _refuse(problems, pointer, "time_zone_unknown", _("must be a zone such as Europe/Warsaw"), value)
    return text


def shown(value: Any) -> str:
    """What came, as JSON has it, short enough for a message and fit to be sent in one: half a character becomes "?"."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= MOST_ECHOED else f"{text[: MOST_ECHOED - 1]}…"


@lru_cache(maxsize=1_000)
def _language_tag(text: str) -> str | None:
    found = _LANGUAGE.fullmatch(text.replace("_", "-"))
    if found is None or len(text) > _LANGUAGE_LIMIT:
        return None
    language, script, region, variants = found.groups()
    return language.lower() + (script or "").title() + (region or "").upper() + variants.lower()


def _is_encodable(text: str) -> bool:
    """False for a lone surrogate, which JSON can say but UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(problems: list[FieldProblem], pointer: str, code: str, message: str, value: Any) -> None:
    problems.append(FieldProblem(pointer, code, message, shown(value)))


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
