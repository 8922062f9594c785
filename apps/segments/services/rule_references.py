"""The segments and campaigns that a rule asks about, in files: by name, for an id means another one elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.segments.rules.catalogue import MOST_DEPTH, Catalogue, load_catalogue

# Instead of a campaign that this app has never launched.
ANY_CAMPAIGN = "any"

type Told = Callable[[str, Any], Any]
type _Id = int | str


@dataclass(frozen=True, slots=True)
class Reference:
    """What a file names and the app does not have, or has twice. kind: segment, campaign.

    name "" where the file has a bare id. choices: which ones of the app may be meant, (value, name).
    """

    kind: str
    name: str
    id: _Id | None
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name or f'#{self.id}'}"


class NamesUnknown(Exception):
    """Somebody has to say which of the app's own segments and campaigns are meant."""

    def __init__(self, references: list[Reference]) -> None:
        self.references = references
        super().__init__(", ".join(one.key for one in references))


def with_references(rule: Any, told: Told, depth: int = 0) -> Any:
    """The rule with `told(kind, value)` for every value that names a segment or campaign.

    What is no rule, or too deep for one, stays.
    """
    if not isinstance(rule, Mapping) or depth > MOST_DEPTH:
        return rule
    children, value = rule.get("rules"), rule.get("value")
    if isinstance(children, list):
        return {**rule, "rules": [with_references(one, told, depth + 1) for one in children]}
    if rule.get("field") == "segment":
        return {**rule, "value": told("segment", value)}
    if rule.get("field") == "message" and isinstance(value, Mapping) and value.get("campaign"):
        return {**rule, "value": {**value, "campaign": told("campaign", value["campaign"])}}
    return rule


def outgoing(rule: Any, app: App) -> Any:
    """A stored rule as a file has it: {"id", "name"} for each segment and campaign."""
    names = _names(load_catalogue(app))

    def told(kind: str, value: Any) -> Any:
        name = names[kind].get(value) if isinstance(value, int | str) else None
        return value if name is None else {"id": value, "name": name}

    return with_references(rule, told)


def incoming(rule: Any, app: App, chosen: Mapping[str, str], segment_id: int | None = None) -> Any:
    """A file's rule with the ids of this app. chosen: {key of a reference: which of its choices is meant}.
    segment_id: whose rule it becomes, which therefore is no choice.

    A name decides, among several of one name the id; a bare id counts where the app has it. Raises NamesUnknown with
    what remains.
    """
    known = _names(load_catalogue(app))
    unknown: dict[str, Reference] = {}

    def told(kind: str, value: Any) -> Any:
        reference = _reference(kind, value)
        if reference is None:
            return value
        meant = _meant(reference, known[kind])
        if meant is None:
            meant = _chosen(kind, chosen.get(reference.key, ""), known[kind])
        if meant is None:
            choices = tuple(one for one in _choices(kind, known[kind]) if one[0] != str(segment_id))
            unknown.setdefault(reference.key, Reference(kind, reference.name, reference.id, choices))
        return meant

    rule = with_references(rule, told)
    if unknown:
        raise NamesUnknown(list(unknown.values()))
    return rule


def _names(catalogue: Catalogue) -> dict[str, Mapping[Any, str]]:
    return {"segment": catalogue.segments, "campaign": catalogue.campaigns}


def _reference(kind: str, value: Any) -> Reference | None:
    """What a file says; None where it names nothing at all, which the rules of rules refuse."""
    given = value if isinstance(value, Mapping) else {"id": value}
    name, own = given.get("name", ""), given.get("id")
    if kind == "segment":
        is_id = isinstance(own, int) and not isinstance(own, bool) and abs(own) < 2**63
    else:
        is_id = isinstance(own, str) and bool(own)
    if not isinstance(name, str) or not (name or is_id):
        return None
    return Reference(kind, name, own if is_id else None)


def _meant(reference: Reference, names: Mapping[Any, str]) -> _Id | None:
    if not reference.name:
        return reference.id if reference.id in names else None
    same: list[_Id] = [one for one, name in names.items() if name == reference.name]
    if reference.id in same:
        return reference.id
    return same[0] if len(same) == 1 else None


def _chosen(kind: str, answer: str, names: Mapping[Any, str]) -> _Id | None:
    if kind == "campaign" and answer == ANY_CAMPAIGN:
        return ""
    return next((one for one in names if str(one) == answer), None)


def _choices(kind: str, names: Mapping[Any, str]) -> list[tuple[str, str]]:
    """Where several have one name, what tells them apart stands behind it."""
    told = list(names.values())
    own = [(str(one), name if told.count(name) == 1 else f"{name} ({one})") for one, name in names.items()]
    return [(ANY_CAMPAIGN, _("any campaign")), *own] if kind == "campaign" else own
