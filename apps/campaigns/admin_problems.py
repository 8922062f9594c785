"""Where a problem is shown: from the pointers of services and the errors of forms to a step and a field."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.campaigns.admin_draft import Draft, language_name
from apps.campaigns.admin_forms import BUTTONS, text_prefix
from apps.campaigns.admin_push_settings import PushSettingsForm
from apps.campaigns.experiments.standing import letter
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import readiness_problems, readiness_warnings
from apps.core.problems import FieldProblem

# The counters under the fields say it already, faster.
_COUNTED = frozenset({"title_truncated_ios", "title_truncated_android", "body_truncated"})
# Said beside the field only once the marketer has been to Review: nobody is told off for what is yet to be written.
_PATIENT = frozenset({"required", "audience_missing", "default_language_missing"})
# Fields that stand in the page only where there are variants to compare.
_OF_A_TEST = ("test_percent", "winner_by", "decides", "decide_after_hours", "fallback")
_OF_REPEATING = ("repeat_weekdays", "repeat_day", "repeat_until", "repeat_times", "api_facts")
_SLOTS = {
    "include_segments": ("audience", "include"),
    "exclude_segments": ("audience", "exclude"),
    "topic": ("audience", "topic"),
    "platforms": ("audience", "platforms"),
    "name": ("audience", "name"),
    "scheduled_at": ("delivery", "scheduled_at"),
    "throttle_per_second": ("delivery", "throttle_per_second"),
    "expire_after_minutes": ("delivery", "expire_value"),
    **{name: ("delivery", name) for name in _OF_REPEATING},
    "variants": ("message", "message"),
    **{name: ("message", name) for name in (*_OF_A_TEST, "holdout_percent", "goal_event")},
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One problem in its place. slot: the id of its field, "" = of no single field; is_advice: it stops nothing."""

    step: str
    slot: str
    label: str
    message: str
    code: str = ""
    is_advice: bool = False


def labels() -> dict[str, Any]:
    """What each field is called where it stands alone."""
    return {
        "name": _("Internal name"),
        "include": _("Send to"),
        "exclude": _("But not to"),
        "topic": _("What it is about"),
        "platforms": _("Platforms"),
        "devices": _("Devices"),
        "scheduled_at": _("Day and time"),
        "throttle_per_second": _("Pace"),
        "expire_value": _("Expires after"),
        "repeat_weekdays": _("On these days"),
        "repeat_day": _("Day of the month"),
        "repeat_until": _("It ends"),
        "repeat_times": _("It ends"),
        "api_facts": _("What it sends along"),
        "message": _("Message"),
        "title": _("Title"),
        "subtitle": _("Second line"),
        "body": _("Message"),
        "image_url": _("Image"),
        "link": _("Opens"),
        "test_percent": _("Part in the test"),
        "holdout_percent": _("Hold-out"),
        "winner_by": _("Winner"),
        "decides": _("Decision"),
        "decide_after_hours": _("Decision"),
        "fallback": _("If there is no difference"),
        "goal_event": _("Compared by"),
        "buttons": _("Buttons"),
        "data": _("Data for your app"),
        "link_tags": _("Tags of the links"),
        "counts_clicks": _("Clicks counted without the SDK"),
        **{name: field.label for name, field in PushSettingsForm.base_fields.items()},
    }


def place(problem: FieldProblem, draft: Draft, *, is_advice: bool = False) -> Shown:
    """The step and field that a service's pointer means."""
    step, slot, label = _place(problem.pointer.strip("/").split("/"), draft)
    message = _("Nothing is written here yet.") if problem.code == "required" and slot else capfirst(problem.message)
    return Shown(step, slot, label, message, problem.code, is_advice)


def in_words(problem: FieldProblem, language: str) -> str:
    """ "Title (French): ..." for a problem of one text, where no field stands beside it."""
    slot = f"text-{language}-{problem.pointer.strip('/').split('/')[0]}" if problem.pointer != "/devices" else ""
    label = _field_label(slot)
    message = _("Nothing is written here yet.") if problem.code == "required" and slot else capfirst(problem.message)
    return f"{label}: {message}" if label else message


def form_problems(draft: Draft) -> Iterator[Shown]:
    """What could not be stored as it was typed."""
    for step, form in draft.forms():
        for name, errors in form.errors.items():
            bound = form[name] if name in form.fields else None
            slot = bound.auto_id if bound else ""
            label = _field_label(slot) or _step_label(step, draft, str(bound.label) if bound else "")
            yield from (Shown(step, slot, label, str(error), "form") for error in errors)


def beside_fields(problems: Iterable[Shown], *, is_reviewed: bool) -> dict[str, list[Shown]]:
    """Problems by the field they stand under; what is merely not written yet waits for the first review."""
    found: dict[str, list[Shown]] = {}
    for problem in dict.fromkeys(problems):  # what holds for all languages is wrong once
        if problem.slot and problem.code not in _COUNTED and (is_reviewed or problem.code not in _PATIENT):
            found.setdefault(problem.slot, []).append(problem)
    return found


