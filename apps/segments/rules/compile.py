"""From a tree to one SQL query that selects customer_id. Every value is a parameter; no text of a user is in the SQL.

A leaf may come out null (unknown), which all and any treat as false; "none" therefore wraps its leaves in coalesce.
Sub-queries are uncorrelated, so that PostgreSQL hashes each once; a rule over people alone is one scan of them.
For some people (`only`) the same text is made with their ids in every sub-query, so that indexes answer it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.accounts.models import App
from apps.core.sealing import MARK
from apps.core.sql import Compiled
from apps.customers.contact_search import forms_as_typed
from apps.customers.sealed import EMAIL, PHONE
from apps.segments.rules.catalogue import COLUMNS, TRAIT
from apps.segments.rules.days import midnight, span_of
from apps.segments.rules.messages import message_people
from apps.segments.rules.tree import Condition, EventLeaf, Group, Leaf, MessageLeaf, Node, Value, Window

LIVE = "device.state in ('active', 'stale')"
_COMPARISONS = {
    "is": "=",
    "is_not": "<>",
    "exactly": "=",
    "at_least": ">=",
    "at_most": "<=",
    "more_than": ">",
    "less_than": "<",
}
_CONTACTS = {"email": EMAIL, "phone": PHONE}
_NEGATIVE = {"is_not", "is_none_of", "does_not_contain", "not_in"}
_DATE_SHAPE = "'^[0-9]{4}-[0-9]{2}-[0-9]{2}'"
_VERSION_SHAPE = "'^[0-9]{1,9}(?:[.][0-9]{1,9}){0,5}'"


def compile_tree(root: Group, *, app: App, now: datetime, among: Sequence[int] | None = None) -> Compiled:
    """The query of everybody in `app` who matches; erased people never do, nor rows merged into others.

    among: ask only about these people, by their ids; then indexes answer, as for one person.
    """
    compiler = Compiler(app, now, only=among)
    condition = compiler.node(root)
    sql = (
        "select customer.id as customer_id from customers_customer as customer"
        f" where customer.app_id = {compiler.app_id} and customer.erased_at is null"
        f" and customer.merged_into_id is null and {condition}{compiler.only('customer.id')}"
    )
    return Compiled(sql, compiler.params)


class Compiler:
    """Gathers parameters while the tree is walked. only: the ids of those who are asked about; None = all."""

    def __init__(self, app: App, now: datetime, *, only: Sequence[int] | None = None) -> None:
        self.app = app
        self.zone = app.time_zone
        self.now = now
        self.today: date = now.astimezone(ZoneInfo(app.time_zone)).date()
        self.params: dict[str, Any] = {}
        self.app_id = self.bind(app.pk)
        self.people = "" if only is None else f"any ({self.bind(list(only))}::bigint[])"

    def bind(self, value: Any) -> str:
        name = f"rule_{len(self.params)}"
        self.params[name] = value
        return f"%({name})s"

    def only(self, column: str) -> str:
        """A further condition on a sub-query's `column` of customer ids, where only some are asked about."""
        return f" and {column} = {self.people}" if self.people else ""

    def only_theirs(self, column: str) -> str:
        """As `only`, where `column` may also hold ids of rows that became part of these people."""
        ids = f"select id from customers_customer where id = {self.people} or merged_into_id = {self.people}"
        return f" and {column} = any (array({ids}))" if self.people else ""

    def node(self, node: Node) -> str:
        if isinstance(node, EventLeaf):
            return self.event(node)
        if isinstance(node, MessageLeaf):
            return self.message(node)
        if isinstance(node, Leaf):
            return self.leaf(node)
        if not node.nodes:
            return "true"
        glue = " and " if node.match == "all" else " or "
        inside = "(" + glue.join(self.node(child) for child in node.nodes) + ")"
        return f"not coalesce({inside}, false)" if node.match == "none" else inside

    def leaf(self, leaf: Leaf) -> str:
        key, operator, value = leaf.field.key, leaf.operator.key, leaf.value
        if key.startswith(TRAIT):
            return self.jsonb("customer.traits", key.removeprefix(TRAIT), leaf.field.type, operator, value)
        if key in _CONTACTS:
            return self.contact(key, operator, value)
        if key in COLUMNS:
            return self.text(f"nullif(customer.{key}, '')", operator, value)
        own: Mapping[str, Callable[[str, Value], str]] = {
            "created_at": self.created_at,
            "topics": self.topics,
            "segment": self.segment,
            "consent.push": lambda _op, words: self.consent("customer.push_consent", operator, words),
            "consent.sms": lambda _op, words: self.consent("customer.sms_consent", operator, words),
            "device.platform": lambda op, words: self.device_word("platform", op, words),
            "device.permission": lambda op, words: self.device_word("permission", op, words),
            "device.app_version": self.app_version,
            "device.last_seen": self.last_seen,
            "device.count": self.device_count,
        }
        return own[key](operator, value)

    def jsonb(self, column: str, name: str, kind: str, operator: str, value: Value) -> str:
        """A trait, or a property of an event; the type of what is stored is never taken for granted."""
        if kind == "text" and operator == "is":
            return f"{column} @> {self.bind(json.dumps({name: value}))}::jsonb"
        member = f"{column} -> {self.bind(name)}"
        if kind == "number":
            return self.number(f"case when jsonb_typeof({member}) = 'number' then {member} end", operator, value)
        if kind == "boolean":
            return self.boolean(f"case when jsonb_typeof({member}) = 'boolean' then {member} end", operator)
        if kind == "list":
            filled = f"nullif(case when jsonb_typeof({member}) = 'array' then {member} end, '[]'::jsonb)"
            return self.items(filled, operator, value)
        text = f"({column} ->> {self.bind(name)})"
        if kind == "date":
            day = f"case when jsonb_typeof({member}) = 'string' and {text} ~ {_DATE_SHAPE} then left({text}, 10) end"
            return self.date(day, operator, value)
        return self.text(f"case when jsonb_typeof({member}) = 'string' then {text} end", operator, value)

    def text(self, subject: str, operator: str, value: Value) -> str:
        match operator:
            case "is_known":
                return f"({subject}) is not null"
            case "is_unknown":
                return f"({subject}) is null"
            case "is_any_of":
                return f"({subject}) = any ({self.bind(_list(value))}::text[])"
            case "is_none_of":
                return f"({subject}) <> all ({self.bind(_list(value))}::text[])"
            case "contains":
                return f"strpos({subject}, {self.bind(value)}) > 0"
            case "does_not_contain":
                return f"strpos({subject}, {self.bind(value)}) = 0"
            case "starts_with":
                return f"starts_with({subject}, {self.bind(value)})"
        return f"({subject}) {_COMPARISONS[operator]} {self.bind(value)}"

    def contact(self, column: str, operator: str, value: Value) -> str:
        """A phone or an e-mail, which the rows keep sealed: any form that means one of those asked for.

        Rows of before hold an address as it was typed then.
        """
        subject = f"nullif(customer.{column}, '')"
        if operator in ("is_known", "is_unknown"):
            return self.text(subject, operator, value)
        kind = _CONTACTS[column]
        if kind == EMAIL:
            subject = f"case when starts_with(customer.email, '{MARK}') then customer.email else lower({subject}) end"
        forms = [form for one in _list(value) for form in forms_as_typed(self.app, kind, one)]
        return self.text(subject, "is_none_of" if operator in _NEGATIVE else "is_any_of", tuple(map(str, forms)))

    def number(self, subject: str, operator: str, value: Value) -> str:
        """Numbers stay jsonb: it compares them as numeric, without a cast that could fail."""
        if operator in ("is_known", "is_unknown"):
            return self.text(subject, operator, value)
        if isinstance(value, tuple):
            low, high = (f"{self.bind(json.dumps(one))}::jsonb" for one in value)
            return f"({subject}) between {low} and {high}"
        return f"({subject}) {_COMPARISONS[operator]} {self.bind(json.dumps(value))}::jsonb"

    def boolean(self, subject: str, operator: str) -> str:
        if operator in ("is_known", "is_unknown"):
            return self.text(subject, operator, None)
        return f"({subject}) = '{'true' if operator == 'is_true' else 'false'}'::jsonb"

    def items(self, subject: str, operator: str, value: Value) -> str:
        if operator in ("is_known", "is_unknown"):
            return self.text(subject, operator, value)
        found = f"({subject}) ?| {self.bind(_list(value))}::text[]"
        return f"not ({found})" if operator in _NEGATIVE else found

    def date(self, subject: str, operator: str, value: Value) -> str:
        """subject: an ISO date as text, which sorts as dates do where the collation is by bytes."""
        if operator in ("is_known", "is_unknown"):
            return self.text(subject, operator, value)
        span = span_of(operator, value, self.today)
        subject = f'({subject}) collate "C"'
        bounds = [f"{subject} >= {self.bind(span.first.isoformat())}"] if span.first else []
        bounds += [f"{subject} < {self.bind(span.after.isoformat())}"] if span.after else []
        return f"({' and '.join(bounds)})"

    def moment(self, operator: str, value: Value) -> tuple[str | None, str | None]:
        """Parameters of the first moment asked for and of the first after it; a moment of the future is left open."""
        span = span_of(operator, value, self.today)
        first = f"{self.bind(midnight(span.first, self.zone))}::timestamptz" if span.first else None
        is_open = span.after is None or span.after > self.today
        after = None if is_open or span.after is None else f"{self.bind(midnight(span.after, self.zone))}::timestamptz"
        return first, after

    def created_at(self, operator: str, value: Value) -> str:
        first, after = self.moment(operator, value)
        bounds = [f"customer.created_at >= {first}"] if first else []
        bounds += [f"customer.created_at < {after}"] if after else []
        return f"({' and '.join(bounds) or 'true'})"

    def consent(self, column: str, operator: str, value: Value) -> str:
        tests = {"yes": f"{column} is true", "no": f"{column} is false", "unknown": f"{column} is null"}
        found = f"({' or '.join(tests[word] for word in _list(value))})"
        return f"not {found}" if operator in _NEGATIVE else found

    def topics(self, operator: str, value: Value) -> str:
        if operator in ("is_known", "is_unknown"):
            return f"cardinality(customer.topics) {'>' if operator == 'is_known' else '='} 0"
        found = f"customer.topics::text[] && {self.bind(_list(value))}::text[]"
        return f"(cardinality(customer.topics) > 0 and not {found})" if operator in _NEGATIVE else found

    def segment(self, operator: str, value: Value) -> str:
        tests = f"member.segment_id = {self.bind(value)} and member.left_at is null{self.only('member.customer_id')}"
        members = f"(select member.customer_id from segments_segmentmember as member where {tests})"
        return f"customer.id {'not in' if operator in _NEGATIVE else 'in'} {members}"

    def device_word(self, column: str, operator: str, value: Value) -> str:
        """A word of live devices; "" is unknown, and so is everything of people without one."""
        found = self.devices(f"device.{column} = any ({self.bind(_list(value))}::text[])")
        if operator in _NEGATIVE:
            return f"(customer.id in {self.devices(f"device.{column} <> ''")} and customer.id not in {found})"
        return f"customer.id in {found}"

    def app_version(self, operator: str, value: Value) -> str:
        """Versions compare part by part as numbers; what does not begin with one is unknown.

        There are few versions and many devices: each version is taken apart once (`offset 0` keeps the planner from
        doing it for each device all the same, which takes five times as long).
        """
        part = f"string_to_array(substring(version.text from {_VERSION_SHAPE}), '.')::numeric[]"
        wanted = f"string_to_array({self.bind(value)}, '.')::numeric[]"
        versions = (
            f"(select version.text from (select distinct device.app_version as text from devices_device as device"
            f" where device.app_id = {self.app_id}{self.only('device.customer_id')} offset 0) as version"
            f" where {part} {_COMPARISONS[operator]} {wanted})"
        )
        return f"customer.id in {self.devices(f'device.app_version in {versions}')}"

    def last_seen(self, operator: str, value: Value) -> str:
        """The latest use on any live device: some use since `first`, and none since `after`."""
        first, after = self.moment(operator, value)
        tests = [f"customer.id in {self.devices(f'device.last_seen_at >= {first}' if first else 'true')}"]
        if after:
            tests.append(f"customer.id not in {self.devices(f'device.last_seen_at >= {after}')}")
        return f"({' and '.join(tests)})"

    def device_count(self, operator: str, value: Value) -> str:
        """People without a live device have none in the table, so a condition that 0 meets is asked the other way."""
        wanted = f"{_COMPARISONS[operator]} {self.bind(value)}"
        figure = _figure(value)
        if {"at_least": figure <= 0, "at_most": figure >= 0, "is": figure == 0}[operator]:
            return f"customer.id not in {self.devices('true', f'not count(*) {wanted}')}"
        return f"customer.id in {self.devices('true', f'count(*) {wanted}')}"

    def devices(self, condition: str, having: str = "") -> str:
        """The people with live devices of which `condition` is true."""
        grouped = f" group by device.customer_id having {having}" if having else ""
        tests = f"device.app_id = {self.app_id} and {LIVE} and {condition}{self.only('device.customer_id')}"
        return f"(select device.customer_id from devices_device as device where {tests}{grouped})"

    def event(self, leaf: EventLeaf) -> str:
        tests = self.event_tests(leaf)
        having = []
        if leaf.which:
            moment = "min(event.occurred_at)" if leaf.which == "first" else "max(event.occurred_at)"
            having += self.within(moment, leaf.window)
        else:
            tests += self.within("event.occurred_at", leaf.window)
        if leaf.times is not None:
            comparison, count = leaf.times
            having.append(f"count(*) {_COMPARISONS[comparison]} {self.bind(count)}")
        if leaf.total is not None:
            comparison, amount = leaf.total
            having.append(f"sum(event.amount) {_COMPARISONS[comparison]} {self.bind(amount)}")
        grouped = f" group by event.customer_id having {' and '.join(having)}" if having else ""
        people = f"(select event.customer_id from customers_event as event where {' and '.join(tests)}{grouped})"
        return f"customer.id {'in' if leaf.did else 'not in'} {people}"

    def event_tests(self, leaf: EventLeaf) -> list[str]:
        """Conditions for the events that the leaf is about, whenever they were."""
        whose = f"event.app_id = {self.app_id} and event.name = {self.bind(leaf.name)}{self.only('event.customer_id')}"
        return [whose, *(self.condition(condition) for condition in leaf.where)]

    def within(self, moment: str, window: Window) -> list[str]:
        """Conditions for a moment to lie in the window."""
        day = timedelta(days=1)
        bounds = []
        if window.days is not None:
            bounds.append(f"{moment} >= {self.bind(self.now - window.days * day)}::timestamptz")
        if window.before_days is not None:
            bounds.append(f"{moment} < {self.bind(self.now - window.before_days * day)}::timestamptz")
        if window.first is not None:
            first = date.fromisoformat(window.first)
            bounds.append(f"{moment} >= {self.bind(midnight(first, self.zone))}::timestamptz")
        if window.last is not None and window.last < date.max.isoformat():
            after = date.fromisoformat(window.last) + day
            bounds.append(f"{moment} < {self.bind(midnight(after, self.zone))}::timestamptz")
        return bounds

    def message(self, leaf: MessageLeaf) -> str:
        since = None if leaf.days is None else self.now - timedelta(days=leaf.days)
        return message_people(leaf, app_id=self.app_id, since=since, bind=self.bind, only=self.only_theirs)

    def condition(self, condition: Condition) -> str:
        """The amount has a column of its own, in the covering index: no need to look into the row."""
        name, kind, operator = condition.name, condition.type, condition.operator.key
        if (
            name == "amount"
            and kind == "number"
            and operator in _COMPARISONS
            and not isinstance(condition.value, tuple)
        ):
            return f"event.amount {_COMPARISONS[operator]} {self.bind(condition.value)}::float8"
        return self.jsonb("event.properties", name, kind, operator, condition.value)


def _list(value: Value) -> list[str]:
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]


def _figure(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
