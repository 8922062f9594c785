"""What a person does with an automation: begin, save, activate, pause, resume, end, duplicate. Every step is audited.

Each is a compare-and-set under the row's lock, which the mover holds too: what is paused or ended stops at the commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Automation, AutomationRun, AutomationStep, Campaign
from apps.campaigns.services.automations.event_words import says_event
from apps.campaigns.services.automations.readiness import automation_problems
from apps.campaigns.services.lifecycle import StaleVersion
from apps.campaigns.states import AUTOMATION_STATES, RUN_STATES
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition, repeatable
from apps.customers.services.watching import watch_events
from apps.deliveries.models import Dispatch
from apps.deliveries.services import lifecycle as dispatches

Actor = User | str
# Not copied, nor set by an editor.
_OWN = {"id", "app", "state", "version", "checked_at", "created_by", "saved_by", "created_at", "updated_at"}
_OWN |= {"activated_at", "ended_at", "paused_reason", "stopped_at", "says_event"}


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step as an editor has it."""

    kind: str
    settings: Mapping[str, Any]


def create_automation(
    *, app: App, name: str, author: User | None, now: datetime, steps: Sequence[StepDraft] = (), **fields: Any
) -> Automation:
    """A new draft, empty or from a starter."""
    with transaction.atomic():
        automation = Automation.objects.create(
            app=app, name=name, created_by=author, saved_by=author, created_at=now, updated_at=now, **fields
        )
        _store_steps(automation, steps)
    return automation


def automate_campaign(*, campaign: Campaign, author: User, now: datetime) -> Automation:
    """A draft of one step: the campaign's first message, under the campaign's own settings. Audited."""
    first = campaign.variants.order_by("position").first()
    same = ("topic", "holdout_percent", "goal_event", "respects_quiet_hours", "respects_cap", "expire_after_minutes")
    with transaction.atomic():
        automation = create_automation(
            app=campaign.app,
            name=campaign.name,
            author=author,
            now=now,
            steps=[StepDraft("push", {"texts": first.texts if first else {}})],
            **{name: getattr(campaign, name) for name in same},
        )
        _note(automation, author, "added", now, campaign=campaign.pk)
    return automation


def save_automation(
    *,
    automation: Automation,
    version: int,
    fields: Mapping[str, Any],
    steps: Sequence[StepDraft],
    author: User | None,
    now: datetime,
) -> int:
    """Store a draft if the row still has `version`; returns the version now in force, the same where nothing differs.

    Raises StaleVersion, Conflict (`not_a_draft`).
    """
    with transaction.atomic():
        fresh = _locked(automation)
        if fresh.state != "draft":
            raise Conflict("not_a_draft", _("only a draft can be edited: make a copy to change it"))
        if fresh.version != version:
            raise StaleVersion(wanted=version, current=fresh.version)
        before = [StepDraft(step.kind, step.settings) for step in fresh.steps.all()]
        changed = {name: value for name, value in fields.items() if getattr(fresh, name) != value}
        if not changed and before == list(steps):
            return version
        for name, value in changed.items():
            setattr(fresh, name, value)
        fresh.version, fresh.saved_by, fresh.updated_at = version + 1, author, now
        fresh.save()
        if before != list(steps):
            _store_steps(fresh, steps)
    return version + 1


def activate(*, automation: Automation, version: int, actor: Actor, now: datetime) -> Automation:
    """draft -> active, frozen as of `version`: from the commit on people enter.

    Raises StaleVersion, InvalidTransition, InvalidInput (every problem), Conflict (`approval_required`): in an app
    where campaigns need a second person's yes, somebody else than who wrote it last activates it.
    """
    with transaction.atomic():
        fresh = _locked(automation)
        if fresh.state != "draft":
            raise InvalidTransition(AUTOMATION_STATES, fresh.state, "active")
        if fresh.version != version:
            raise StaleVersion(wanted=version, current=fresh.version)
        if problems := automation_problems(fresh):
            raise InvalidInput(problems)
        if not may_start(fresh, actor):
            raise Conflict("approval_required", _("a colleague who did not write it last has to start it"))
        _move(fresh, "active", activated_at=now, paused_reason="", says_event=says_event(fresh))
        _watch(fresh.app)
        _note(fresh, actor, "activated", now, version=version)
    return fresh


def pause(*, automation: Automation, actor: Actor, now: datetime) -> Automation:
    """Nobody enters or moves on, what is on its way stops within 2 s; who meets an exit event still leaves."""
    with transaction.atomic():
        fresh = _locked(automation)
        if fresh.state != "active":
            raise InvalidTransition(AUTOMATION_STATES, fresh.state, "paused")
        reason = _("paused by %(name)s") % {"name": actor}
        _move(fresh, "paused", paused_reason=reason[:300])
        for dispatch_id in _under_way(fresh, "sending"):
            repeatable(dispatches.pause)(dispatch_id=dispatch_id, reason=reason, now=now)  # or by its guard, just now
        _note(fresh, actor, "paused", now)
    return fresh


