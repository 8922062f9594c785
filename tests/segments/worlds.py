"""Small random worlds of people and random rules over them, and a plain-Python reading of a rule.

The reader knows nothing of SQL or of apps.segments.rules: it is the second opinion of the differential test.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.factories import NOW

ZONE = "Europe/Warsaw"
TODAY = NOW.astimezone(ZoneInfo(ZONE)).date()

TEXTS = ("Paris", "paris", "Łódź", "a%b", "a_b", "a\\b", "' or 1=1--", "%", "_", "2026-05-30", "true", "5")
NUMBERS = (-1, 0, 0.1, 1, 2.5, 5, 100, 1e12)
DATES = ("2026-05-25", "2026-05-30", "2026-05-31", "2026-06-01", "2026-06-02", "2026-06-08", "2025-06-01")
VERSIONS = ("1", "4.2", "4.10", "4.10.0", "10.0.1")
DAYS = (1, 2, 7, 30)
NAMES = ("purchase", "view")
SEGMENTS = 2
# Launches that rules may name, and one that is not a campaign's.
CAMPAIGNS = ("campaign:1", "campaign:2", "automation:1")
LAUNCHES = (*CAMPAIGNS, "push")
TRAITS = {"city": "text", "points": "number", "joined": "date", "vip": "boolean", "tags": "list"}
EVENTS = {
    name: {"category": "text", "amount": "number", "vip": "boolean", "due": "date", "tags": "list"} for name in NAMES
}
COLUMNS = ("language", "first_name")


@dataclass(frozen=True)
class Phone:
    platform: str
    app_version: str
    permission: str
    state: str
    seen_hours_ago: int


@dataclass(frozen=True)
class Deed:
    name: str
    hours_ago: int
    properties: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Message:
    """What a launch sent to one device of a person. answers: (receipt, hours ago).

    was_somebody_else: it stands in the ledger under a row that became part of this person later.
    """

    launch: int
    outcome: str
    hours_ago: int
    answers: tuple[tuple[str, int], ...]
    was_somebody_else: bool


@dataclass(frozen=True)
class Person:
    """One customer of a random world. columns "" = unknown."""

    columns: dict[str, str] = field(hash=False)
    traits: dict[str, Any] = field(hash=False)
    topics: tuple[str, ...]
    push: bool | None
    messages: "tuple[Message, ...]"
    created_hours_ago: int
    is_erased: bool
    phones: tuple[Phone, ...]
    deeds: tuple[Deed, ...]
    segments: frozenset[int]


# --- worlds ---------------------------------------------------------------------------------------------------

_text = st.sampled_from(TEXTS)
_number = st.sampled_from(NUMBERS)
_moment = st.sampled_from(DATES) | st.sampled_from(["2026-05-30T21:59:59Z", "2026-05-30T22:00:00Z"])
_list = st.lists(st.sampled_from(TEXTS[:4]), max_size=3)
_any_value = _text | _number | _moment | st.booleans() | _list
_hours = st.integers(0, 40 * 24)
# Launches were planned so long ago: nothing is sent longer after its planning than a message may live.
PLANNED_HOURS_AGO = 29 * 24


def _valued(types: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly values of the right type, sometimes of another one."""
    right = {"text": _text, "number": _number, "date": _moment, "boolean": st.booleans(), "list": _list}
    return st.fixed_dictionaries({}, optional={name: right[kind] | _any_value for name, kind in types.items()})


people = st.builds(
    Person,
    columns=st.fixed_dictionaries({name: _text | st.just("") for name in COLUMNS}),
    traits=_valued(TRAITS),
    topics=_list.map(lambda topics: tuple(dict.fromkeys(topics))),
    push=st.sampled_from([None, True, False]),
    messages=st.lists(
        st.builds(
            Message,
            st.integers(0, len(LAUNCHES) - 1),
            st.sampled_from(["accepted", "accepted", "token_dead", "excluded:capped"]),
            st.integers(0, PLANNED_HOURS_AGO),
            st.dictionaries(st.sampled_from(["received", "displayed", "opened", "clicked"]), _hours, max_size=3).map(
                lambda answers: tuple(answers.items())
            ),
            st.sampled_from([False, False, True]),
        ),
        max_size=3,
        unique_by=lambda message: message.launch,
    ).map(tuple),
    created_hours_ago=_hours,
    is_erased=st.sampled_from([False] * 9 + [True]),
    phones=st.lists(
        st.builds(
            Phone,
            st.sampled_from(["ios", "android", "web"]),
            st.sampled_from([*VERSIONS, "", "beta", "4.10-rc1"]),
            st.sampled_from(["", "granted", "denied"]),
            st.sampled_from(["active", "stale", "dead", "quarantined"]),
            _hours,
        ),
        max_size=3,
    ).map(tuple),
    deeds=st.lists(st.builds(Deed, st.sampled_from(NAMES), _hours, _valued(EVENTS["view"])), max_size=5).map(tuple),
    segments=st.frozensets(st.integers(0, SEGMENTS - 1)),
)


