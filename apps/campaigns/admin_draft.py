"""A draft in the builder: the forms over a campaign, and what of them is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from apps.campaigns.admin_forms import AudienceForm, DeliveryForm, TextForm
from apps.campaigns.admin_push_settings import PushSettingsForm
from apps.campaigns.admin_steps import ExtraStep, extra_steps
from apps.campaigns.models import Campaign, Variant
from apps.campaigns.services.drafts import DraftChanges, save_draft

# A change of one of these changes who will receive it.
_COUNTED = frozenset(
    {
        "topic",
        "platforms",
        "devices",
        "respects_cap",
        "respects_quiet_hours",
        "expire_after_minutes",
        "timing",
        "scheduled_at",
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The forms of all steps; bound to what was sent, or showing the rows."""

    campaign: Campaign
    audience: AudienceForm
    texts: list[TextForm]
    push: PushSettingsForm
    delivery: DeliveryForm
    extras: list[tuple[ExtraStep, forms.Form]]

    def forms(self) -> Iterator[tuple[str, forms.Form]]:
        """Every form with the slug of its step."""
        yield "audience", self.audience
        yield from (("message", text) for text in self.texts)
        yield "message", self.push
        yield "delivery", self.delivery
        yield from ((step.slug, form) for step, form in self.extras)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did. version: the one now in force; recounts: it changed who will receive it."""

    version: int
    recounts: bool


def open_draft(campaign: Campaign, sent: Mapping[str, Any] | None = None) -> Draft:
    texts = texts_of(campaign)
    return Draft(
        campaign=campaign,
        audience=AudienceForm(campaign, sent),
        texts=[TextForm(language, text, sent) for language, text in texts.items()],
        push=PushSettingsForm(texts[campaign.app.default_language], sent),
        delivery=DeliveryForm(campaign, sent),
        extras=[(step, step.form(campaign, sent)) for step in extra_steps()],
    )


def store(draft: Draft, *, version: int, now: datetime, add: str = "", remove: str = "") -> Saved:
    """Store what is valid and differs, in one transaction; `add`, `remove` name a language of the message.

    Raises StaleVersion, or Conflict (`not_a_draft`).
    """
    changes = changes_of(draft, add, remove)
    with transaction.atomic():
        if changes:
            version = save_draft(campaign=draft.campaign, version=version, changes=changes, now=now)
        for step, form in draft.extras:
            if step.is_changed(form):
                version = step.save(form, campaign=draft.campaign, version=version, now=now)
    return Saved(version, recounts=_recounts(changes))


def changes_of(draft: Draft, add: str = "", remove: str = "") -> DraftChanges:
    before = texts_of(draft.campaign)
    texts = {form.language: form.text() for form in draft.texts if form.language != remove}
    if add and add not in texts:
        texts[add] = beginning_of(before[draft.campaign.app.default_language])
    texts = {language: with_settings(text, draft.push.changes()) for language, text in texts.items()}
    return DraftChanges(
        fields={**draft.audience.changes(), **draft.delivery.changes()},
        include_ids=draft.audience.segment_ids("include"),
        exclude_ids=draft.audience.segment_ids("exclude"),
        texts=texts if texts != before else None,
    )


def beginning_of(text: Mapping[str, Any]) -> dict[str, Any]:
    """What a new language takes over: everything but the words to translate."""
    return {name: value for name, value in text.items() if name not in ("title", "body")}


def with_settings(text: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The text with changed settings; one that is as usual again is not stored."""
    return {name: value for name, value in {**text, **changes}.items() if name not in changes or value is not None}


def texts_of(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """The message by language, the app's default language first and always there."""
    default = campaign.app.default_language
    stored = first_variant(campaign).texts
    others = sorted(language for language in stored if language != default)
    return {language: stored.get(language, {}) for language in [default, *others]}


def first_variant(campaign: Campaign) -> Variant:
    """The variant that the builder edits; an unsaved empty one where the campaign has none."""
    variants = sorted(campaign.variants.all(), key=lambda variant: variant.position)
    return variants[0] if variants else Variant(campaign=campaign, texts={})


def language_name(code: str) -> str:
    """ "French" for fr; the code itself where nobody has a name for it."""
    try:
        return _(get_language_info(code)["name"])
    except KeyError:
        return code


def _recounts(changes: DraftChanges) -> bool:
    is_retargeted = changes.include_ids is not None or changes.exclude_ids is not None
    return is_retargeted or bool(_COUNTED & changes.fields.keys())
