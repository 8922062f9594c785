"""Checks: the proof that nobody was lost and nobody counted twice."""

from dataclasses import dataclass
from typing import Any

from apps.core.sql import rows
from apps.deliveries.queries import SMALL_DISPATCH


@dataclass(frozen=True, slots=True)
class Difference:
    """A promise that a dispatch does not keep."""

    dispatch_id: int
    promise: str
    expected: int
    found: int

    def __str__(self) -> str:
        return f"dispatch {self.dispatch_id}: {self.promise}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a dispatch's devices stand, by check_ledger.sql."""

    dispatch_id: int
    state: str
    planned_devices: int
    planned_people: int
    in_ledger: int
    people_in_ledger: int
    in_plan: int
    in_retry: int
    counted: int
    repeated: int

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed")


def check_ledger(dispatch_id: int | None = None) -> list[Difference]:
    """Every difference of one dispatch or all; empty = the ledger adds up, also while dispatches are sending."""
    found = rows("deliveries", "check_ledger", {"dispatch_id": dispatch_id})
    return [difference for row in found for difference in _differences(_standing(*row))]


def _differences(one: _Standing) -> list[Difference]:
    promises = [
        ("planned = plan + retry + ledger", one.planned_devices, one.in_plan + one.in_retry + one.in_ledger),
        ("each device stands in the ledger once", 0, one.repeated),
    ]
    if one.is_over:
        promises.append(("nothing waits in a dispatch that is over", 0, one.in_plan + one.in_retry))
        promises.append(("planned people = people in the ledger", one.planned_people, one.people_in_ledger))
    if one.planned_devices >= SMALL_DISPATCH:
        promises.append(("counts = ledger", one.in_ledger, one.counted))
    return [
        Difference(one.dispatch_id, promise, expected, found)
        for promise, expected, found in promises
        if expected != found
    ]


def _standing(dispatch_id: int, state: str, *numbers: Any) -> _Standing:
    """sum() comes as Decimal."""
    return _Standing(dispatch_id, state, *map(int, numbers))
