"""From a rule to what the builder's page draws: groups, rows and the inputs of each operator's value."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core.problems import FieldProblem
from apps.segments.rules.catalogue import (
    MATCHES,
    MOST_CONDITIONS,
    MOST_DEPTH,
    OPERATORS,
    SUMS,
    TIMES,
    WHICH,
    Catalogue,
    Field,
    Kind,
    Operator,
)


@dataclass(slots=True)
class ValueView:
    """The inputs of one operator's value. suggestions: what people of this app have there."""

    name: str
    kind: str
    value: Any = ""
    low: Any = ""
    high: Any = ""
    choices: list[tuple[Any, Any, bool]] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ConditionView:
    """One question about a property of an event."""

    id: str
    properties: list[str]
    property: str
    operators: tuple[Operator, ...]
    op: str
    value: ValueView | None


@dataclass(slots=True)
class EventView:
    """The parts of a sentence about behaviour. times: a comparison, or which one is meant; when: how that is said."""

    names: list[str]
    name: str
    times: str
    count: Any
    when: str
    days: Any
    first_day: Any
    last_day: Any
    where: list[ConditionView]
    sum: str
    amount: Any
    times_words: Mapping[str, Any] = field(default_factory=lambda: TIMES)
    which_words: Mapping[str, Any] = field(default_factory=lambda: WHICH)
    sum_words: Mapping[str, Any] = field(default_factory=lambda: SUMS)
    may_add: bool = True
    has_amount: bool = False


@dataclass(slots=True)
class MessageView:
    """A sentence about a campaign. campaigns: (origin, name, is chosen), latest launch first."""

    campaigns: list[tuple[str, str, bool]]
    days: Any


@dataclass(slots=True)
class RuleView:
    """One row. groups: the fields to choose from, under the builder's headings."""

    id: str
    parent: str
    groups: list[tuple[Any, list[Field]]]
    chosen: Field | None
    op: str
    value: ValueView | None
    event: EventView | None
    message: MessageView | None = None
    problems: list[str] = field(default_factory=list)
    is_group: bool = False


@dataclass(slots=True)
class GroupView:
    """A group with its rows, in order."""

    id: str
    parent: str
    depth: int
    match: str
    nodes: "list[GroupView | RuleView]"
    problems: list[str] = field(default_factory=list)
    is_group: bool = True

    @property
    def matches(self) -> Mapping[str, Any]:
        return MATCHES

    @property
    def may_nest(self) -> bool:
        return self.depth < MOST_DEPTH


def fresh_id() -> str:
    """An id for a node on the page."""
    return f"n{secrets.token_hex(5)}"


