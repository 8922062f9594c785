"""Shapes: what a body may hold. One declaration is read twice: by `read`, strictly, and by the OpenAPI schema.

Nothing is converted: "5" and true are not whole numbers, 1 is not true. All fields are judged before anything is
refused. Rules of the house's nouns (what a phone number is) stay with the services; a shape knows types and limits.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.api.codes import Words
from apps.api.json_body import escaped
from apps.api.refusals import refuse_fields
from apps.core.problems import FieldProblem
from apps.core.suggestions import did_you_mean

Problems = list[FieldProblem]
type Further = Callable[[Mapping[str, Any]], Sequence[FieldProblem]]
# In the schema: what a text may be made of, and the same with something to see in it.
NO_CONTROLS = r"^[^\u0000-\u001F\u007F-\u009F]*$"
VISIBLE = (
    r"^[^\u0000-\u001F\u007F-\u009F]*"
    r"[^\u0000-\u0020\u007F-\u00A0\u1680\u2000-\u200F\u2028\u2029\u202F\u205F\u2060\u3000\uFEFF]"
    r"[^\u0000-\u001F\u007F-\u009F]*$"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Shape(Protocol):
    """Anything that can judge a value and describe itself in JSON Schema."""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        """The value as Python wants it; adds to `problems` what is wrong."""
        ...

    def schema(self) -> dict[str, Any]: ...


def read_body(shape: Shape, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body's fields. Raises Refusal with every field's problem."""
    problems: Problems = []
    value: dict[str, Any] = shape.read(body, "", problems)
    if problems:
        raise refuse_fields(problems)
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """lines: whether line breaks and tabs may stand in it; other control characters never do. Result is NFC."""

    least: int = 0
    most: int = 255
    lines: bool = False
    about: str = ""
    example: str = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if not isinstance(value, str):
            return _wrong_type(value, _("a text"), pointer, problems)
        text = value if value.isascii() else unicodedata.normalize("NFC", value)
        if len(text) < self.least:
            code = "required" if self.least == 1 else "too_short"
            problems.append(FieldProblem(pointer, code, self._too_short(text)))
        elif len(text) > self.most:
            message = _("may have at most %(most)d characters, not %(came)d") % {"most": self.most, "came": len(text)}
            problems.append(FieldProblem(pointer, "too_long", message))
        elif not text.isprintable() and not self.lines and _CONTROL.search(text):
            problems.append(FieldProblem(pointer, "control_characters", _("holds control characters")))
        return text

    def _too_short(self, text: str) -> str:
        if not text:
            return _("must not be empty")
        return _("needs at least %(least)d characters, not %(came)d") % {"least": self.least, "came": len(text)}

    def schema(self) -> dict[str, Any]:
        said: dict[str, Any] = {"type": "string", "maxLength": self.most}
        if self.least:
            said["minLength"] = self.least
        if not self.lines:
            said["pattern"] = NO_CONTROLS
        return _described(said, self.about, self.example)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: Collection[str]
    about: str = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if not isinstance(value, str):
            return _wrong_type(value, _("a text"), pointer, problems)
        if value not in self.words:
            message = _("must be one of %s.") % ", ".join(self.words) + did_you_mean(value, self.words)
            problems.append(FieldProblem(pointer, "choice", message, came(value)))
        return value

    def schema(self) -> dict[str, Any]:
        return _described({"type": "string", "enum": list(self.words)}, self.about)