def resume(*, automation: Automation, actor: Actor, now: datetime) -> Automation:
    """Go on: who became due meanwhile is due at once; what people did meanwhile does not bring them in."""
    with transaction.atomic():
        fresh = _locked(automation)
        if fresh.state != "paused":
            raise InvalidTransition(AUTOMATION_STATES, fresh.state, "active")
        if problems := automation_problems(fresh):
            raise InvalidInput(problems)
        since = {"checked_at": now} if fresh.checked_at else {}
        _move(fresh, "active", paused_reason="", stopped_at=None, **since)
        fresh.faults.all().delete()
        for dispatch_id in _under_way(fresh, "paused"):
            dispatches.resume(dispatch_id=dispatch_id, now=now)
        _note(fresh, actor, "resumed", now)
    return fresh


def end(*, automation: Automation, actor: Actor, now: datetime) -> Automation:
    """Over for good: whoever is inside leaves, what is on its way is cancelled."""
    with transaction.atomic():
        fresh = _locked(automation)
        _move(fresh, "ended", ended_at=now)
        inside = AutomationRun.objects.filter(automation=fresh)
        left = RUN_STATES.move(inside, "left", ended_at=now, reason="ended", facts=None)
        for dispatch_id in _under_way(fresh, "sending", "paused"):
            dispatches.cancel(dispatch_id=dispatch_id, now=now)
        _watch(fresh.app)
        _note(fresh, actor, "ended", now, left=left)
    return fresh


def duplicate(*, automation: Automation, actor: Actor, now: datetime) -> Automation:
    """A new draft with the same steps; the way to change one that is active."""
    source = Automation.objects.get(pk=automation.pk)
    kept = {field.name for field in Automation._meta.concrete_fields} - _OWN - {"name"}
    author = actor if isinstance(actor, User) else None
    with transaction.atomic():
        copy = Automation.objects.create(
            app=source.app,
            name=(_("Copy of %(name)s") % {"name": source.name})[:150],
            created_by=author,
            saved_by=author,
            created_at=now,
            updated_at=now,
            **{name: getattr(source, name) for name in kept},
        )
        _store_steps(copy, [StepDraft(step.kind, step.settings) for step in source.steps.all()])
        _note(copy, actor, "duplicated", now, source=source.pk)
    return copy


def may_start(automation: Automation, actor: Actor) -> bool:
    """Anybody with the right to, but where the app asks for four eyes: there a person who did not write it last.

    A key is nobody's second pair of eyes.
    """
    is_somebody_else = isinstance(actor, User) and automation.saved_by_id != actor.pk
    return automation.app.approve_above is None or is_somebody_else


def _store_steps(automation: Automation, steps: Sequence[StepDraft]) -> None:
    automation.steps.all().delete()
    AutomationStep.objects.bulk_create(
        AutomationStep(automation=automation, position=position, kind=one.kind, settings=dict(one.settings))
        for position, one in enumerate(steps)
    )


def _watch(app: App) -> None:
    """What the app's running automations wait for, no more and no less."""
    App.objects.select_for_update().get(pk=app.pk)
    running = Automation.objects.filter(app=app, state__in=["active", "paused"])
    names: set[str] = set()
    for one in running:
        own = [one.trigger_event if one.trigger == "event" else "", one.goal_event, *one.exit_events]
        names |= {name for name in own if name}
    watch_events(app=app, names=names)


def _under_way(automation: Automation, *states: str) -> list[int]:
    rows = Dispatch.objects.filter(finished_at=None, state__in=states, pk__in=automation.sends.values("dispatch"))
    return list(rows.values_list("pk", flat=True))


def _locked(automation: Automation) -> Automation:
    """The row as it is now, held until the transaction ends."""
    held = Automation.objects.select_for_update(of=("self",)).select_related("app", "trigger_segment")
    return held.get(pk=automation.pk)


def _move(automation: Automation, to: str, **changes: Any) -> None:
    AUTOMATION_STATES.require(Automation.objects.filter(pk=automation.pk), to, **changes)
    automation.refresh_from_db()


def _note(automation: Automation, actor: Actor, verb: str, now: datetime, **details: Any) -> None:
    write_audit(
        app=automation.app,
        actor=actor,
        action=f"automation.{verb}",
        subject=f"automation:{automation.pk}",
        details=details,
        now=now,
    )
