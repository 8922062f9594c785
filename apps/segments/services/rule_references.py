"""The segments that a rule asks about, in files: by name, for an id means another segment in every installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apps.accounts.models import App
from apps.segments.models import Segment
from apps.segments.rules.catalogue import MOST_DEPTH


@dataclass(frozen=True, slots=True)
class Reference:
    """A segment as a file names it, which the app does not have. name "" where the file has a bare id."""

    name: str
    id: int | None

    @property
    def key(self) -> str:
        return self.name or f"#{self.id}"


class SegmentsUnknown(Exception):
    """Somebody has to say which of the app's own segments are meant."""

    def __init__(self, references: list[Reference]) -> None:
        self.references = references
        super().__init__(", ".join(one.key for one in references))


def with_segments(rule: Any, told: Callable[[Any], Any], depth: int = 0) -> Any:
    """The rule with `told(value)` for every value that names a segment; what is no rule, or too deep for one, stays."""
    if not isinstance(rule, Mapping) or depth > MOST_DEPTH:
        return rule
    children = rule.get("rules")
    if isinstance(children, list):
        return {**rule, "rules": [with_segments(one, told, depth + 1) for one in children]}
    return {**rule, "value": told(rule.get("value"))} if rule.get("field") == "segment" else rule


def outgoing(rule: Any, app: App) -> Any:
    """A stored rule as a file has it: {"id", "name"} for each segment."""
    names = dict(Segment.objects.filter(app=app).values_list("id", "name"))
    return with_segments(rule, lambda value: {"id": value, "name": names[value]} if value in names else value)


def incoming(rule: Any, app: App, chosen: Mapping[str, int]) -> Any:
    """A file's rule with the ids of the app's own segments. chosen: {key of a reference: which one is meant}.

    A name decides; a bare id counts where the app has it. Raises SegmentsUnknown with what remains.
    """
    ids = {name: pk for pk, name in Segment.objects.filter(app=app).values_list("id", "name")}
    own = set(ids.values())
    unknown: dict[str, Reference] = {}

    def told(value: Any) -> Any:
        reference = _reference(value)
        if reference is None:
            return value
        found = ids.get(reference.name) if reference.name else reference.id
        meant = found if found in own else chosen.get(reference.key)
        if meant not in own:
            unknown.setdefault(reference.key, reference)
        return meant

    rule = with_segments(rule, told)
    if unknown:
        raise SegmentsUnknown(list(unknown.values()))
    return rule


def _reference(value: Any) -> Reference | None:
    """What a file says; None where it names no segment at all, which the rules of rules refuse."""
    given = value if isinstance(value, Mapping) else {"id": value}
    name, number = given.get("name", ""), given.get("id")
    is_number = isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**63
    if not isinstance(name, str) or not (name or is_number):
        return None
    return Reference(name, number if is_number else None)
