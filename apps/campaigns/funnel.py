"""The funnel of an automation: who came to each step, who waits there, who left it, and what became of its messages."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q

from apps.campaigns.models import Automation, AutomationFault, AutomationRun, AutomationStep
from apps.campaigns.services.automations.steps import outer_kind
from apps.core.sql import rows
from apps.deliveries.models import Dispatch

# Messages older than this are counted in the delivery log, not on every look at the page.
MESSAGES_OF = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class MessageNumbers:
    """Of one push step, in people, each once a time they came to it."""

    sent: int = 0
    left_out: int = 0
    displayed: int = 0
    opened: int = 0
    clicked: int = 0


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """reached: who ever came to it; waiting: who stands there now; left: who went out from here, by reason."""

    step: AutomationStep
    reached: int
    waiting: int
    left: dict[str, int]
    message: MessageNumbers | None
    others: list[tuple[Any, int]]


@dataclass(frozen=True, slots=True)
class Funnel:
    """entered = inside + done + left; left_by: by reason, before whichever step."""

    entered: int
    inside: int
    done: int
    left_by: dict[str, int]
    goals: int
    steps: list[StepNumbers]

    @property
    def left(self) -> int:
        return sum(self.left_by.values())

    def as_json(self) -> dict[str, Any]:
        whole = {"entered": self.entered, "inside": self.inside, "done": self.done, "goal": self.goals}
        return {**whole, "left": self.left_by, "steps": [_step_json(one) for one in self.steps]}


def funnel(automation: Automation, now: datetime) -> Funnel:
    """The numbers of this moment. Cost: one pass over its runs, one over the ledger rows of its last 90 days."""
    steps = list(automation.steps.all())
    found = rows("campaigns", "automation_funnel", {"automation_id": automation.pk})
    since = {"automation_id": automation.pk, "since": now - MESSAGES_OF}
    messages = {place: MessageNumbers(*counts) for place, *counts in rows("campaigns", "automation_messages", since)}
    states, left_by = Counter[str](), Counter[str]()
    for _place, state, reason, count, _goals in found:
        states[state] += count
        left_by[reason] += count if state == "left" else 0
    return Funnel(
        entered=states.total(),
        inside=states["inside"],
        done=states["done"],
        left_by={reason: count for reason, count in left_by.most_common() if count},
        goals=sum(goals for *_rest, goals in found),
        steps=[_step(step, found, messages) for step in steps],
    )


def _step(step: AutomationStep, found: Iterable[Any], messages: dict[int, MessageNumbers]) -> StepNumbers:
    at = [(state, reason, count) for place, state, reason, count, _goals in found if place == step.position]
    kind = outer_kind(step.kind)
    return StepNumbers(
        step=step,
        reached=sum(count for place, _state, _reason, count, _goals in found if place >= step.position),
        waiting=sum(count for state, _reason, count in at if state == "inside"),
        left={reason: count for state, reason, count in at if state == "left"},
        message=messages.get(step.position, MessageNumbers()) if step.kind == "push" else None,
        others=kind.numbers(step=step) if kind else [],
    )


def _step_json(one: StepNumbers) -> dict[str, Any]:
    own = asdict(one.message) if one.message else {}
    return {"kind": one.step.kind, "reached": one.reached, "waiting": one.waiting, "left": one.left, **own}


def attach_counts(automations: Iterable[Automation]) -> None:
    """Gives each its entered, inside and goals: one query for all."""
    listed = list(automations)
    runs = AutomationRun.objects.filter(automation__in=listed).values("automation").order_by()
    counted = runs.annotate(
        entered=Count("pk"), inside=Count("pk", filter=Q(state="inside")), goals=Count("goal_at")
    ).values_list("automation", "entered", "inside", "goals")
    by_id = {pk: numbers for pk, *numbers in counted}
    for one in listed:
        one.counts = dict(zip(("entered", "inside", "goals"), by_id.get(one.pk, [0, 0, 0]), strict=True))  # type: ignore[attr-defined]


def waiting_at(automation: Automation, position: int, *, most: int = 20) -> list[AutomationRun]:
    """Who stands at a step now, soonest due first."""
    here = AutomationRun.objects.filter(automation=automation, position=position, state="inside")
    return list(here.select_related("customer").order_by("due_at", "pk")[:most])


def overdue_since(automation: Automation, now: datetime) -> tuple[int, datetime | None]:
    """How many people resuming would move on at once, and since when the first of them should have gone."""
    due = AutomationRun.objects.filter(automation=automation, state="inside", due_at__lte=now)
    found = due.aggregate(people=Count("pk"), since=Min("due_at"))
    return found["people"], found["since"]


def stopped_sends(automation: Automation, *, most: int = 3) -> list[Dispatch]:
    """Messages that stopped by themselves while the automation goes on: the guard saw too many errors."""
    if automation.state != "active":
        return []
    sends = automation.sends.values("dispatch")
    return list(Dispatch.objects.filter(pk__in=sends, finished_at=None, state="paused").order_by("-pk")[:most])


def standing_faults(automation: Automation) -> list[AutomationFault]:
    """Steps that fail at the moment and are tried again, where somebody still waits for it."""
    if automation.state != "active":
        return []
    waiting = AutomationRun.objects.filter(automation=automation, state="inside").values("position")
    return list(automation.faults.filter(position__in=waiting).order_by("position"))


def stopped_automations(app_ids: Collection[int]) -> list[Automation]:
    """Those that an error stopped and nobody has looked after yet, the latest first."""
    stopped = Automation.objects.filter(app__in=app_ids, state="paused").exclude(stopped_at=None)
    return list(stopped.order_by("-stopped_at"))