# --- rules ----------------------------------------------------------------------------------------------------

_RANGE = {"number": _number, "date": st.sampled_from(DATES)}
_BY_KIND = {
    "text": _text,
    "texts": st.lists(_text, min_size=1, max_size=3),
    "number": _number,
    "numbers": st.lists(_number, min_size=2, max_size=2).map(sorted),
    "date": st.sampled_from(DATES),
    "dates": st.lists(st.sampled_from(DATES), min_size=2, max_size=2).map(sorted),
    "days": st.sampled_from(DAYS),
    "version": st.sampled_from(VERSIONS),
    "nothing": st.none(),
}
_KNOWN = [("is_known", "nothing"), ("is_unknown", "nothing")]
_DAYS = [("in_last_days", "days"), ("more_than_days_ago", "days")]
_ON = [("on", "date"), ("before", "date"), ("after", "date"), ("between", "dates")]
_OPERATORS = {
    "text": [(op, "text") for op in ("is", "is_not", "contains", "does_not_contain", "starts_with")]
    + [("is_any_of", "texts"), ("is_none_of", "texts"), *_KNOWN],
    "number": [(op, "number") for op in ("at_least", "at_most", "more_than", "less_than", "is", "is_not")]
    + [("between", "numbers"), *_KNOWN],
    "date": [*_DAYS, ("in_next_days", "days"), *_ON, *_KNOWN],
    "boolean": [("is_true", "nothing"), ("is_false", "nothing"), *_KNOWN],
    "list": [("contains", "text"), ("contains_any_of", "texts"), ("does_not_contain", "text"), *_KNOWN],
    "moment": [*_DAYS, *_ON],
    "version": [("at_least", "version"), ("less_than", "version"), ("is", "version")],
    "count": [("at_least", "number"), ("at_most", "number"), ("is", "number")],
}


