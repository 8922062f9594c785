"""Parameters of an address and cursors of lists: known ones only, and strictly read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.api.refusals import refuse_fields
from apps.api.shapes import Problems, came, moment
from apps.core.problems import FieldProblem
from apps.core.suggestions import did_you_mean

DEFAULT_LIMIT, MOST_LIMIT = 50, 500
MOST_CHARACTERS = 4096
CURSOR = "[1-9][0-9]{0,17}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """read: raises ValueError with the rule in words."""

    read: Callable[[str], Any]
    about: str
    schema: Mapping[str, Any]


def read_query(query: QueryDict, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The given parameters, read. Raises Refusal naming each that is unknown, given twice or wrong."""
    problems: Problems = []
    found: dict[str, Any] = {}
    for name, values in query.lists():
        pointer = f"?{name[:100]}"
        parameter = parameters.get(name)
        if parameter is None:
            message = _("is not a known parameter.") + did_you_mean(name, parameters)
            problems.append(FieldProblem(pointer, "unknown_parameter", message))
        elif len(values) > 1:
            message = _("may stand once, not %d times") % len(values)
            problems.append(FieldProblem(pointer, "duplicate_key", message))
        elif "\0" in values[0] or not _is_encodable(values[0]):
            problems.append(FieldProblem(pointer, "nul_not_allowed", _("holds what cannot be stored")))
        elif not values[0]:
            problems.append(FieldProblem(pointer, "required", _("has no value; leave it out if it is not meant")))
        else:
            _read_one(name, parameter, values[0], found, problems)
    if problems:
        raise refuse_fields(problems)
    return found


def _read_one(name: str, parameter: Parameter, value: str, found: dict[str, Any], problems: Problems) -> None:
    try:
        found[name] = parameter.read(value)
    except ValueError as error:
        code, message = error.args if len(error.args) == 2 else ("format", str(error))
        problems.append(FieldProblem(f"?{name}", code, message, came(value)))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(about: str) -> Parameter:
    """A value that is compared as it is."""

    def read(value: str) -> str:
        if len(value) > MOST_CHARACTERS:
            message = _("may have at most %(most)d characters, not %(came)d")
            raise ValueError("too_long", message % {"most": MOST_CHARACTERS, "came": len(value)})
        return value

    return Parameter(read, about, {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS})


def time_of(about: str) -> Parameter:
    """A time with its offset. A + that a client forgot to encode arrives as a blank."""

    def read(value: str) -> datetime:
        try:
            return moment(value[:10] + value[10:].replace(" ", "+") if "T" in value else value)
        except ValueError as error:
            code = "time_zone_required" if error.args == ("naive",) else "date_format"
            raise ValueError(code, _("must be a time such as 2026-05-01T09:30:00Z")) from None

    return Parameter(read, about, {"type": "string", "format": "date-time"})


def choice(words: Mapping[str, Any] | list[str], about: str) -> Parameter:
    """One of a few words."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError("choice", _("must be one of %s") % ", ".join(words))
        return value

    return Parameter(read, about, {"type": "string", "enum": list(words)})


def whole(about: str, *, low: int, high: int) -> Parameter:
    """A whole number."""

    def read(value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) <= 19 and low <= int(value) <= high):
            raise ValueError("range", _("must be a whole number from %(low)d to %(high)d") % {"low": low, "high": high})
        return int(value)

    return Parameter(read, about, {"type": "integer", "minimum": low, "maximum": high})


def flag(about: str) -> Parameter:
    """true or false."""
    return Parameter(lambda value: choice(["true", "false"], "").read(value) == "true", about, {"type": "boolean"})


def cursor(about: str) -> Parameter:
    """Where a list goes on: the number of the last row that was shown."""

    def read(value: str) -> int:
        if not re.fullmatch(CURSOR, value):
            raise ValueError("bad_cursor", _("send `next_cursor` of the page before, unchanged"))
        return int(value)

    return Parameter(read, about, {"type": "string", "pattern": f"^{CURSOR}$"})


PAGE: Mapping[str, Parameter] = {
    "cursor": cursor("`next_cursor` of the page before"),
    "limit": whole(f"entries on a page, {DEFAULT_LIMIT} unless told", low=1, high=MOST_LIMIT),
}
