"""A draft in the builder: the forms over a campaign, and what of them is stored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from apps.campaigns.admin_experiment_forms import ExperimentForm, ShareForm
from apps.campaigns.admin_forms import AudienceForm, DeliveryForm, TextForm
from apps.campaigns.admin_link_settings import LinkSettingsForm
from apps.campaigns.admin_push_data import PushDataForm
from apps.campaigns.admin_push_settings import PushSettingsForm
from apps.campaigns.admin_repeat import RepeatForm
from apps.campaigns.admin_steps import ExtraStep, extra_steps
from apps.campaigns.admin_variants import NO_EDIT, Edit
from apps.campaigns.experiments.sizing import proposed_percent
from apps.campaigns.experiments.standing import letter
from apps.campaigns.models import Campaign, Variant
from apps.campaigns.services.drafts import DraftChanges, VariantDraft, save_draft

# A change of one of these changes who will receive it, or how much a test of them can show.
_COUNTED = frozenset(
    {
        "topic",
        "holdout_percent",
        "test_percent",
        "winner_by",
        "platforms",
        "devices",
        "respects_cap",
        "respects_quiet_hours",
        "expire_after_minutes",
        "timing",
        "scheduled_at",
        "clock",
        "missed_hour",
        "repeat_time",
    }
)


@dataclass(frozen=True, slots=True)
class VariantForms:
    """One variant: its share, and its texts by language."""

    position: int
    share: ShareForm
    texts: list[TextForm]

    @property
    def letter(self) -> str:
        return letter(self.position)


@dataclass(frozen=True, slots=True)
class Draft:
    """The forms of all steps; bound to what was sent, or showing the rows."""

    campaign: Campaign
    audience: AudienceForm
    variants: list[VariantForms]
    push: PushSettingsForm
    data: PushDataForm
    links: LinkSettingsForm
    experiment: ExperimentForm
    delivery: DeliveryForm
    repeat: RepeatForm
    extras: list[tuple[ExtraStep, forms.Form]]

    @property
    def texts(self) -> list[TextForm]:
        """Of all variants."""
        return [text for variant in self.variants for text in variant.texts]

    def forms(self) -> Iterator[tuple[str, forms.Form]]:
        """Every form with the slug of its step."""
        yield "audience", self.audience
        yield from (("message", text) for text in self.texts)
        yield from (("message", variant.share) for variant in self.variants)
        yield "message", self.push
        yield "message", self.data
        yield "message", self.links
        yield "message", self.experiment
        yield "delivery", self.delivery
        yield "delivery", self.repeat
        yield from ((step.slug, form) for step, form in self.extras)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did. version: the one now in force; recounts: it changed who will receive it."""

    version: int
    recounts: bool


def open_draft(campaign: Campaign, sent: Mapping[str, Any] | None = None) -> Draft:
    shown = texts_of(campaign)[campaign.app.default_language]
    return Draft(
        campaign=campaign,
        audience=AudienceForm(campaign, sent),
        variants=[_variant_forms(campaign, variant, sent) for variant in variants_of(campaign)],
        push=PushSettingsForm(shown, sent),
        data=PushDataForm(campaign, shown, sent),
        links=LinkSettingsForm(campaign, shown, sent),
        experiment=ExperimentForm(campaign, sent),
        delivery=DeliveryForm(campaign, sent),
        repeat=RepeatForm(campaign, sent),
        extras=[(step, step.form(campaign, sent)) for step in extra_steps()],
    )


def store(draft: Draft, *, version: int, now: datetime, edit: Edit = NO_EDIT) -> Saved:
    """Store what is valid and differs, in one transaction; `edit` adds or removes a variant or a language.

    Raises StaleVersion, or Conflict (`not_a_draft`).
    """
    changes = changes_of(draft, edit)
    with transaction.atomic():
        if changes:
            version = save_draft(campaign=draft.campaign, version=version, changes=changes, now=now)
        for step, form in draft.extras:
            if step.is_changed(form):
                version = step.save(form, campaign=draft.campaign, version=version, now=now)
    return Saved(version, recounts=_recounts(draft, changes))


