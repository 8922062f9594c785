"""What floors above hang on a campaign (its booster rule): how each is checked, copied and reported with it.

The campaign knows no part by name. A part registers itself when its app starts, so calls still go down.
"""

from datetime import datetime
from typing import Any, Protocol

from apps.campaigns.models import Campaign
from apps.core.problems import FieldProblem


class Part(Protocol):
    """One such thing. defaults: of what it freezes; a value that is its default says nothing."""

    name: str
    defaults: dict[str, Any]

    def problems(self, *, campaign: Campaign, now: datetime) -> list[FieldProblem]:
        """What keeps the campaign from being launched; pointers begin at the campaign ("/boost_rule/text")."""
        ...

    def warnings(self, *, campaign: Campaign) -> list[FieldProblem]:
        """Advice about it; stops nothing."""
        ...

    def copy(self, *, source: Campaign, target: Campaign) -> None:
        """Give `target`, a fresh draft, what `source` has."""
        ...

    def frozen(self, *, campaign: Campaign) -> dict[str, Any]:
        """What it would do, as JSON; an approval is void once this differs."""
        ...

    def report(self, *, campaign: Campaign) -> dict[str, Any]:
        """Its figures, as JSON, shown in the campaign's report under `name`."""
        ...


_parts: list[Part] = []


def register_part(part: Part) -> None:
    """Called once a process, from AppConfig.ready."""
    if part not in _parts:
        _parts.append(part)


def parts() -> tuple[Part, ...]:
    return tuple(_parts)
