"""The Liquid filters that a text may use, and the bound that keeps each of them from growing without end.

One expression may chain filters, and nothing in Liquid limits what stands between two of them: six times
`replace` makes a terabyte out of a page. So each filter that can multiply its input checks the size first.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from liquid import Environment
from liquid.builtin.filters import array, math, misc, string
from liquid.exceptions import ResourceLimitError
from liquid.undefined import is_undefined

MOST_CHARACTERS = 64 * 1024


def add_filters(environment: Environment) -> None:
    """Replace the environment's filters by the allow-list."""
    environment.filters.clear()
    for name, function in _ALLOWED.items():
        environment.add_filter(name, function)


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a result longer than MOST_CHARACTERS. For filters whose result is at most 12 times their input."""

    @wraps(function)
    def wrapper(value: Any, *args: Any, **kwargs: Any) -> Any:
        result = function(value, *args, **kwargs)
        if isinstance(result, str | list) and len(result) > MOST_CHARACTERS:
            raise ResourceLimitError("a filter made too long a text", token=None)
        return result

    return wrapper


def _replace(value: Any, old: Any, new: Any = "") -> str:
    text, old, new = _text(value), _text(old), _text(new)
    found = text.count(old)
    _require_room(len(text) + found * (len(new) - len(old)))
    return text.replace(old, new)


def _join(value: Any, glue: Any = " ") -> str:
    items = [_text(item) for item in value] if isinstance(value, list | tuple) else [_text(value)]
    _require_room(sum(map(len, items)) + len(items) * len(_text(glue)))
    return _text(glue).join(items)


def _date(value: Any, form: Any = "%Y-%m-%d") -> str:
    """An ISO 8601 date or time in strftime's form; anything else stays as it is. There is no "now" here."""
    text = _text(value)
    try:
        return datetime.fromisoformat(text).strftime(_text(form))
    except ValueError:
        return text


def _text(value: Any) -> str:
    return "" if value is None or is_undefined(value) else str(value)


def _require_room(length: int) -> None:
    if length > MOST_CHARACTERS:
        raise ResourceLimitError("a filter made too long a text", token=None)


_ALLOWED: dict[str, Callable[..., Any]] = {
    "default": misc.default,
    "size": misc.size,
    "date": _bounded(_date),
    "join": _join,
    "replace": _replace,
    "first": array.first,
    "last": array.last,
    "split": _bounded(string.split),
    "slice": string.slice_,
    "truncate": _bounded(string.truncate),
    "truncatewords": _bounded(string.truncatewords),
    "append": _bounded(string.append),
    "prepend": _bounded(string.prepend),
    "remove": string.remove,
    "capitalize": _bounded(string.capitalize),
    "downcase": _bounded(string.downcase),
    "upcase": _bounded(string.upcase),
    "strip": string.strip,
    "lstrip": string.lstrip,
    "rstrip": string.rstrip,
    "strip_newlines": string.strip_newlines,
    "squish": string.squish,
    "url_encode": _bounded(string.url_encode),
    "url_decode": string.url_decode,
    "abs": math.abs_,
    "at_least": math.at_least,
    "at_most": math.at_most,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": math.round_,
    "plus": math.plus,
    "minus": math.minus,
    "times": math.times,
    "divided_by": math.divided_by,
    "modulo": math.modulo,
}
FILTER_NAMES = tuple(sorted(_ALLOWED))