def standing(draft: Draft, campaign: Campaign, now: datetime, *, is_reviewed: bool) -> dict[str, Any]:
    """All problems and all advice for a template: beside fields, by tab, and as the list of Review.

    draft: what was typed; campaign: what is stored. Where something could not be stored as it was typed stands why, and
    nothing about what was stored there before.
    """
    typed = list(form_problems(draft))
    places = {problem.slot for problem in typed} - {""}
    stored = [place(problem, draft) for problem in readiness_problems(campaign, now)]
    stopping = [problem for problem in stored if problem.slot not in places]
    advice = [place(found, draft, is_advice=True) for found in readiness_warnings(campaign)]
    beside = beside_fields([*typed, *stopping, *advice], is_reviewed=is_reviewed)
    return {
        "draft": draft,
        "beside": beside,
        "slots": [(slot, beside.get(slot, [])) for slot in slots(draft)],
        "stopping": [*typed, *stopping],
        "typed_wrong": {problem.slot for problem in typed},
        "advice": advice,
        "wrong_steps": {found.step for found in [*typed, *stopping] if is_reviewed or found.code == "form"},
    }


def slots(draft: Draft) -> list[str]:
    """Every field that has a place for problems in the page."""
    names = ["message"]
    for _step, form in draft.forms():
        names += [form[name].auto_id for name, entry in form.fields.items() if not entry.widget.is_hidden]
    absent = {"timing", "pace", "expire_unit", "repeat_every", "repeat_ends"}
    if len(draft.variants) < 2:
        absent |= {"v0-share", *_OF_A_TEST}
    return [name for name in names if name not in absent]


def _place(parts: list[str], draft: Draft) -> tuple[str, str, str]:
    if parts[0] == "variants" and len(parts) > 3:
        return _text_place(int(parts[1]), parts[3], parts[4:], draft)
    for extra, form in draft.extras:
        if f"/{parts[0]}" == extra.pointer:
            slot, label = _extra_place(form, parts[1:])
            return extra.slug, slot, _step_label(extra.slug, draft, label)
    step, slot = _SLOTS.get(parts[0], ("review", ""))
    return step, slot, str(labels().get(slot, ""))


def _text_place(position: int, language: str, parts: list[str], draft: Draft) -> tuple[str, str, str]:
    """ "variants/0/texts/fr/title" and "variants/1/texts/fr/buttons/1/label"."""
    if parts and parts[0] in PushSettingsForm.base_fields:
        return "message", f"push-{parts[0]}", str(PushSettingsForm.base_fields[parts[0]].label)
    if parts and parts[0] == "data":
        key = "/".join(parts[1:]).replace("~1", "/").replace("~0", "~")
        return "message", draft.data.slot_of(key), f"{labels()['data']} ({key})" if key else labels()["data"]
    prefix = text_prefix(position, language)
    slot = f"{prefix}-{parts[0]}" if parts else "message"
    if len(parts) > 2 and parts[0] == "buttons" and parts[1].isdigit():
        slot = f"{prefix}-button{_button_place(prefix, int(parts[1]), draft)}_{parts[2].replace('id', 'label')}"
    label = _field_label(slot)
    if len(draft.variants) > 1:
        label = f"{letter(position)} · {label}" if label else letter(position)
    return "message", slot, label


def _extra_place(form: Any, parts: list[str]) -> tuple[str, str]:
    name = parts[0] if parts else ""
    bound = form[name] if name in form.fields else None
    return (bound.auto_id, str(bound.label)) if bound else ("", "")


def _step_label(slug: str, draft: Draft, label: str) -> str:
    """ "SMS Booster · Wait" for a field of a step that a floor above added; the label alone for the builder's own."""
    title = next((str(step.title) for step, _form in draft.extras if step.slug == slug), "")
    return " · ".join(word for word in (title, label) if word)


def _button_place(prefix: str, index: int, draft: Draft) -> int:
    """Stored buttons close up; the form's places do not."""
    for form in draft.texts:
        if form.prefix == prefix and form.is_bound:
            used = form.used_places()
            return used[index] if index < len(used) else index
    return min(index, BUTTONS - 1)


def _field_label(slot: str) -> str:
    """ "Title (French)" for text-fr-title and v1-text-fr-title; the plain label for others."""
    _variant, text, rest = slot.rpartition("text-")
    if not text:
        return str(labels().get(slot, ""))
    language, _dash, name = rest.rpartition("-")
    is_button = name.startswith("button")
    label = _("Button %s") % (int(name[6]) + 1) if is_button else str(labels().get(name, name))
    return f"{label} ({language_name(language)})"
