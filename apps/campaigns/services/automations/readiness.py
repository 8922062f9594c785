"""What still keeps an automation from being activated: every problem at once, beside the field it belongs to.

Pointers: "/trigger_event", "/goal_event" and so on; "/steps/<position>/..." for a step. Words are those of campaigns.
"""

from collections.abc import Iterator
from datetime import time
from typing import Any

from django.utils.translation import gettext as _

from apps.campaigns.models import Automation, AutomationStep, Campaign, Variant
from apps.campaigns.services.automations import steps as kinds
from apps.campaigns.services.automations.event_words import event_problems, message_names
from apps.campaigns.services.reach import channel_problems
from apps.campaigns.services.readiness import language_problems
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.text import clean_text
from apps.customers.models import Topic
from apps.deliveries.rendering import analyse, display_warnings
from apps.deliveries.rendering.field_rules import MOST_TTL_SECONDS
from apps.segments.rules import validate_rule

MOST_WAIT_MINUTES = 365 * 24 * 60
MOST_EXIT_EVENTS = 20
MOST_DAYS = 3650


def automation_problems(automation: Automation) -> list[FieldProblem]:
    """Every problem; empty = it may be activated."""
    steps = list(automation.steps.all())
    found = [*_world(automation), *_trigger(automation), *_ways_out(automation), *_numbers(automation)]
    if not any(map(kinds.is_message, steps)):
        found.append(FieldProblem("/steps", "required", _("add at least one message: nobody would get anything")))
    elif any(step.kind == kinds.PUSH for step in steps):
        found += channel_problems(Campaign(app=automation.app))
    if len(steps) > kinds.MOST_STEPS:
        message = _("has %(count)d steps; at most %(limit)d are possible")
        found.append(FieldProblem("/steps", "too_many", message % {"count": len(steps), "limit": kinds.MOST_STEPS}))
    for step in steps:
        found += step_problems(automation, step, steps)
    return found


def step_problems(automation: Automation, step: AutomationStep, steps: list[AutomationStep]) -> list[FieldProblem]:
    """The problems of one step, with pointers from the automation's root."""
    here = f"/steps/{step.position}"
    own = {kinds.WAIT: _wait, kinds.CONDITION: _condition, kinds.PUSH: _push}
    if step.kind in own:
        found = list(own[step.kind](automation, step, steps))
    elif kind := kinds.outer_kind(step.kind):
        found = kind.problems(automation=automation, step=step)
    else:
        found = [FieldProblem("", "choice", _("there is no such kind of step"), step.kind)]
    return [FieldProblem(here + one.pointer, one.code, one.message, one.came) for one in found]


def step_warnings(automation: Automation) -> list[FieldProblem]:
    """Advice about how the texts will be shown; nothing here stops an activation."""
    return [
        FieldProblem(f"/steps/{step.position}/texts/{language}{found.pointer}", found.code, found.message, found.came)
        for step in automation.steps.all()
        if step.kind == kinds.PUSH
        for language, body in sorted(step.settings.get("texts", {}).items())
        for found in display_warnings(body)
    ]


def carrier(automation: Automation, step: AutomationStep) -> Variant:
    """The step's message as a campaign's would stand, for what judges and previews messages. Never saved."""
    return Variant(campaign=Campaign(app=automation.app, name=automation.name), texts=step.settings.get("texts", {}))


def _world(automation: Automation) -> Iterator[FieldProblem]:
    if not automation.app.is_active:
        message = _("the app %(app)s is switched off") % {"app": automation.app.name}
        yield FieldProblem("", "app_inactive", message)
    topic = automation.topic
    if topic and not Topic.objects.filter(app=automation.app_id, key=topic).exists():
        message = _("there is no such topic any more; choose another or none")
        yield FieldProblem("/topic", "unknown_topic", message, topic)


def _trigger(automation: Automation) -> Iterator[FieldProblem]:
    if automation.trigger == "event":
        if not automation.trigger_event:
            yield FieldProblem("/trigger_event", "required", _("say what people do to enter"))
        return
    segment = automation.trigger_segment
    if segment is None:
        yield FieldProblem("/trigger_segment", "required", _("choose the segment that people join"))
    elif segment.app_id != automation.app_id:
        message = _("there is no such segment in this app")
        yield FieldProblem("/trigger_segment", "unknown_segment", message, str(segment.pk))
    elif segment.state == "broken":
        message = _("“%(segment)s” cannot be computed: %(reason)s")
        message %= {"segment": segment.name, "reason": segment.broken_reason}
        yield FieldProblem("/trigger_segment", "segment_broken", message)


