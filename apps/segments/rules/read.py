"""From JSON to a tree: every rule that a rule must keep, and all that is wrong with it at once."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput
from apps.core.text import clean_text, shown
from apps.customers.services.vocabulary import LARGEST_NUMBER
from apps.segments.rules.catalogue import (
    LONGEST_TEXT,
    MATCHES,
    MOST_CONDITIONS,
    MOST_DAYS,
    MOST_DEPTH,
    MOST_RULES,
    MOST_TIMES,
    MOST_VALUES,
    OPERATORS,
    SUMS,
    TIMES,
    WHICH,
    Catalogue,
    Field,
    Kind,
    Operator,
)
from apps.segments.rules.tree import (
    Condition,
    EventLeaf,
    Group,
    Leaf,
    MessageLeaf,
    Node,
    Question,
    Value,
    Window,
    leaves,
)

# What could be asked of e-mails and phones before they were sealed.
_OF_PARTS = ("contains", "does_not_contain", "starts_with")
VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,5}")


def read_rule(rule: Any, catalogue: Catalogue) -> Group:
    """The tree. Raises InvalidInput with every problem; pointers lead into the rule.

    Codes: type, required, unknown_field, wrong_operator, unknown_event, unknown_segment, unknown_campaign, range,
    not_together, too_many, too_deep, too_many_rules, date_format, version_format, choice and those of a text.
    """
    reader = _Reader(catalogue)
    if not isinstance(rule, Mapping) or "rules" not in rule:
        reader.problem("", "type", _('must be a rule such as {"match": "all", "rules": […]}'), rule)
        raise InvalidInput(reader.problems)
    root = reader.group(rule, "", depth=1)
    count = sum(1 for _leaf in leaves(root)) if root else 0
    if count > MOST_RULES:
        message = _("has %(count)d rules; at most %(limit)d are allowed") % {"count": count, "limit": MOST_RULES}
        reader.problem("", "too_many_rules", message)
    if reader.problems or root is None:
        raise InvalidInput(reader.problems)
    return root


def whole_contacts_only() -> str:
    """What a rule of before is told that asks for a part of an e-mail or a phone."""
    return _(
        "phones and e-mails are kept sealed, so no part of them can be compared: ask for whole ones, whether one is"
        " known, or for an attribute that your app sends (the company, say)"
    )


class _Reader:
    """Walks the JSON once; what is wrong gathers in `problems`, and the walk goes on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.problems: list[FieldProblem] = []

    def problem(self, pointer: str, code: str, message: str, came: Any = "") -> None:
        self.problems.append(FieldProblem(pointer, code, message, shown(came) if came != "" else ""))

    def node(self, given: Any, pointer: str, depth: int) -> Node | None:
        if not isinstance(given, Mapping):
            self.problem(pointer, "type", _("must be an object in curly brackets"), given)
            return None
        return self.group(given, pointer, depth + 1) if "rules" in given else self.leaf(given, pointer)

    def group(self, given: Mapping[str, Any], pointer: str, depth: int) -> Group | None:
        if depth > MOST_DEPTH:
            self.problem(pointer, "too_deep", _("groups may be nested %(limit)d deep") % {"limit": MOST_DEPTH})
            return None
        match = self.choice(given.get("match"), f"{pointer}/match", list(MATCHES))
        children = given["rules"]
        if not isinstance(children, list):
            self.problem(f"{pointer}/rules", "type", _("must be a list in square brackets"), children)
            return None
        if not children and (depth > 1 or match != "all"):
            self.problem(f"{pointer}/rules", "required", _("this group is empty: add a rule or remove the group"))
        if len(children) > MOST_RULES:
            message = _("has %(count)d rules; at most %(limit)d are allowed")
            self.problem(pointer, "too_many_rules", message % {"count": len(children), "limit": MOST_RULES})
            return None
        nodes = [self.node(child, f"{pointer}/rules/{index}", depth) for index, child in enumerate(children)]
        return Group(match, tuple(node for node in nodes if node is not None))

    def leaf(self, given: Mapping[str, Any], pointer: str) -> Question | None:
        key = given.get("field")
        field = self.catalogue.fields.get(key) if isinstance(key, str) else None
        if field is None:
            message = _("choose what the rule is about") if not key else self.unknown(_("there is no field"), key)
            self.problem(f"{pointer}/field", "unknown_field" if key else "required", message, key or "")
            return None
        operator = self.operator(given.get("op"), field.type, pointer)
        if operator is None:
            return None
        if operator.kind is Kind.EVENT:
            return self.event(given.get("value"), f"{pointer}/value", did=operator.key == "did")
        if operator.kind is Kind.MESSAGE:
            return self.message(operator, given.get("value"), f"{pointer}/value")
        return Leaf(field, operator, self.value(operator, given.get("value"), f"{pointer}/value", field))

    def operator(self, key: Any, kind: str, pointer: str) -> Operator | None:
        operators = OPERATORS[kind]
        found = next((operator for operator in operators if operator.key == key), None)
        if found is None:
            allowed = ", ".join(operator.key for operator in operators)
            message = _("this field can be asked: %(words)s") % {"words": allowed}
            if not key:
                message = _("choose how it is compared")
            elif kind == "contact" and key in _OF_PARTS:
                message = whole_contacts_only()
            self.problem(f"{pointer}/op", "wrong_operator", message, key if key is not None else "")
        return found

    def event(self, given: Any, pointer: str, *, did: bool) -> EventLeaf | None:
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str) or not given["name"]:
            self.problem(f"{pointer}/name", "required", _("choose an event"))
            return None
        name = given["name"]
        properties = self.catalogue.events.get(name)
        if properties is None:
            known = self.catalogue.events
            self.problem(f"{pointer}/name", "unknown_event", self.unknown(_("no event is called"), name, known), name)
            return None
        window = self.window(given, pointer)
        where = self.conditions(given.get("where") or [], f"{pointer}/where", properties)
        times = total = None
        if did and given.get("times") is not None:
            times = self.times(given["times"], f"{pointer}/times")
        if did and given.get("sum") is not None:
            total = self.total(given["sum"], f"{pointer}/sum")
        which = self.which(given, pointer, window, is_alone=did and times is None and total is None)
        return EventLeaf(did, name, window, where, times, total, which)

    def window(self, given: Mapping[str, Any], pointer: str) -> Window:
        """One way of saying when, at most."""
        told = {key: given[key] for key in ("days", "before_days", "from", "to") if given.get(key) not in (None, "")}
        days, before_days = (
            self.days(told[key], f"{pointer}/{key}") if key in told else None for key in ("days", "before_days")
        )
        first, last = (self.date(told[key], f"{pointer}/{key}") if key in told else None for key in ("from", "to"))
        if first and last and first > last:
            self.problem(f"{pointer}/to", "range", _("the first value must not be above the second"), last)
        if len(told.keys() & {"days", "before_days"}) + bool(told.keys() & {"from", "to"}) > 1:
            message = _("say when in one way: a number of days, or dates")
            self.problem(f"{pointer}/{next(reversed(told))}", "not_together", message)
        return Window(days, before_days, first, last)

    def which(self, given: Mapping[str, Any], pointer: str, window: Window, *, is_alone: bool) -> str:
        if given.get("which") in (None, ""):
            return ""
        which = self.choice(given["which"], f"{pointer}/which", list(WHICH))
        if not is_alone:
            message = _("the first or last time goes neither with a number of times, nor a sum, nor “did not”")
            self.problem(f"{pointer}/which", "not_together", message, which)
        elif not window:
            self.problem(f"{pointer}/days", "required", _("say when the first or last time was"))
        return which

    def message(self, operator: Operator, given: Any, pointer: str) -> MessageLeaf | None:
        if not isinstance(given, Mapping):
            self.problem(pointer, "type", _("must be an object in curly brackets"), given)
            return None
        campaign = "" if given.get("campaign") is None else given["campaign"]
        if not isinstance(campaign, str) or (campaign and campaign not in self.catalogue.campaigns):
            message = _("this app has launched no such campaign")
            self.problem(f"{pointer}/campaign", "unknown_campaign", message, campaign)
            campaign = ""
        days = None if given.get("days") in (None, "") else self.days(given["days"], f"{pointer}/days")
        return MessageLeaf(operator, campaign, days)

    def conditions(self, given: Any, pointer: str, properties: Mapping[str, str]) -> tuple[Condition, ...]:
        if not isinstance(given, list):
            self.problem(pointer, "type", _("must be a list in square brackets"), given)
            return ()
        if len(given) > MOST_CONDITIONS:
            message = _("has %(count)d entries; at most %(limit)d are allowed")
            self.problem(pointer, "too_many", message % {"count": len(given), "limit": MOST_CONDITIONS})
            return ()
        found = [self.condition(one, f"{pointer}/{index}", properties) for index, one in enumerate(given)]
        return tuple(one for one in found if one is not None)

    def condition(self, given: Any, pointer: str, properties: Mapping[str, str]) -> Condition | None:
        name = given.get("property") if isinstance(given, Mapping) else None
        if not isinstance(name, str) or name not in properties:
            message = self.unknown(_("the event has no property"), name or "", properties)
            self.problem(f"{pointer}/property", "unknown_field" if name else "required", message, name or "")
            return None
        operator = self.operator(given.get("op"), properties[name], pointer)
        if operator is None:
            return None
        return Condition(name, properties[name], operator, self.value(operator, given.get("value"), f"{pointer}/value"))

    def times(self, given: Any, pointer: str) -> tuple[str, int] | None:
        if not isinstance(given, Mapping):
            self.problem(pointer, "type", _("must be an object in curly brackets"), given)
            return None
        comparison = self.choice(given.get("op"), f"{pointer}/op", list(TIMES))
        count = given.get("count")
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_TIMES:
            message = _("must be a whole number from 1 to %(limit)d") % {"limit": MOST_TIMES}
            self.problem(f"{pointer}/count", "range", message, count)
            return None
        return comparison, count

    def total(self, given: Any, pointer: str) -> tuple[str, float] | None:
        if not isinstance(given, Mapping):
            self.problem(pointer, "type", _("must be an object in curly brackets"), given)
            return None
        comparison = self.choice(given.get("op"), f"{pointer}/op", list(SUMS))
        amount = self.number(given.get("amount"), f"{pointer}/amount")
        return None if amount is None else (comparison, amount)

    def value(self, operator: Operator, given: Any, pointer: str, field: Field | None = None) -> Value:
        match operator.kind:
            case Kind.NOTHING | Kind.EVENT | Kind.MESSAGE:
                return None
            case Kind.TEXT:
                return self.text(given, pointer)
            case Kind.TEXTS:
                return self.texts(given, pointer)
            case Kind.NUMBER:
                return self.number(given, pointer)
            case Kind.NUMBERS:
                return self.pair(given, pointer, self.number)
            case Kind.DATE:
                return self.date(given, pointer)
            case Kind.DATES:
                return self.pair(given, pointer, self.date)
            case Kind.DAYS:
                return self.days(given, pointer)
            case Kind.VERSION:
                return self.version(given, pointer)
            case Kind.CHOICES:
                return self.choices(given, pointer, [word for word, _label in field.choices] if field else [])
            case Kind.SEGMENT:
                return self.segment(given, pointer)

    def text(self, given: Any, pointer: str) -> str | None:
        return clean_text(
            "" if given is None else given,
            pointer=pointer,
            limit=LONGEST_TEXT,
            problems=self.problems,
            is_required=True,
        )

    def texts(self, given: Any, pointer: str) -> tuple[str, ...]:
        if not isinstance(given, list):
            self.problem(pointer, "type", _("must be a list in square brackets"), given)
            return ()
        if not given:
            self.problem(pointer, "required", _("must not be empty"))
        if len(given) > MOST_VALUES:
            message = _("has %(count)d values; at most %(limit)d are allowed: upload a static list instead")
            self.problem(pointer, "too_many", message % {"count": len(given), "limit": MOST_VALUES})
            return ()
        found = [self.text(one, f"{pointer}/{index}") for index, one in enumerate(given)]
        return tuple(one for one in found if one is not None)

    def number(self, given: Any, pointer: str) -> float | None:
        if isinstance(given, bool) or not isinstance(given, int | float):
            self.problem(pointer, "type" if given not in (None, "") else "required", _("must be a number"), given)
            return None
        if not abs(given) <= LARGEST_NUMBER:  # so written, not a number (NaN) is out of range too
            self.problem(pointer, "range", _("must be between -10^15 and 10^15"), given)
            return None
        return given

    def days(self, given: Any, pointer: str) -> int | None:
        if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_DAYS:
            message = _("must be a whole number of days from 1 to %(limit)d") % {"limit": MOST_DAYS}
            self.problem(pointer, "range", message, given)
            return None
        return given

    def date(self, given: Any, pointer: str) -> str | None:
        try:
            return date.fromisoformat(given).isoformat()
        except (TypeError, ValueError):
            self.problem(pointer, "date_format", _("must be a date such as 2026-02-28"), given)
            return None

    def version(self, given: Any, pointer: str) -> str | None:
        if isinstance(given, str) and VERSION.fullmatch(given):
            return given
        self.problem(pointer, "version_format", _("must be a version such as 4.10.2"), given)
        return None

    def pair[T: (str, float)](
        self, given: Any, pointer: str, one: Callable[[Any, str], T | None]
    ) -> tuple[T, T] | None:
        if not isinstance(given, list) or len(given) != 2:
            self.problem(pointer, "type", _("must be two values: from and to"), given)
            return None
        low, high = (one(value, f"{pointer}/{index}") for index, value in enumerate(given))
        if low is None or high is None:
            return None
        if low > high:
            self.problem(pointer, "range", _("the first value must not be above the second"), given)
        return low, high

    def choices(self, given: Any, pointer: str, words: Sequence[str]) -> tuple[str, ...]:
        if not isinstance(given, list) or not given:
            self.problem(pointer, "required", _("choose at least one"))
            return ()
        return tuple(self.choice(one, f"{pointer}/{index}", words) for index, one in enumerate(given))

    def choice(self, given: Any, pointer: str, words: Sequence[str]) -> str:
        if isinstance(given, str) and given in words:
            return given
        message = _("must be one of: %(words)s") % {"words": ", ".join(words)}
        self.problem(pointer, "choice", message, given)
        return words[0] if words else ""

    def segment(self, given: Any, pointer: str) -> int | None:
        if isinstance(given, int) and not isinstance(given, bool) and given in self.catalogue.segments:
            return given
        code = "required" if given in (None, "") else "unknown_segment"
        self.problem(pointer, code, _("choose a segment of this app"), "" if code == "required" else given)
        return None

    def unknown(self, words: str, name: Any, known: Iterable[str] | None = None) -> str:
        """The sentence for a name nobody knows, with the nearest known one."""
        near = difflib.get_close_matches(str(name), list(known if known is not None else self.catalogue.fields), n=1)
        said = f"{words} “{shown(name)}”"
        return _("%(said)s; did you mean “%(near)s”?") % {"said": said, "near": near[0]} if near else said
