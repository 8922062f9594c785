"""Moving: whoever is due at a step does it and goes on, all of a step at once, in one transaction.

A message step hands its people to the engine in the very transaction that moves them past it: a process killed at any
point has done both or neither, so nobody is lost and nobody is in a step twice.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max

from apps.campaigns.models import Automation, AutomationSend, AutomationStep
from apps.campaigns.services.automations import steps as kinds
from apps.campaigns.services.automations.entering import is_mine
from apps.campaigns.services.automations.faults import forget_fault, note_fault, stop_automation
from apps.campaigns.services.automations.policy import contents_of, origin_of, policy_of
from apps.core.problems import InvalidInput
from apps.core.sql import Compiled, compiled, execute, rows, statement
from apps.deliveries.services.personal import give_facts
from apps.deliveries.services.plan import plan_dispatch
from apps.deliveries.services.quiet_hours import sending_window
from apps.deliveries.services.stop import is_stopped
from apps.segments.rules import compile_rule

PICKED_AT_ONCE = 20_000


class _Impossible(Exception):
    """A step that cannot be done as it is; undoes the move and says why."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The step at which some people are due, and the one after it; None = entered, or the end."""

    automation: Automation
    steps: list[AutomationStep]
    position: int
    now: datetime

    def step(self, position: int) -> AutomationStep | None:
        return self.steps[position] if 0 <= position < len(self.steps) else None


def move_due(now: datetime, *, seconds: float = 4.0) -> int:
    """Move whoever is due, for at most about `seconds`; returns the moves. Idempotent, for beat."""
    ends_at, total = time.monotonic() + seconds, 0
    while time.monotonic() < ends_at:
        moved = 0
        for automation_id, position in rows("campaigns", "automation_due", {"now": now}):
            if time.monotonic() < ends_at:
                moved += _try_to_move(automation_id, position, now)
        if not moved:
            break
        total += moved
    return total


def move_step(*, automation_id: int, position: int, now: datetime) -> int:
    """Move up to PICKED_AT_ONCE people past one step (-1 = they have just entered); returns how many moved.

    What cannot be done (its rule asks about something that is gone) pauses the automation, with the reason.
    """
    try:
        with transaction.atomic():
            if not is_mine():
                return 0
            held = Automation.objects.select_for_update(of=("self",)).select_related("app")
            automation = held.filter(pk=automation_id, state="active").first()
            if automation is None:
                return 0
            moved = _do(_Place(automation, list(automation.steps.all()), position, now))
            if moved and automation.says_event:
                execute("campaigns", "automation_forget", {})
            return moved
    except _Impossible as error:
        stop_automation(automation_id=automation_id, reason=str(error), now=now)
        return 0


def _try_to_move(automation_id: int, position: int, now: datetime) -> int:
    """Whatever goes wrong with one automation, the others move; its own move was undone and is tried again later."""
    try:
        moved = move_step(automation_id=automation_id, position=position, now=now)
    except Exception as error:
        note_fault(automation_id=automation_id, position=position, error=error, now=now)
        return 0
    if moved:
        forget_fault(automation_id=automation_id, position=position)
    return moved


def _do(place: _Place) -> int:
    step = place.step(place.position)
    execute("campaigns", "automation_tables", {})
    if step is None or step.kind == kinds.WAIT:
        _pick(place)
        return _move(place, place.position + 1)
    if step.kind == kinds.CONDITION:
        return _judge(place, step)
    if step.kind == kinds.PUSH:
        return _message(place, step, _push)
    return _message(place, step, _outer)


def _pick(place: _Place, *, needs_zones: bool = False) -> int:
    needed = needs_zones or any(map(kinds.needs_zones, place.steps[place.position + 1 : place.position + 3]))
    values = {"automation_id": place.automation.pk, "position": place.position, "now": place.now}
    return execute("campaigns", "automation_pick", {**values, "most": PICKED_AT_ONCE, "needs_zones": needed})


def _move(place: _Place, to: int, *, matches: bool = True) -> int:
    """Past this step to `to`, where they are due as its step says; returns how many."""
    target = place.step(to)
    zones = _zones() if kinds.needs_zones(target) else []
    due = kinds.due_at(target, zones=zones, default_zone=place.automation.app.time_zone, now=place.now)
    values = {
        "automation_id": place.automation.pk,
        "position": place.position,
        "to_position": min(to, len(place.steps)),
        "is_end": target is None,
        "due_at": due.at,
        "zones": due.zones,
        "dues": due.dues,
        "matches": matches,
        "now": place.now,
    }
    return execute("campaigns", "automation_move", values)