def _ways_out(automation: Automation) -> Iterator[FieldProblem]:
    events = automation.exit_events
    if automation.trigger == "event" and automation.trigger_event in events:
        message = _("is also what people do to enter: they would leave at once")
        yield FieldProblem("/exit_events", "choice", message, automation.trigger_event)
    if len(events) > MOST_EXIT_EVENTS:
        message = _("are %(count)d; at most %(limit)d are possible")
        yield FieldProblem("/exit_events", "too_many", message % {"count": len(events), "limit": MOST_EXIT_EVENTS})
    problems: list[FieldProblem] = []
    for name in [*events, automation.goal_event, automation.trigger_event]:
        clean_text(name, pointer="/exit_events", limit=100, problems=problems)
    yield from problems


def _numbers(automation: Automation) -> Iterator[FieldProblem]:
    ranges = {
        "reentry_days": (automation.reentry_days, 1, MOST_DAYS),
        "goal_days": (automation.goal_days, 1, MOST_DAYS),
        "holdout_percent": (automation.holdout_percent, 0, 90),
        "expire_after_minutes": (automation.expire_after_minutes, 1, MOST_TTL_SECONDS // 60),
    }
    for name, (value, least, most) in ranges.items():
        if not least <= value <= most:
            yield FieldProblem(f"/{name}", "range", _between(least, most), str(value))


def _between(least: int, most: int) -> str:
    return _("must be from %(least)s to %(most)s") % {"least": least, "most": most}


def _wait(automation: Automation, step: AutomationStep, steps: list[AutomationStep]) -> Iterator[FieldProblem]:
    minutes, until = step.settings.get("minutes", 0), step.settings.get("until", "")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 <= minutes <= MOST_WAIT_MINUTES:
        yield FieldProblem("/minutes", "range", _("must be at most a year"), str(minutes))
    elif not minutes and not until:
        yield FieldProblem("/minutes", "required", _("say how long, or until when"))
    if until and not _is_time(until):
        yield FieldProblem("/until", "choice", _("must be a time such as 18:00"), str(until))


def _is_time(word: Any) -> bool:
    try:
        return bool(time.fromisoformat(str(word)).tzinfo is None)
    except ValueError:
        return False


def _condition(automation: Automation, step: AutomationStep, steps: list[AutomationStep]) -> Iterator[FieldProblem]:
    settings = step.settings
    if settings.get("otherwise", "leave") not in ("leave", "skip"):
        yield FieldProblem("/otherwise", "choice", _("must be leave or skip"), str(settings.get("otherwise")))
    if settings.get("ask") in kinds.OPENED:
        if not any(one.kind == kinds.PUSH for one in steps[: step.position]):
            yield FieldProblem("/ask", "choice", _("there is no push before it that people could open"))
        return
    rule = settings.get("rule")
    if not isinstance(rule, dict) or not rule.get("rules"):
        yield FieldProblem("/rule", "required", _("say who goes on"))
        return
    try:
        validate_rule(rule, automation.app)
    except InvalidInput as error:
        for found in error.problems:
            yield FieldProblem(f"/rule{found.pointer}", found.code, found.message, found.came)


def _push(automation: Automation, step: AutomationStep, steps: list[AutomationStep]) -> Iterator[FieldProblem]:
    variant, app = carrier(automation, step), automation.app
    names = message_names(automation)
    if app.default_language not in variant.texts:
        message = _("the message must exist in the app's default language (%(language)s)")
        pointer = f"/texts/{app.default_language}"
        yield FieldProblem(pointer, "default_language_missing", message % {"language": app.default_language})
    for language, body in sorted(variant.texts.items()):
        pointer = f"/texts/{language}"
        yield from language_problems(language, pointer)
        for found in analyse(body, names, link_schemes=app.link_schemes):
            yield FieldProblem(pointer + found.pointer, found.code, found.message, found.came)
        yield from event_problems(automation, body, pointer)