class Drawer:
    """Draws rules of one app. suggest: (field key, or event and property) -> values that people have there."""

    def __init__(self, catalogue: Catalogue, suggest: Any, *, segment_id: int | None = None) -> None:
        self.catalogue = catalogue
        self.suggest = suggest
        self.segments = [(one, name) for one, name in catalogue.segments.items() if one != segment_id]
        self.groups = _grouped(catalogue.fields.values())

    def tree(
        self, rule: Mapping[str, Any], ids: Mapping[str, str] | None = None, problems: Iterable[FieldProblem] = ()
    ) -> GroupView:
        """The whole builder. problems: of validation, shown in the row they belong to."""
        found: dict[str, list[str]] = {}
        for problem in problems:
            found.setdefault(_node_pointer(problem.pointer), []).append(problem.message)
        return self.group(rule, "", depth=1, ids=ids, problems=found)

    def group(
        self,
        rule: Mapping[str, Any],
        parent: str,
        *,
        depth: int,
        pointer: str = "",
        ids: Mapping[str, str] | None = None,
        problems: Mapping[str, list[str]] | None = None,
    ) -> GroupView:
        ids, problems = ids or {}, problems or {}
        own = ids.get(pointer) or fresh_id()
        nodes: list[GroupView | RuleView] = []
        for index, child in enumerate(rule.get("rules") or []):
            here = f"{pointer}/rules/{index}"
            if "rules" in child:
                nodes.append(self.group(child, own, depth=depth + 1, pointer=here, ids=ids, problems=problems))
            else:
                nodes.append(self.row(child, own, node=ids.get(here), problems=problems.get(here)))
        return GroupView(own, parent, depth, str(rule.get("match", "all")), nodes, problems.get(pointer, []))

    def row(
        self,
        leaf: Mapping[str, Any],
        parent: str,
        *,
        node: str | None = None,
        problems: list[str] | None = None,
        adds_condition: bool = False,
    ) -> RuleView:
        """One row. Where none is said, the operator is the field's first; one that the field does not have is to be
        chosen anew, or whoever saves the page would ask something else. A value of another kind is dropped."""
        own = node or fresh_id()
        chosen = self.catalogue.fields.get(str(leaf.get("field") or ""))
        view = RuleView(own, parent, self.groups, chosen, "", None, None, problems=problems or [])
        if chosen is None:
            return view
        operator = chosen.operator(said := str(leaf.get("op") or ""))
        if operator is None and (said or problems):
            return view
        operator = operator or chosen.operators[0]
        view.op = operator.key
        value = leaf.get("value")
        if operator.kind is Kind.EVENT:
            given = value if isinstance(value, Mapping) else {}
            view.event = self.event(own, given, adds_condition=adds_condition)
        elif operator.kind is Kind.MESSAGE:
            view.message = self.message(value if isinstance(value, Mapping) else {})
        else:
            view.value = self.value(own, operator, value, chosen.key, chosen)
        return view

    def event(self, node: str, value: Mapping[str, Any], *, adds_condition: bool) -> EventView:
        name = str(value.get("name") or "")
        properties = self.catalogue.events.get(name, {})
        where = [one for one in value.get("where") or [] if isinstance(one, Mapping)]
        if adds_condition and len(where) < MOST_CONDITIONS:
            where.append({})
        times, total = value.get("times") or {}, value.get("sum") or {}
        return EventView(
            names=sorted(self.catalogue.events),
            name=name,
            times=value.get("which") or times.get("op", ""),
            count=times.get("count", ""),
            when="dates" if value.keys() & {"from", "to"} else "before_days" if "before_days" in value else "days",
            days=value.get("days", value.get("before_days", "")),
            first_day=value.get("from", ""),
            last_day=value.get("to", ""),
            where=[self.condition(f"{node}w{index}", one, name, properties) for index, one in enumerate(where)],
            sum=total.get("op", ""),
            amount=total.get("amount", ""),
            may_add=bool(properties) and len(where) < MOST_CONDITIONS,
            has_amount=properties.get("amount") == "number",
        )

    def message(self, value: Mapping[str, Any]) -> MessageView:
        chosen = value.get("campaign")
        campaigns = [(origin, name, origin == chosen) for origin, name in self.catalogue.campaigns.items()]
        return MessageView(campaigns, value.get("days", ""))

    def condition(self, own: str, given: Mapping[str, Any], event: str, properties: Mapping[str, str]) -> ConditionView:
        name = str(given.get("property") or "")
        operators = OPERATORS[properties[name]] if name in properties else ()
        operator = next((one for one in operators if one.key == given.get("op")), operators[0] if operators else None)
        value = self.value(own, operator, given.get("value"), f"{event}\n{name}") if operator else None
        return ConditionView(own, sorted(properties), name, operators, operator.key if operator else "", value)

    def value(
        self, node: str, operator: Operator, value: Any, source: str, chosen: Field | None = None
    ) -> ValueView | None:
        kind = operator.kind
        view = ValueView(node, kind.value)
        if kind is Kind.NOTHING:
            return view
        if kind is Kind.CHOICES:
            picked = value if isinstance(value, list) else []
            view.choices = [
                (word, _headed(label), word in picked) for word, label in (chosen.choices if chosen else ())
            ]
        elif kind is Kind.SEGMENT:
            view.choices = [(one, name, one == value) for one, name in self.segments]
        elif kind in (Kind.NUMBERS, Kind.DATES):
            pair = value if isinstance(value, list) and len(value) == 2 else ["", ""]
            view.low, view.high = pair
        elif kind is Kind.TEXTS:
            view.value = "\n".join(map(str, value or []))
        else:
            view.value = "" if value is None else value
        if kind in (Kind.TEXT, Kind.TEXTS, Kind.VERSION):
            view.suggestions = self.suggest(source)
        return view


def _grouped(fields: Iterable[Field]) -> list[tuple[Any, list[Field]]]:
    groups: dict[str, tuple[Any, list[Field]]] = {}
    for one in fields:
        groups.setdefault(str(one.group), (one.group, []))[1].append(one)
    return list(groups.values())


def _headed(label: Any) -> str:
    """With a capital letter, but for names that have theirs elsewhere: iOS."""
    text = str(label)
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]


def _node_pointer(pointer: str) -> str:
    """Of the node that a problem belongs to: /rules/0/rules/2/value/name -> /rules/0/rules/2."""
    parts = pointer.split("/")[1:]
    kept = ""
    for word, index in zip(parts[::2], parts[1::2], strict=False):
        if word != "rules" or not index.isdigit():
            break
        kept += f"/rules/{index}"
    return kept
