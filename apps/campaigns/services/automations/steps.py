"""The kinds of steps: what each one's settings are, and when somebody who comes to it is due.

wait       {"minutes": 60, "until": ""}        so long, and then until a time of their day ("18:00")
condition  {"ask": "rule", "rule": {...}, "otherwise": "leave"}   or "ask": "opened", "not_opened", of the push
           before; otherwise: who is not meant leaves, or "skip"s the next step
push       {"texts": {language: fields of PushContent}}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from apps.campaigns.models import Automation, AutomationStep
from apps.core.problems import FieldProblem

WAIT, CONDITION, PUSH = "wait", "condition", "push"
OPENED = ("opened", "not_opened")
MOST_STEPS = 20
# Waits from so long on end at a full minute, so that people who came one by one share a message's hand-over.
_ROUNDED_FROM_MINUTES = 10


type Said = Mapping[int, Mapping[str, Any]]
"""By customer: what a message may say to them alone, beside their profile."""


class OuterKind(Protocol):
    """A kind of message step that a floor above adds (the SMS booster's)."""

    kind: str

    def problems(self, *, automation: Automation, step: AutomationStep) -> list[FieldProblem]:
        """What keeps the automation from being activated; pointers begin at the step's settings ("/text")."""
        ...

    def texts(self, *, step: AutomationStep) -> Sequence[Mapping[str, Any]]:
        """What it says, as bodies of messages; they may speak of the event that brought people in."""
        ...

    def perform(self, *, step: AutomationStep, customer_ids: Sequence[int], said: Said, now: datetime) -> None:
        """Plan the step's message for these people, in the transaction that moves them on."""
        ...

    def numbers(self, *, step: AutomationStep) -> list[tuple[Any, int]]:
        """What became of its messages, for the funnel: (word shown, people)."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """When those who come to a step are due: at a moment, or by their zone (parallel lists)."""

    at: datetime
    zones: list[str] = field(default_factory=list)
    dues: list[datetime] = field(default_factory=list)


_outer: dict[str, OuterKind] = {}


def register_kind(kind: OuterKind) -> None:
    """Called once a process, from AppConfig.ready of the floor above."""
    _outer[kind.kind] = kind


def outer_kind(word: str) -> OuterKind | None:
    return _outer.get(word)


def known_kinds() -> list[str]:
    return [WAIT, CONDITION, PUSH, *_outer]


def is_message(step: AutomationStep) -> bool:
    return step.kind == PUSH or step.kind in _outer


def needs_zones(step: AutomationStep | None) -> bool:
    """Whether it depends on where somebody is when they are done with waiting for it."""
    return step is not None and step.kind == WAIT and bool(step.settings.get("until"))


def due_at(step: AutomationStep | None, *, zones: Sequence[str], default_zone: str, now: datetime) -> Due:
    """When somebody who comes to `step` now is to do it; None = the end."""
    if step is None or step.kind != WAIT:
        return Due(now)
    minutes = int(step.settings.get("minutes") or 0)
    end = now + timedelta(minutes=minutes)
    if minutes >= _ROUNDED_FROM_MINUTES:
        end = end.replace(second=0, microsecond=0) + timedelta(minutes=bool(end.second or end.microsecond))
    until = step.settings.get("until")
    if not until:
        return Due(end)
    at = time.fromisoformat(until)
    return Due(end, list(zones), [next_local(at, zone=zone or default_zone, not_before=end) for zone in zones])


def next_local(at: time, *, zone: str, not_before: datetime) -> datetime:
    """The next time it is `at` in that zone. A time that a clock change skips comes as much later; UTC if unknown."""
    place = _zone(zone)
    day = not_before.astimezone(place).date()
    times = (datetime.combine(day + timedelta(days=n), at, tzinfo=place).astimezone(UTC) for n in range(3))
    return next(moment for moment in times if moment >= not_before)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: names such as "Europe" are folders
        return ZoneInfo("UTC")
