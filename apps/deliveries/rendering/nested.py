"""Facts that have parts, such as the event that started something: which of their parts a body asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.path import Path
from liquid.exceptions import LiquidError

from apps.deliveries.rendering.body import TEXT_FIELDS
from apps.deliveries.rendering.language import expressions, filters_of, is_literal, parse


@dataclass(frozen=True, slots=True)
class PartUse:
    """One use of a part, as in {{ event.product }}. part "": the whole, or what is no plain name. pointer: of the text.

    is_bare: printed without a fallback of its own.
    """

    pointer: str
    part: str
    is_bare: bool


def part_uses(body: Mapping[str, Any], root: str) -> list[PartUse]:
    """Every use of `root` in a body's texts; texts that are no Liquid have none (see `analyse`)."""
    return [
        use
        for pointer, source in _texts(body)
        if isinstance(source, str) and not is_literal(source)
        for use in _uses(source, pointer, root)
    ]


def _texts(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in TEXT_FIELDS:
        yield f"/{name}", body.get(name)
    for key, text in (body.get("data") or {}).items():
        yield f"/data/{key}", text
    for place, button in enumerate(body.get("buttons") or []):
        for name in ("label", "link"):
            yield f"/buttons/{place}/{name}", button.get(name)


def _uses(source: str, pointer: str, root: str) -> Iterator[PartUse]:
    try:
        template = parse(source)
    except LiquidError:
        return
    found = list(expressions(template))
    printed = {id(one.left) for one in found if isinstance(one, FilteredExpression) and _is_bare(one)}
    for one in found:
        if isinstance(one, Path) and one.path[0] == root:
            part = one.path[1] if len(one.path) == 2 else ""
            yield PartUse(pointer, part if isinstance(part, str) else "", id(one) in printed)


def _is_bare(expression: FilteredExpression) -> bool:
    return not any(used.name == "default" for used in filters_of(expression))
