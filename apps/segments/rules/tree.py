"""A rule that has been read: every value is of the type its operator wants."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.segments.rules.catalogue import Field, Operator

Value = str | float | int | bool | tuple[str, ...] | tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """One question about a person. Dates are ISO texts."""

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Condition:
    """One question about a property of an event; type is the property's."""

    name: str
    type: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Window:
    """When something happened; all None = ever. Units: days, and ISO dates of the app's time zone, both included."""

    days: int | None = None
    before_days: int | None = None
    first: str | None = None
    last: str | None = None

    def __bool__(self) -> bool:
        return any(bound is not None for bound in (self.days, self.before_days, self.first, self.last))


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """Did, or did not, an event. times and total are (comparison, figure), None = not asked.

    which: the first or the last such event fell into the window; "" = any did.
    """

    did: bool
    name: str
    window: Window = Window()
    where: tuple[Condition, ...] = ()
    times: tuple[str, int] | None = None
    total: tuple[str, float] | None = None
    which: str = ""


@dataclass(frozen=True, slots=True)
class MessageLeaf:
    """Was, or was not, sent or moved by a campaign. campaign: an origin, "" = any; days None = ever."""

    operator: Operator
    campaign: str = ""
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """match: all, any or none of the nodes. A root without nodes is everybody."""

    match: str
    nodes: "tuple[Node, ...]"


Question = Leaf | EventLeaf | MessageLeaf
Node = Question | Group


def leaves(node: Node) -> Iterator[Question]:
    """Every question in the tree."""
    if isinstance(node, Group):
        for child in node.nodes:
            yield from leaves(child)
    else:
        yield node


def segments_in(node: Node) -> set[int]:
    """The ids of other segments that the rule asks about."""
    return {
        int(leaf.value)
        for leaf in leaves(node)
        if isinstance(leaf, Leaf) and leaf.field.type == "segment" and isinstance(leaf.value, int)
    }
