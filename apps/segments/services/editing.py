"""Editing: segments made, changed and deleted by people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.text import clean_text
from apps.deliveries.services.wake import Wish, ask_for
from apps.segments.models import Segment
from apps.segments.queries import User, users_of
from apps.segments.rules import validate_rule
from apps.segments.services.refresh import mark_due

PAUSES = (5, 15, 60, 360, 1_440)


@dataclass(frozen=True, slots=True)
class SegmentDraft:
    """What a person typed. rule is None for a static list."""

    name: str
    description: str = ""
    rule: Any = None
    refresh_every_minutes: int = 15


@dataclass(slots=True)
class _Clean:
    name: str | None = None
    description: str | None = None
    problems: list[FieldProblem] = field(default_factory=list)


def create_segment(*, app: App, draft: SegmentDraft, now: datetime) -> Segment:
    """A new segment; one with a rule is computed at once. Raises InvalidInput (name_taken, those of a rule ...)."""
    clean = _checked(app, draft, None)
    kind = "static" if draft.rule is None else "dynamic"
    with transaction.atomic():
        segment = Segment.objects.create(
            app=app,
            name=clean.name or "",
            description=clean.description or "",
            kind=kind,
            rule=draft.rule or {},
            state="fresh" if kind == "static" else "due",
            refreshed_at=now if kind == "static" else None,
            refresh_every_minutes=draft.refresh_every_minutes,
        )
        _wake(segment)
    return segment


def change_segment(*, segment: Segment, draft: SegmentDraft) -> Segment:
    """Change name, description, pause and, for a dynamic one, the rule. Raises InvalidInput.

    State, members and counts are left to refresh: only a changed rule makes the segment due.
    """
    clean = _checked(segment.app, draft, segment)
    is_new_rule = segment.kind == "dynamic" and draft.rule != segment.rule
    segment.name, segment.description = clean.name or "", clean.description or ""
    segment.refresh_every_minutes = draft.refresh_every_minutes
    if is_new_rule:
        segment.rule = draft.rule
    with transaction.atomic():
        segment.save(update_fields=["name", "description", "refresh_every_minutes", "rule"])
        if is_new_rule:
            mark_due(segment_id=segment.pk)
            _wake(segment)
    segment.refresh_from_db()
    return segment


def delete_segment(*, segment: Segment) -> None:
    """Raises Conflict("in_use") with the names of what uses it: a campaign would quietly lose its audience."""
    users = users_of(segment)
    if users:
        raise Conflict("in_use", in_use_words(segment, users))
    segment.delete()


def in_use_words(segment: Segment, users: Sequence[User]) -> str:
    """Why it cannot be deleted, with the names of what uses it."""
    words = {"name": segment.name, "users": ", ".join(str(user.name) for user in users)}
    return _("“%(name)s” cannot be deleted: it is used by %(users)s") % words


def _checked(app: App, draft: SegmentDraft, segment: Segment | None) -> _Clean:
    clean = _Clean()
    problems = clean.problems
    clean.name = clean_text(draft.name, pointer="/name", limit=120, problems=problems, is_required=True)
    clean.description = clean_text(draft.description, pointer="/description", limit=300, problems=problems)
    twins = Segment.objects.filter(app=app, name=clean.name or "").exclude(pk=segment.pk if segment else 0)
    if clean.name and twins.exists():
        problems.append(FieldProblem("/name", "name_taken", _("another segment has this name"), clean.name))
    if draft.refresh_every_minutes not in PAUSES:
        message = _("must be one of: %(words)s") % {"words": ", ".join(map(str, PAUSES))}
        problems.append(FieldProblem("/refresh_every_minutes", "choice", message, str(draft.refresh_every_minutes)))
    if segment is None or segment.kind == "dynamic":
        problems += _rule_problems(app, draft.rule, segment)
    if problems:
        raise InvalidInput(problems)
    return clean


def _rule_problems(app: App, rule: Any, segment: Segment | None) -> list[FieldProblem]:
    """With pointers that begin at the draft: /rule/rules/0/value."""
    if rule is None and segment is None:
        return []
    try:
        validate_rule(rule, app, segment_id=segment.pk if segment else None)
    except InvalidInput as refusal:
        return [FieldProblem(f"/rule{one.pointer}", one.code, one.message, one.came) for one in refusal.problems]
    return []


def _wake(segment: Segment) -> None:
    """Compute it now rather than at the next tick; a broker that is away only costs the tick."""
    if segment.kind == "dynamic":
        transaction.on_commit(lambda: ask_for(Wish("segments.refresh", (segment.pk,), "bulk", expires_seconds=30)))