def changes_of(draft: Draft, edit: Edit = NO_EDIT) -> DraftChanges:
    campaign = draft.campaign
    before = [VariantDraft(one.share, texts_of(campaign, one.position)) for one in variants_of(campaign)]
    settings = {**draft.push.changes(), **draft.data.changes(), **draft.links.changes()}
    typed = [
        VariantDraft(
            one.share.stored_share(), {form.language: with_settings(form.text(), settings) for form in one.texts}
        )
        for one in draft.variants
    ]
    fields = {
        **draft.audience.changes(),
        **draft.experiment.changes(),
        **draft.delivery.changes(),
        **draft.repeat.changes(),
    }
    after = edit.applied(typed, campaign.app.default_language)
    if len(before) < 2 <= len(after):
        fields["test_percent"] = _first_proposal(draft)
    fallback = fields.get("fallback", campaign.fallback)
    if edit.fallback_after(fallback) != fallback:
        fields["fallback"] = edit.fallback_after(fallback)
    return DraftChanges(
        fields=fields,
        include_ids=draft.audience.segment_ids("include"),
        exclude_ids=draft.audience.segment_ids("exclude"),
        variants=after if after != before else None,
    )


def _first_proposal(draft: Draft) -> int:
    """By the members of the chosen segments, less the hold-out; what goes out more than once has no rest."""
    campaign = draft.campaign
    if (draft.delivery.changes().get("timing") or campaign.timing) in Campaign.LASTING:
        return 100
    people = campaign.include_segments.aggregate(people=Sum("member_count"))["people"] or 0
    return proposed_percent(people * (100 - campaign.holdout_percent) // 100)


def with_settings(text: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The text with changed settings; one that is as usual again is not stored."""
    return {name: value for name, value in {**text, **changes}.items() if name not in changes or value is not None}


def texts_of(campaign: Campaign, position: int = 0) -> dict[str, dict[str, Any]]:
    """A variant's message by language, the app's default language first and always there."""
    default = campaign.app.default_language
    stored = variant_at(campaign, position).texts
    others = sorted(language for language in stored if language != default)
    return {language: stored.get(language, {}) for language in [default, *others]}


def texts_by_language(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """The first variant's message by the language's name."""
    return {language_name(code): text for code, text in texts_of(campaign).items()}


def all_texts(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """Every message by what it is called: "French", or "B · French" where there are several variants."""
    variants = variants_of(campaign)
    return {
        (f"{letter(one.position)} · " if len(variants) > 1 else "") + language_name(code): text
        for one in variants
        for code, text in texts_of(campaign, one.position).items()
    }


def variants_of(campaign: Campaign) -> list[Variant]:
    """In order; an unsaved empty one where the campaign has none."""
    variants = sorted(campaign.variants.all(), key=lambda variant: variant.position)
    return variants or [Variant(campaign=campaign, texts={})]


def variant_at(campaign: Campaign, position: int) -> Variant:
    """The variant at this position, the first where there is none."""
    variants = variants_of(campaign)
    return next((one for one in variants if one.position == position), variants[0])


def first_variant(campaign: Campaign) -> Variant:
    """The one that stands where no variant is named."""
    return variants_of(campaign)[0]


def _variant_forms(campaign: Campaign, variant: Variant, sent: Mapping[str, Any] | None) -> VariantForms:
    position = variant.position
    texts = [TextForm(language, text, sent, position) for language, text in texts_of(campaign, position).items()]
    return VariantForms(position, ShareForm(variant, sent), texts)


def language_name(code: str) -> str:
    """ "French" for fr; the code itself where nobody has a name for it."""
    try:
        return _(get_language_info(code)["name"])
    except KeyError:
        return code


def _recounts(draft: Draft, changes: DraftChanges) -> bool:
    if changes.include_ids is not None or changes.exclude_ids is not None or _COUNTED & changes.fields.keys():
        return True
    before = [one.share for one in variants_of(draft.campaign)]
    return changes.variants is not None and before != [one.share for one in changes.variants]
