"""Segments that ask about each other must not go round in a circle."""

from collections.abc import Iterable, Mapping
from typing import Any


def cycle_through(start: int, first: Iterable[int], rules: Mapping[int, Any]) -> list[int]:
    """The way from segment `start`, whose rule asks about `first`, back to itself; [] = there is none.

    rules: segment id -> its stored rule (JSON).
    """
    trail: dict[int, int] = {}
    waiting = [(target, start) for target in first]
    while waiting:
        segment_id, came_from = waiting.pop()
        if segment_id in trail:
            continue
        trail[segment_id] = came_from
        if segment_id == start:
            return _way_back(start, trail)
        waiting += [(target, segment_id) for target in segments_named(rules.get(segment_id))]
    return []


def segments_named(rule: Any) -> set[int]:
    """The segment ids in a stored rule, which may be older than today's catalogue and so is not read in full."""
    if not isinstance(rule, Mapping):
        return set()
    children = rule.get("rules")
    if isinstance(children, list):
        return {found for child in children for found in segments_named(child)}
    value = rule.get("value")
    return {value} if rule.get("field") == "segment" and isinstance(value, int) else set()


def _way_back(start: int, trail: Mapping[int, int]) -> list[int]:
    way, here = [start], trail[start]
    while here != start:
        way.append(here)
        here = trail[here]
    return [*way, start][::-1]
