"""What other floors keep about a person, so that erasing and disclosing forget nothing.

Devices, deliveries and the rest stand above this app and may not be called from here; each registers its part when
Django starts (its apps.py), and this app knows only the shape.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

Rows = list[dict[str, Any]]
# (the row that was merged, the person it is part of now); no person stands in it twice.
Pairs = Sequence[tuple[int, int]]


class Belongings(Protocol):
    """One floor's part. key: the member under which it is disclosed."""

    @property
    def key(self) -> str: ...

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """Empty or delete what names or could reach the person; keep what totals need. In the caller's transaction."""
        ...

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """Hand over what is kept about rows that became part of other people. Idempotent."""
        ...

    def disclose(self, *, customer_id: int) -> Rows:
        """All that is kept, as JSON values."""
        ...


_registered: dict[str, Belongings] = {}


def register(belongings: Belongings) -> None:
    """Called once by each floor at start; the same key again replaces."""
    _registered[belongings.key] = belongings


def all_belongings() -> list[Belongings]:
    """In the order of registration: from the floor next above upwards."""
    return list(_registered.values())
