"""The words an app uses about its people: which traits and events there are, and of which type.

A trait's type is that of its first value; from then on other types are refused, so that a rule can rely on it.
Events are more forgiving: a property keeps its first type in the list, but no value is refused for its type.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem
from apps.core.sql import execute
from apps.core.text import clean_text, shown
from apps.customers.models import EventType, TraitType

MOST_VALUES = 100
MOST_NAMES = 500
NAME_LIMIT = 60
TEXT_LIMIT = 1_000
MOST_ITEMS = 100
LARGEST_NUMBER = 1e15

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}.*)?")
_LOOKS_NUMERIC = re.compile(r"-?\d+[.,]\d+")


def clean_values(values: Any, *, pointer: str, problems: list[FieldProblem]) -> dict[str, Any]:
    """Traits or properties within the limits: at most 100, flat, of text, number, boolean or a list of texts.

    Codes: type, too_many, too_deep, range and those of a text.
    """
    if not isinstance(values, Mapping):
        problems.append(FieldProblem(pointer, "type", _("must be an object"), shown(values)))
        return {}
    if len(values) > MOST_VALUES:
        problems.append(_too_many(pointer, len(values), MOST_VALUES))
        return {}
    clean: dict[str, Any] = {}
    for name, value in values.items():
        here = f"{pointer}/{_escaped(name)}"
        word = clean_text(name, pointer=here, limit=NAME_LIMIT, problems=problems, is_required=True)
        if word:
            clean[word] = clean_value(value, here, problems)
    return clean


def type_of(value: Any) -> str:
    """The type a value would give a trait that has none yet."""
    if isinstance(value, str):
        return "date" if _is_date(value) else "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "text"


def accept_traits(*, app: App, people: Sequence[dict[str, Any]]) -> list[tuple[list[FieldProblem], list[FieldProblem]]]:
    """Check each person's clean traits against the known types, learning names never seen; dates are put in UTC.

    Returns (problems, warnings) per person. Codes: attribute_type_conflict, date_format, too_many;
    warning number_as_text. Touches customers_traittype. Cost: one query where every name is known.
    """
    names = {name for traits in people for name, value in traits.items() if value is not None}
    known = _types(app, names)
    fresh = _first_types(people, known) if names - known.keys() else {}
    if fresh and TraitType.objects.filter(app=app).count() + len(fresh) > MOST_NAMES:
        return [(_refused_names(traits, fresh), []) for traits in people]
    if fresh:
        rows = [TraitType(app=app, name=name, type=kind) for name, kind in sorted(fresh.items())]
        TraitType.objects.bulk_create(rows, ignore_conflicts=True)
        known |= _types(app, fresh)
    verdicts = [(_conflicts(traits, known), _number_texts(traits, fresh) if fresh else []) for traits in people]
    dates = [name for name, kind in known.items() if kind == "date"]
    if dates:
        for traits, (problems, _warnings) in zip(people, verdicts, strict=True):
            if not problems:
                traits.update({name: in_utc(value) for name in dates if (value := traits.get(name))})
    return verdicts


def types_of(*, app: App) -> dict[str, str]:
    """Every trait the app knows, with its type."""
    return dict(TraitType.objects.filter(app=app).values_list("name", "type"))


def declare_traits(*, app: App, types: Mapping[str, str]) -> list[FieldProblem]:
    """Note traits with the types a person chose for them. Touches customers_traittype.

    Returns what stands against it, by name: attribute_type_conflict where the app knows another type, too_many.
    """
    known = types_of(app=app)
    problems = [_other_type(name, known[name], kind) for name, kind in types.items() if known.get(name, kind) != kind]
    fresh = {name: kind for name, kind in types.items() if name not in known}
    if fresh and len(known) + len(fresh) > MOST_NAMES:
        return [*problems, *_refused_names(fresh, fresh)]
    if not problems:
        rows = [TraitType(app=app, name=name, type=kind) for name, kind in sorted(fresh.items())]
        TraitType.objects.bulk_create(rows, ignore_conflicts=True)
    return problems


def _other_type(name: str, known: str, wanted: str) -> FieldProblem:
    message = _("is known as %(known)s, not as %(wanted)s") % {"known": known, "wanted": wanted}
    return FieldProblem(f"/traits/{_escaped(name)}", "attribute_type_conflict", message, name)


def learn_events(*, app: App, seen: Mapping[str, Mapping[str, Any]]) -> None:
    """Note names of events with their properties: {name: {property: a value}}.

    Beyond MOST_NAMES names, or properties of a name, nothing more is learnt: the events are stored all the same, only
    the rule builder does not offer them. Reads before it writes, because even an upsert that changes nothing would
    lock the row and so queue all who send the same event. Touches customers_eventtype. Cost: one query.
    """
    known = dict(EventType.objects.filter(app=app, name__in=list(seen)).values_list("name", "properties"))
    fresh = {}
    for name, values in seen.items():
        types = {word: type_of(value) for word, value in values.items() if word not in known.get(name, {})}
        if (types or name not in known) and len(known.get(name, {})) + len(types) <= MOST_NAMES:
            fresh[name] = types
    if fresh:
        execute("customers", "learn_events", {"app_id": app.pk, "seen": json.dumps(fresh), "most": MOST_NAMES})


def learn_vocabulary(*, app: App) -> None:
    """Read every stored customer and event of an app and note what is in them; for rows that a bulk load brought in.

    Cost: two full scans; 2 s for 50,000 customers and 500,000 events.
    """
    execute("customers", "learn_stored_traits", {"app_id": app.pk, "name_limit": NAME_LIMIT})
    execute("customers", "learn_stored_events", {"app_id": app.pk, "name_limit": NAME_LIMIT})


def clean_value(value: Any, pointer: str, problems: list[FieldProblem]) -> Any:
    """One value within the limits; see `clean_values`."""
    if isinstance(value, list):
        if len(value) > MOST_ITEMS:
            problems.append(_too_many(pointer, len(value), MOST_ITEMS))
            return None
        return [
            clean_text(item, pointer=f"{pointer}/{index}", limit=TEXT_LIMIT, problems=problems)
            for index, item in enumerate(value)
        ]
    return _scalar(value, pointer, problems)


def _scalar(value: Any, pointer: str, problems: list[FieldProblem]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
            problems.append(FieldProblem(pointer, "range", _("must be between -10^15 and 10^15"), shown(value)))
        return value
    if isinstance(value, str):
        return clean_text(value, pointer=pointer, limit=TEXT_LIMIT, problems=problems)
    problems.append(FieldProblem(pointer, "too_deep", _too_deep(value, pointer), shown(value)))
    return None


def _too_deep(value: Any, pointer: str) -> str:
    """For {"address": {"city": "Oslo"}}: to be told as address_city."""
    first = next(iter(value), None) if isinstance(value, Mapping) else None
    if not isinstance(first, str):
        return _("must be a text, a number, true, false or a list of texts")
    name = pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    message = _("is an object: give each of its parts a name of its own here, such as “%(name)s”")
    return message % {"name": shown(f"{name}_{first}")}


def _types(app: App, names: Iterable[str]) -> dict[str, str]:
    return dict(TraitType.objects.filter(app=app, name__in=list(names)).values_list("name", "type"))


def _first_types(people: Sequence[dict[str, Any]], known: Mapping[str, str]) -> dict[str, str]:
    fresh: dict[str, str] = {}
    for traits in people:
        for name, value in traits.items():
            if value is not None and name not in known:
                fresh.setdefault(name, type_of(value))
    return fresh


def _conflicts(traits: Mapping[str, Any], known: Mapping[str, str]) -> list[FieldProblem]:
    problems = []
    for name, value in traits.items():
        if value is None:
            continue
        wanted, came = known.get(name, ""), type_of(value)
        if came == wanted or (wanted == "text" and came == "date"):
            continue
        pointer = f"/traits/{_escaped(name)}"
        if wanted == "date" and came == "text":
            problems.append(FieldProblem(pointer, "date_format", _("must be a date such as 2026-02-28"), shown(value)))
        else:
            message = _("is known as %(known)s, but a %(came)s came") % {"known": wanted, "came": came}
            problems.append(FieldProblem(pointer, "attribute_type_conflict", message, shown(value)))
    return problems


def _number_texts(traits: Mapping[str, Any], fresh: Mapping[str, str]) -> list[FieldProblem]:
    message = _("looks like a number but came as a text, and stays one")
    return [
        FieldProblem(f"/traits/{_escaped(name)}", "number_as_text", message, shown(value))
        for name, value in traits.items()
        if fresh.get(name) == "text" and isinstance(value, str) and _LOOKS_NUMERIC.fullmatch(value)
    ]


def _refused_names(traits: Mapping[str, Any], fresh: Mapping[str, str]) -> list[FieldProblem]:
    message = _("would be a new trait, but the app already has as many as it may: %(limit)d") % {"limit": MOST_NAMES}
    return [FieldProblem(f"/traits/{_escaped(name)}", "too_many", message) for name in traits if name in fresh]


def in_utc(value: str) -> str:
    """A date stays; a time with its offset is rewritten in UTC, so that texts sort as times do."""
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if _has_offset(value) else value


def _is_date(value: str) -> bool:
    """ISO 8601: 2026-02-28, or a time with its offset. Most texts are not, and are told by one letter."""
    if value[4:5] != "-" or not _ISO_DATE.fullmatch(value):
        return False
    try:
        return _has_offset(value) if "T" in value else bool(date.fromisoformat(value))
    except ValueError:
        return False


def _has_offset(value: str) -> bool:
    """And may be put in UTC: on the calendar's first and last day that could lead beyond it."""
    if "T" not in value:
        return False
    at = datetime.fromisoformat(value)
    return at.tzinfo is not None and date.min < at.date() < date.max


def _too_many(pointer: str, count: int, limit: int) -> FieldProblem:
    message = _("has %(count)d entries; at most %(limit)d are allowed") % {"count": count, "limit": limit}
    return FieldProblem(pointer, "too_many", message)


def _escaped(name: Any) -> str:
    """A member's name as a part of a JSON pointer (RFC 6901)."""
    return shown(name).replace("~", "~0").replace("/", "~1")
