"""Where a problem is shown: from the pointers of services and the errors of forms to a step and a field."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.campaigns.admin_draft import Draft, language_name
from apps.campaigns.admin_forms import BUTTONS
from apps.campaigns.models import Campaign
from apps.campaigns.services.readiness import readiness_problems, readiness_warnings
from apps.core.problems import FieldProblem

# The counters under the fields say it already, faster.
_COUNTED = frozenset({"title_truncated_ios", "title_truncated_android", "body_truncated"})
# Said beside the field only once the marketer has been to Review: nobody is told off for what is yet to be written.
_PATIENT = frozenset({"required", "audience_missing", "default_language_missing"})
_SLOTS = {
    "include_segments": ("audience", "include"),
    "exclude_segments": ("audience", "exclude"),
    "topic": ("audience", "topic"),
    "platforms": ("audience", "platforms"),
    "name": ("audience", "name"),
    "scheduled_at": ("delivery", "scheduled_at"),
    "throttle_per_second": ("delivery", "throttle_per_second"),
    "expire_after_minutes": ("delivery", "expire_value"),
    "variants": ("message", "message"),
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
        "message": _("Message"),
        "title": _("Title"),
        "body": _("Message"),
        "image_url": _("Image"),
        "link": _("Opens"),
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
            label = _field_label(slot) or (str(bound.label) if bound else "")
            yield from (Shown(step, slot, label, str(error), "form") for error in errors)


def beside_fields(problems: Iterable[Shown], *, is_reviewed: bool) -> dict[str, list[Shown]]:
    """Problems by the field they stand under; what is merely not written yet waits for the first review."""
    found: dict[str, list[Shown]] = {}
    for problem in problems:
        if problem.slot and problem.code not in _COUNTED and (is_reviewed or problem.code not in _PATIENT):
            found.setdefault(problem.slot, []).append(problem)
    return found


def standing(draft: Draft, campaign: Campaign, now: datetime, *, is_reviewed: bool) -> dict[str, Any]:
    """All problems and all advice for a template: beside fields, by tab, and as the list of Review.

    draft: what was typed; campaign: what is stored.
    """
    typed = list(form_problems(draft))
    stopping = [place(problem, draft) for problem in readiness_problems(campaign, now)]
    advice = [place(found, draft, is_advice=True) for found in readiness_warnings(campaign)]
    beside = beside_fields([*typed, *stopping, *advice], is_reviewed=is_reviewed)
    return {
        "draft": draft,
        "beside": beside,
        "slots": [(slot, beside.get(slot, [])) for slot in slots(draft)],
        "stopping": [*typed, *stopping],
        "advice": advice,
        "wrong_steps": {found.step for found in [*typed, *stopping] if is_reviewed or found.code == "form"},
    }


def slots(draft: Draft) -> list[str]:
    """Every field that has a place for problems in the page."""
    names = ["message"]
    for _step, form in draft.forms():
        names += [form[name].auto_id for name, entry in form.fields.items() if not entry.widget.is_hidden]
    return [name for name in names if name not in ("timing", "pace", "expire_unit")]


def _place(parts: list[str], draft: Draft) -> tuple[str, str, str]:
    if parts[0] == "variants" and len(parts) > 3:
        return _text_place(parts[3], parts[4:], draft)
    for extra, form in draft.extras:
        if f"/{parts[0]}" == extra.pointer:
            return _extra_place(extra.slug, form, parts[1:])
    step, slot = _SLOTS.get(parts[0], ("review", ""))
    return step, slot, str(labels().get(slot, ""))


def _text_place(language: str, parts: list[str], draft: Draft) -> tuple[str, str, str]:
    """ "variants/0/texts/fr/title" and "variants/0/texts/fr/buttons/1/label"."""
    slot = f"text-{language}-{parts[0]}" if parts else "message"
    if len(parts) > 2 and parts[0] == "buttons" and parts[1].isdigit():
        slot = (
            f"text-{language}-button{_button_place(language, int(parts[1]), draft)}_{parts[2].replace('id', 'label')}"
        )
    return "message", slot, _field_label(slot)


def _extra_place(slug: str, form: Any, parts: list[str]) -> tuple[str, str, str]:
    name = parts[0] if parts else ""
    bound = form[name] if name in form.fields else None
    return slug, bound.auto_id if bound else "", str(bound.label) if bound else ""


def _button_place(language: str, index: int, draft: Draft) -> int:
    """Stored buttons close up; the form's places do not."""
    for form in draft.texts:
        if form.language == language and form.is_bound:
            used = form.used_places()
            return used[index] if index < len(used) else index
    return min(index, BUTTONS - 1)


def _field_label(slot: str) -> str:
    """ "Title (French)" for text-fr-title; the plain label for others."""
    if not slot.startswith("text-"):
        return str(labels().get(slot, ""))
    language, _dash, name = slot.removeprefix("text-").rpartition("-")
    is_button = name.startswith("button")
    label = _("Button %s") % (int(name[6]) + 1) if is_button else str(labels().get(name, name))
    return f"{label} ({language_name(language)})"