def _question(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """{op, value} for a type."""
    return st.sampled_from(_OPERATORS[kind]).flatmap(
        lambda pair: st.builds(lambda value: {"op": pair[0], "value": value}, _BY_KIND[pair[1]])
    )


def _about(key: str, question: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return question.map(lambda asked: {"field": key, **asked})


def _chosen(words: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda op, value: {"op": op, "value": value},
        st.sampled_from(["is_any_of", "is_none_of"]),
        st.lists(st.sampled_from(words), min_size=1, max_size=2),
    )


_condition = st.sampled_from(list(EVENTS["view"].items())).flatmap(
    lambda pair: _question(pair[1]).map(lambda asked: {"property": pair[0], **asked})
)
_window = st.one_of(
    st.just({}),
    st.sampled_from(DAYS).map(lambda days: {"days": days}),
    st.sampled_from(DAYS).map(lambda days: {"before_days": days}),
    st.sampled_from(DATES).map(lambda day: {"from": day}),
    st.sampled_from(DATES).map(lambda day: {"to": day}),
    st.lists(st.sampled_from(DATES), min_size=2, max_size=2).map(lambda days: {"from": min(days), "to": max(days)}),
)
_event = st.builds(
    lambda op, value: {"field": "event", "op": op, "value": value},
    st.sampled_from(["did", "did_not"]),
    st.fixed_dictionaries(
        {"name": st.sampled_from(NAMES)},
        optional={
            "where": st.lists(_condition, max_size=2),
            "times": st.fixed_dictionaries(
                {"op": st.sampled_from(["at_least", "exactly", "at_most"]), "count": st.integers(1, 3)}
            ),
            "sum": st.fixed_dictionaries({"op": st.sampled_from(["at_least", "at_most"]), "amount": _number}),
        },
    ).flatmap(lambda value: _window.map(lambda window: value | window)),
)
_which = st.builds(
    lambda value, window, which: {"field": "event", "op": "did", "value": {**value, **window, "which": which}},
    st.fixed_dictionaries(
        {"name": st.sampled_from(NAMES)}, optional={"where": st.lists(_condition, min_size=1, max_size=1)}
    ),
    _window.filter(bool),
    st.sampled_from(["first", "last"]),
)
_ANSWERS = {"displayed": "display", "opened": "open", "clicked": "click"}
_message = st.builds(
    lambda op, value: {"field": "message", "op": op, "value": value},
    st.sampled_from(
        [
            "was_sent",
            "was_not_sent",
            "displayed",
            "opened",
            "clicked",
            "did_not_display",
            "did_not_open",
            "did_not_click",
        ]
    ),
    st.fixed_dictionaries({"campaign": st.sampled_from(["", *CAMPAIGNS])}, optional={"days": st.sampled_from(DAYS)}),
)
leaf = st.one_of(
    *[_about(name, _question("text")) for name in COLUMNS],
    *[_about(f"trait.{name}", _question(kind)) for name, kind in TRAITS.items()],
    _about("created_at", _question("moment")),
    _about("device.last_seen", _question("moment")),
    _about("device.app_version", _question("version")),
    _about("device.count", _question("count")),
    _about("device.platform", _chosen(["ios", "android", "web"])),
    _about("consent.push", _chosen(["yes", "no", "unknown"])),
    _about("topics", _question("list")),
    st.builds(
        lambda op, value: {"field": "segment", "op": op, "value": value},
        st.sampled_from(["in", "not_in"]),
        st.integers(0, SEGMENTS - 1),
    ),
    _about("device.permission", _chosen(["granted", "denied"])),
    _event,
    _event,
    _which,
    _message,
    _message,
)


def _grouped(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    inside = leaf if depth == 1 else st.one_of(leaf, leaf, _grouped(depth - 1))
    return st.builds(
        lambda match, rules: {"match": match, "rules": rules},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inside, min_size=1, max_size=3),
    )


rules = _grouped(4)


# --- the second opinion ---------------------------------------------------------------------------------------


def matches(rule: dict[str, Any], person: Person) -> bool:
    """Is this person in? Written for reading, not for speed."""
    if "rules" in rule:
        answers = [matches(child, person) for child in rule["rules"]]
        return {"all": all(answers), "any": any(answers), "none": not any(answers)}[rule["match"]]
    key, op, value = rule["field"], rule["op"], rule["value"]
    live = [phone for phone in person.phones if phone.state in ("active", "stale")]
    if key.startswith("trait."):
        name = key.removeprefix("trait.")
        return _holds(TRAITS[name], op, value, person.traits.get(name))
    if key in COLUMNS:
        return _holds("text", op, value, person.columns[key] or None)
    if key == "created_at":
        return _in_span(op, value, _local_day(person.created_hours_ago))
    if key == "device.last_seen":
        return bool(live) and _in_span(op, value, _local_day(min(phone.seen_hours_ago for phone in live)))
    if key == "device.app_version":
        return any(_version_holds(op, value, phone.app_version) for phone in live)
    if key == "device.count":
        return {"at_least": len(live) >= value, "at_most": len(live) <= value, "is": len(live) == value}[op]
    if key == "device.platform":
        has = any(phone.platform in value for phone in live)
        return has if op == "is_any_of" else bool(live) and not has
    if key == "device.permission":
        said_so = [phone.permission for phone in live if phone.permission]
        has = bool(set(said_so) & set(value))
        return has if op == "is_any_of" else bool(said_so) and not has
    if key == "message":
        return _was(op, value, person)
    if key == "consent.push":
        said = {None: "unknown", True: "yes", False: "no"}[person.push] in value
        return said if op == "is_any_of" else not said
    if key == "topics":
        return _holds("list", op, value, list(person.topics))
    if key == "segment":
        return (value in person.segments) == (op == "in")
    return _did(op, value, person)


def _did(op: str, value: dict[str, Any], person: Person) -> bool:
    deeds = [
        deed
        for deed in person.deeds
        if deed.name == value["name"]
        and all(
            _holds(
                EVENTS["view"][asked["property"]], asked["op"], asked["value"], deed.properties.get(asked["property"])
            )
            for asked in value.get("where", [])
        )
    ]
    if "which" in value:
        pick = max if value["which"] == "first" else min
        deeds = [pick(deeds, key=lambda deed: deed.hours_ago)] if deeds else []
    deeds = [deed for deed in deeds if _in_window(value, deed.hours_ago)]
    if op == "did_not":
        return not deeds
    times = value.get("times", {"op": "at_least", "count": 1})
    count = {"at_least": len(deeds) >= times["count"], "exactly": len(deeds) == times["count"]}
    enough = bool(deeds) and count.get(times["op"], len(deeds) <= times["count"])
    if "sum" not in value:
        return enough
    amounts = [amount for deed in deeds if (amount := amount_of(deed)) is not None]
    if not amounts:
        return False
    total = sum(amounts)
    return enough and (
        total >= value["sum"]["amount"] if value["sum"]["op"] == "at_least" else total <= value["sum"]["amount"]
    )


def _in_window(value: dict[str, Any], hours_ago: int) -> bool:
    day = _local_day(hours_ago).isoformat()
    return (
        hours_ago <= value.get("days", 10_000) * 24
        and hours_ago > value.get("before_days", -1) * 24
        and value.get("from", "0") <= day <= value.get("to", "9")
    )


def _was(op: str, value: dict[str, Any], person: Person) -> bool:
    meant = [value["campaign"]] if value["campaign"] else CAMPAIGNS
    messages = [message for message in person.messages if LAUNCHES[message.launch] in meant]
    latest = value.get("days", 10_000) * 24
    was_sent = any(message.outcome == "accepted" and message.hours_ago <= latest for message in messages)
    if op in ("was_sent", "was_not_sent"):
        return was_sent == (op == "was_sent")
    word = next(word for word, verb in _ANSWERS.items() if op in (word, f"did_not_{verb}"))
    answered = any(
        receipt == word and hours_ago <= latest for message in messages for receipt, hours_ago in message.answers
    )
    return was_sent and not answered if op.startswith("did_not_") else answered


def amount_of(deed: Deed) -> float | None:
    """What ingesting stores as the event's amount."""
    amount = deed.properties.get("amount")
    return float(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else None


_PYTHON_TYPES: dict[str, Any] = {"text": str, "number": (int, float), "date": str, "boolean": bool, "list": list}


def _holds(kind: str, op: str, asked: Any, known: Any) -> bool:
    if not isinstance(known, _PYTHON_TYPES[kind]) or (kind == "number" and isinstance(known, bool)) or known == []:
        known = None
    if kind == "date" and known is not None:
        known = known[:10] if re.match(r"\d{4}-\d{2}-\d{2}", known) else None
    if op in ("is_known", "is_unknown"):
        return (known is None) == (op == "is_unknown")
    if known is None:
        return False
    if kind == "text":
        return _text_holds(op, asked, known)
    if kind == "number":
        return _number_holds(op, asked, known)
    if kind == "date":
        return _in_span(op, asked, date.fromisoformat(known))
    if kind == "boolean":
        return bool(known) == (op == "is_true")
    wanted = asked if isinstance(asked, list) else [asked]
    return bool(set(wanted) & set(known)) != (op == "does_not_contain")


def _text_holds(op: str, asked: Any, known: str) -> bool:
    if op in ("is_any_of", "is_none_of"):
        return (known in asked) == (op == "is_any_of")
    if op in ("contains", "does_not_contain"):
        return (asked in known) == (op == "contains")
    if op == "starts_with":
        return known.startswith(asked)
    return (known == asked) == (op == "is")


def _number_holds(op: str, asked: Any, known: float) -> bool:
    figure = Decimal(repr(known))
    if op == "between":
        return Decimal(repr(asked[0])) <= figure <= Decimal(repr(asked[1]))
    other = Decimal(repr(asked))
    return {
        "at_least": figure >= other,
        "at_most": figure <= other,
        "more_than": figure > other,
        "less_than": figure < other,
        "is": figure == other,
        "is_not": figure != other,
    }[op]


def _in_span(op: str, asked: Any, day: date) -> bool:
    if op == "in_last_days":
        return TODAY - timedelta(days=asked) <= day <= TODAY
    if op == "in_next_days":
        return TODAY <= day <= TODAY + timedelta(days=asked)
    if op == "more_than_days_ago":
        return day < TODAY - timedelta(days=asked)
    text = day.isoformat()
    if op == "between":
        return bool(asked[0] <= text <= asked[1])
    return {"on": text == asked, "before": text < asked, "after": text > asked}[op]


def _version_holds(op: str, asked: str, known: str) -> bool:
    found = re.match(r"\d+(\.\d+)*", known)
    if not found:
        return False
    here, there = ([int(part) for part in text.split(".")] for text in (found.group(), asked))
    return {"at_least": here >= there, "less_than": here < there, "is": here == there}[op]


def _local_day(hours_ago: int) -> date:
    return at(hours_ago).astimezone(ZoneInfo(ZONE)).date()


def at(hours_ago: int) -> datetime:
    """The moment so many hours before NOW."""
    return NOW.astimezone(UTC) - timedelta(hours=hours_ago)
