"""Drafts: begin one, and save what an editor changed without ever overwriting another editor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.accounts.models import App, User
from apps.campaigns.models import Campaign, MessageTemplate, Variant
from apps.campaigns.services.lifecycle import StaleVersion
from apps.core.problems import Conflict


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """One variant as an editor has it: its share in percent, its texts by language."""

    share: int
    texts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class DraftChanges:
    """What an editor changed. None = untouched; `fields` are Campaign's own columns.

    texts: the first variant's, the others stay; variants: all of them, in order.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    include_ids: Sequence[int] | None = None
    exclude_ids: Sequence[int] | None = None
    texts: Mapping[str, Mapping[str, Any]] | None = None
    variants: Sequence[VariantDraft] | None = None

    def __bool__(self) -> bool:
        parts = (self.include_ids, self.exclude_ids, self.texts, self.variants)
        return bool(self.fields) or any(part is not None for part in parts)


def create_draft(*, app: App, name: str, author: User, template: MessageTemplate | None = None) -> Campaign:
    """A new draft with one variant: the template's message, or an empty one in the app's default language."""
    texts = template.texts if template else {}
    with transaction.atomic():
        campaign = Campaign.objects.create(app=app, name=name, created_by=author)
        Variant.objects.create(campaign=campaign, texts={app.default_language: {}, **texts})
    return campaign


def save_draft(*, campaign: Campaign, version: int, changes: DraftChanges, now: datetime) -> int:
    """Store `changes` if the row still has `version`; returns the version now in force.

    Touches the campaign, its segments and its variants, in one transaction. Raises StaleVersion where somebody
    saved it meanwhile, Conflict (`not_a_draft`) where it is frozen.
    """
    with transaction.atomic():
        claim_version(campaign=campaign, version=version, fields=changes.fields, now=now)
        if changes.include_ids is not None:
            campaign.include_segments.set(changes.include_ids)
        if changes.exclude_ids is not None:
            campaign.exclude_segments.set(changes.exclude_ids)
        if changes.texts is not None:
            Variant.objects.update_or_create(campaign=campaign, position=0, defaults={"texts": changes.texts})
        if changes.variants is not None:
            _store_variants(campaign, changes.variants)
    return version + 1


def _store_variants(campaign: Campaign, variants: Sequence[VariantDraft]) -> None:
    for position, one in enumerate(variants):
        Variant.objects.update_or_create(
            campaign=campaign, position=position, defaults={"share": one.share, "texts": one.texts}
        )
    campaign.variants.filter(position__gte=len(variants)).delete()


def claim_version(*, campaign: Campaign, version: int, fields: Mapping[str, Any], now: datetime) -> None:
    """The compare-and-set: `fields` and version + 1, only on a draft of that version.

    Raises StaleVersion, Conflict (`not_a_draft`). Nobody else can save or schedule until the caller commits.
    """
    rows = Campaign.objects.filter(pk=campaign.pk)
    if rows.filter(state="draft", version=version).update(version=F("version") + 1, updated_at=now, **fields):
        return
    state, current = rows.values_list("state", "version").get()
    if state == "draft":
        raise StaleVersion(wanted=version, current=current)
    raise Conflict("not_a_draft", _("the campaign is %(state)s: only a draft can be edited") % {"state": state})