_WHOLE, _WHOLE_SECONDS = gettext_lazy("a whole number"), gettext_lazy("a whole number of seconds")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`. kind: what of, as a refusal names it."""

    low: int = 0
    high: int = 2**63 - 1
    about: str = ""
    kind: Words = _WHOLE

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if isinstance(value, float):  # a number it is, so say just what is asked for; what came stands behind it
            problems.append(FieldProblem(pointer, "type", _("must be %s") % self.kind, came(value)))
            return None
        if type(value) is not int:
            return _wrong_type(value, str(self.kind), pointer, problems)
        if not self.low <= value <= self.high:
            message = _("must be from %(low)d to %(high)d") % {"low": self.low, "high": self.high}
            problems.append(FieldProblem(pointer, "range", message, came(value)))
        return value

    def schema(self) -> dict[str, Any]:
        return _described({"type": "integer", "minimum": self.low, "maximum": self.high}, self.about)


def whole_seconds(low: int, high: int, about: str) -> Whole:
    """A time that something takes."""
    return Whole(low, high, about, _WHOLE_SECONDS)


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    about: str = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if not isinstance(value, bool):
            return _wrong_type(value, _("true or false"), pointer, problems)
        return value

    def schema(self) -> dict[str, Any]:
        return _described({"type": "boolean"}, self.about)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time with its offset (RFC 3339), as an aware datetime in UTC. A naive time is refused, never guessed."""

    about: str = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if not isinstance(value, str):
            return _wrong_type(value, _("a time such as 2026-05-01T09:30:00+02:00"), pointer, problems)
        try:
            return moment(value)
        except ValueError as error:
            code = "time_zone_required" if error.args == ("naive",) else "date_format"
            message = _("must be a time with its offset, such as 2026-05-01T09:30:00+02:00")
            problems.append(FieldProblem(pointer, code, message, came(value)))
            return None

    def schema(self) -> dict[str, Any]:
        return _described({"type": "string", "format": "date-time"}, self.about, "2026-05-01T09:30:00+02:00")


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list with `least` to `most` entries of one shape."""

    item: Shape
    most: int
    least: int = 0
    too_many: str = "too_many"
    hint: Words = ""
    about: str = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if not isinstance(value, list):
            return _wrong_type(value, _("a list"), pointer, problems)
        if len(value) < self.least:
            problems.append(FieldProblem(pointer, "required", _("needs at least %d entry") % self.least))
        if len(value) > self.most:
            message = _("may have at most %(most)d entries, not %(came)d") % {"most": self.most, "came": len(value)}
            problems.append(FieldProblem(pointer, self.too_many, f"{message}{self.hint}"))
            return []
        read = self.item.read
        return [read(item, f"{pointer}/{place}", problems) for place, item in enumerate(value)]

    def schema(self) -> dict[str, Any]:
        said = {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}
        return _described(said, self.about)


@dataclass(frozen=True, slots=True)
class Anything:
    """Passed on unread to a service that has its own rules; `like` describes it for the schema."""

    like: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return _described(dict(self.like), self.about)


@dataclass(frozen=True, slots=True)
class NotYet:
    """A known field that this version cannot honour: refused clearly instead of ignored."""

    about: Words = ""

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        problems.append(FieldProblem(pointer, "not_available", str(self.about)))

    def schema(self) -> dict[str, Any]:
        return {"description": str(self.about), "not": {}}


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known fields. null counts as not given; an unknown field is refused with a suggestion.

    rules: further JSON Schema about the object as a whole, for readers; what enforces it stands elsewhere.
    further: what the service behind it would refuse of the fields found (pointers relative to the object). It is asked
    only where the shape itself refuses, so that all is told at once; of a field only the shape's own word is told.
    """

    fields: Mapping[str, Shape]
    required: Collection[str] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    further: Further | None = None

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        if not isinstance(value, dict):
            return _wrong_type(value, _("an object"), pointer, problems)
        before = len(problems)
        found = self._fields(value, pointer, problems)
        if self.further is not None and len(problems) > before:
            told = {_first_part(problem.pointer, pointer) for problem in problems[before:]}
            problems += [
                FieldProblem(pointer + one.pointer, one.code, one.message, one.came)
                for one in self.further(found)
                if _first_part(one.pointer, "") not in told
            ]
        return found

    def _fields(self, value: Mapping[str, Any], pointer: str, problems: Problems) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in value.items():
            shape = self.fields.get(key)
            if shape is None:
                message = _("is not a known field.") + did_you_mean(key, self.fields)
                problems.append(FieldProblem(f"{pointer}/{escaped(key)}", "unknown_field", message))
            elif item is not None:
                found[key] = shape.read(item, f"{pointer}/{key}", problems)
        for key in self.required:
            if value.get(key) is None:
                problems.append(FieldProblem(f"{pointer}/{key}", "required", _("must be given")))
        return found

    def schema(self) -> dict[str, Any]:
        properties = {
            key: shape.schema() if key in self.required else _nullable(shape.schema())
            for key, shape in self.fields.items()
            if not isinstance(shape, NotYet)
        }
        said: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False, **self.rules}
        if self.required:
            said["required"] = list(self.required)
        return _described(said, self.about)


@dataclass(frozen=True, slots=True)
class Either:
    """One object, or many of them under a key."""

    key: str
    one: Record
    many: Record

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        shape = self.many if isinstance(value, dict) and self.key in value else self.one
        return shape.read(value, pointer, problems)

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [self.one.schema(), self.many.schema()]}


@dataclass(frozen=True, slots=True)
class Forms:
    """One of several objects; whoever reads it tells them apart."""

    forms: Sequence[Record]

    def read(self, value: Any, pointer: str, problems: Problems) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [form.schema() for form in self.forms]}


def moment(text: str) -> datetime:
    """An RFC 3339 time in UTC. Raises ValueError; its argument is "naive" where only the offset is missing."""
    found = parse_datetime(text) if len(text) <= 40 else None
    if found is None or not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", text):
        raise ValueError("no time")
    if found.tzinfo is None:
        raise ValueError("naive")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def came(value: Any) -> str:
    """What was received, as JSON spells it, short enough to be shown."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _first_part(pointer: str, base: str) -> str:
    """The field of the object at `base` that the pointer leads into."""
    return pointer.removeprefix(base).lstrip("/").partition("/")[0]


def _wrong_type(value: Any, wanted: str, pointer: str, problems: Problems) -> None:
    kinds = {str: _("a text"), bool: _("a boolean"), int: _("a number"), float: _("a number"), list: _("a list")}
    kind = kinds.get(type(value), _("null") if value is None else _("an object"))
    message = _("must be %(wanted)s, not %(kind)s") % {"wanted": wanted, "kind": kind}
    problems.append(FieldProblem(pointer, "type", message, came(value) if isinstance(value, int | float | str) else ""))


def _nullable(said: dict[str, Any]) -> dict[str, Any]:
    """The schema, with null beside what it describes."""
    if "enum" in said:
        return {**said, "type": [said["type"], "null"], "enum": [*said["enum"], None]}
    return {**said, "type": [said["type"], "null"]} if isinstance(said.get("type"), str) else said


def _described(said: dict[str, Any], about: str, example: str = "") -> dict[str, Any]:
    if about:
        said["description"] = about
    if example:
        said["examples"] = [example]
    return said