def _zones() -> list[str]:
    return [zone for (zone,) in rows("campaigns", "automation_zones", {})]


def _judge(place: _Place, step: AutomationStep) -> int:
    """Who is meant goes on; who is not leaves, or skips the next step."""
    _pick(place)
    execute("campaigns", "automation_match", {}, matched=_matched(place, step))
    if step.settings.get("otherwise") == "skip":
        return _move(place, place.position + 1) + _move(place, place.position + 2, matches=False)
    left = execute("campaigns", "automation_leave", {"now": place.now})
    return left + _move(place, place.position + 1)


def _matched(place: _Place, step: AutomationStep) -> Compiled:
    if step.settings.get("ask") in kinds.OPENED:
        before = [one.position for one in place.steps[: step.position] if one.kind == kinds.PUSH]
        asked = {"automation_id": place.automation.pk, "message_position": before[-1] if before else -1}
        opened = statement("campaigns", "automation_opened")
        if step.settings["ask"] == "not_opened":
            opened = f"select picked.customer_id from automation_picked picked except ({opened})"
        return Compiled(opened, asked)
    with connection.cursor() as cursor:
        cursor.execute("select array_agg(picked.customer_id) from automation_picked picked")
        (people,) = cursor.fetchone()
    try:
        return compile_rule(step.settings.get("rule"), place.automation.app, place.now, among=people or [])
    except InvalidInput as error:
        reason = "; ".join(problem.message for problem in error.problems)
        raise _Impossible(f"step {step.position + 1}: {reason}") from error


def _message(place: _Place, step: AutomationStep, hand_over: Callable[[_Place, AutomationStep, int], None]) -> int:
    """Nobody while the emergency stop is on; later, whose quiet hours it is."""
    if is_stopped("automation"):
        return 0
    quiet = policy_of(place.automation).quiet_hours
    _pick(place, needs_zones=quiet is not None)
    if quiet:
        _postpone(place)
    moved = _move(place, place.position + 1)
    if moved:
        hand_over(place, step, moved)
    return moved


def _postpone(place: _Place) -> None:
    policy = policy_of(place.automation)
    opens = {
        zone: sending_window(
            quiet=policy.quiet_hours, zone=zone, default_zone=policy.default_time_zone, not_before=place.now
        ).opens_at
        for zone in _zones()
    }
    later = {zone: at for zone, at in opens.items() if at > place.now}
    if later:
        execute("campaigns", "automation_postpone", {"zones": list(later), "opens": list(later.values())})


def _push(place: _Place, step: AutomationStep, people: int) -> None:
    automation = place.automation
    number = (automation.sends.aggregate(last=Max("number"))["last"] or 0) + 1
    dispatch = plan_dispatch(
        app=automation.app,
        kind="automation",
        origin=origin_of(step),
        occurrence=str(number),
        name=f"{automation.name} · {step.position + 1}",
        audience=Compiled("select taken.customer_id from automation_taken taken"),
        contents=contents_of(step),
        policy=policy_of(automation, has_personal_facts=automation.says_event),
        now=place.now,
    )
    if dispatch.state != "sending":
        raise _Impossible(f"step {step.position + 1}: {dispatch.reason or dispatch.state}")
    if automation.says_event:
        give_facts(dispatch_id=dispatch.pk, people=compiled("campaigns", "automation_facts", {}))
    AutomationSend.objects.create(
        automation=automation,
        position=step.position,
        number=number,
        dispatch=dispatch,
        people_count=people,
        at=place.now,
    )


def _outer(place: _Place, step: AutomationStep, people: int) -> None:
    kind = kinds.outer_kind(step.kind)
    if kind is None:
        raise _Impossible(f"step {step.position + 1}: {step.kind}")
    with connection.cursor() as cursor:
        cursor.execute("select taken.customer_id from automation_taken taken order by 1")
        customer_ids = [customer_id for (customer_id,) in cursor.fetchall()]
    said = _said() if place.automation.says_event else {}
    kind.perform(step=step, customer_ids=customer_ids, said=said, now=place.now)


def _said() -> kinds.Said:
    """What brought each of the taken in."""
    return {customer_id: json.loads(facts) for customer_id, facts in rows("campaigns", "automation_facts", {})}
