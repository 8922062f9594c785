"""From what the rule builder's page sent to a rule.

On the page every node has an id of its own choosing. A hidden input `node` names it and its parent ("id:parent"), in
the order of the page; all other inputs are called "<id>-<what>". So a row can be drawn, sent and drawn again alone.
Half-finished rows are kept as they are typed: what is wrong with them is rules.read's to say, not this module's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from apps.segments.rules.catalogue import MOST_DEPTH, OPERATORS, WHICH, Catalogue, Kind, Operator

EVERYBODY: Mapping[str, Any] = {"match": "all", "rules": []}


@dataclass(frozen=True, slots=True)
class ReadForm:
    """The rule as JSON. ids: JSON pointer of a node -> its id on the page."""

    rule: dict[str, Any]
    ids: Mapping[str, str]


def read_form(sent: QueryDict, catalogue: Catalogue, *, root: str = "") -> ReadForm:
    """The rule that the page shows; `root` = only that group, or that row (which comes back inside a group)."""
    reader = _FormReader(sent, catalogue)
    top = root or next(iter(reader.children.get("", [])), "")
    rule = reader.node(top, "", 0) if top else dict(EVERYBODY)
    return ReadForm(rule if "rules" in rule else {**EVERYBODY, "rules": [rule]}, reader.ids)


def read_row(sent: QueryDict, catalogue: Catalogue, node: str) -> dict[str, Any]:
    """One row of the page, as a leaf."""
    return _FormReader(sent, catalogue).leaf(node)


class _FormReader:
    """Reads what the page sent.

    A field that was changed since its row was drawn has no operator and no value yet; a changed operator keeps the
    value only where it fits.
    """

    def __init__(self, sent: QueryDict, catalogue: Catalogue) -> None:
        self.sent = sent
        self.catalogue = catalogue
        self.ids: dict[str, str] = {}
        self.children: dict[str, list[str]] = {}
        for entry in sent.getlist("node"):
            node, _colon, parent = entry.partition(":")
            self.children.setdefault(parent, []).append(node)

    def text(self, node: str, what: str, default: str = "") -> str:
        return str(self.sent.get(f"{node}-{what}", default))

    def node(self, node: str, pointer: str, depth: int) -> dict[str, Any]:
        self.ids[pointer] = node
        if f"{node}-match" not in self.sent:
            return self.leaf(node)
        # One level more than allowed is read, so that validation can say it; a forged endless page is not followed.
        below = self.children.get(node, []) if depth <= MOST_DEPTH else []
        rules = [self.node(child, f"{pointer}/rules/{index}", depth + 1) for index, child in enumerate(below)]
        return {"match": self.text(node, "match"), "rules": rules}

    def leaf(self, node: str) -> dict[str, Any]:
        key, op = self.text(node, "field"), self.text(node, "op")
        chosen = self.catalogue.fields.get(key)
        if chosen is None or key != self.text(node, "drawn", key):
            return {"field": key, "op": "", "value": None}
        if chosen.type == "event":
            return {"field": key, "op": op, "value": self.event(node)}
        if chosen.type == "message":
            return {"field": key, "op": op, "value": self.message(node)}
        return {"field": key, "op": op, "value": self.value(node, chosen.operator(op))}

    def event(self, node: str) -> dict[str, Any]:
        value: dict[str, Any] = {"name": self.text(node, "name"), **self.window(node)}
        if self.text(node, "times") in WHICH:
            value["which"] = self.text(node, "times")
        elif self.text(node, "times"):
            value["times"] = {"op": self.text(node, "times"), "count": _figure(self.text(node, "count"))}
        properties = self.catalogue.events.get(value["name"], {})
        where = [self.condition(one, properties) for one in self.sent.getlist(f"{node}-where")]
        if where and value["name"] == self.text(node, "drawn-name", value["name"]):
            value["where"] = where
        if self.text(node, "sum"):
            value["sum"] = {"op": self.text(node, "sum"), "amount": _figure(self.text(node, "amount"))}
        return value

    def window(self, node: str) -> dict[str, Any]:
        """When it was. What was chosen but is still empty stays, so that the row is drawn with it again."""
        when, days = self.text(node, "when", "days"), self.text(node, "days").strip()
        if when == "dates":
            return {end: self.text(node, end).strip() for end in ("from", "to")}
        if when == "before_days":
            return {"before_days": _figure(days)}
        return {"days": _figure(days)} if days else {}

    def message(self, node: str) -> dict[str, Any]:
        days = self.text(node, "days").strip()
        return {"campaign": self.text(node, "campaign"), **({"days": _figure(days)} if days else {})}

    def condition(self, node: str, properties: Mapping[str, str]) -> dict[str, Any]:
        name, op = self.text(node, "property"), self.text(node, "op")
        if name not in properties or name != self.text(node, "drawn", name):
            return {"property": name, "op": "", "value": None}
        operator = next((one for one in OPERATORS[properties[name]] if one.key == op), None)
        return {"property": name, "op": op, "value": self.value(node, operator)}

    def value(self, node: str, operator: Operator | None) -> Any:
        drawn = self.text(node, "kind")
        given = self.drawn_value(node, Kind(drawn)) if drawn in list(Kind) else None
        if operator is None or operator.kind == drawn:
            return given
        if (drawn, operator.kind) == (Kind.TEXT, Kind.TEXTS):
            return [given] if given else []
        if (drawn, operator.kind) == (Kind.TEXTS, Kind.TEXT):
            return given[0] if given else ""
        return None

    def drawn_value(self, node: str, kind: Kind) -> Any:
        """From the inputs as they stand on the page."""
        given = self.text(node, "value")
        match kind:
            case Kind.NOTHING:
                return None
            case Kind.TEXTS:
                return [line.strip() for line in given.splitlines() if line.strip()]
            case Kind.CHOICES:
                return self.sent.getlist(f"{node}-value")
            case Kind.NUMBER | Kind.DAYS | Kind.SEGMENT:
                return _figure(given)
            case Kind.NUMBERS:
                return [_figure(self.text(node, end)) for end in ("low", "high")]
            case Kind.DATES:
                return [self.text(node, end) for end in ("low", "high")]
        return given.strip()


def _figure(text: str) -> Any:
    """A number where it is one, else the text, for validation to refuse."""
    plain = text.strip().replace(",", ".").replace("\u00a0", "").replace(" ", "")
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text.strip()
