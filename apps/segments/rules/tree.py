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
class EventLeaf:
    """Did, or did not, an event; days None = ever. times and total are (comparison, figure), None = not asked."""

    did: bool
    name: str
    days: int | None = None
    where: tuple[Condition, ...] = ()
    times: tuple[str, int] | None = None
    total: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """match: all, any or none of the nodes. A root without nodes is everybody."""

    match: str
    nodes: "tuple[Node, ...]"


Node = Leaf | EventLeaf | Group


def leaves(node: Node) -> Iterator[Leaf | EventLeaf]:
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
