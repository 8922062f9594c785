"""A campaign's booster rule: saved while the campaign is a draft, checked with it, copied with it, reported with it."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.campaigns.models import Campaign
from apps.campaigns.services.drafts import claim_version
from apps.campaigns.services.readiness import known_names
from apps.core.problems import FieldProblem
from apps.customers.preference_links import FACT, sample_url
from apps.deliveries.rendering import RenderFailed, compile_body
from apps.deliveries.rendering.template_problems import template_problems
from apps.deliveries.rendering.visible import is_blank
from apps.devices.models import Channel
from apps.gateways.sms_text import MOST_PARTS, measure, mentions_opt_out
from apps.sms_booster.click_links import sample
from apps.sms_booster.models import BoostRule
from apps.sms_booster.queries import booster_report
from config.env import ENVIRONMENT

SHORTEST_WAIT_MINUTES = 1 if ENVIRONMENT == "demo" else 15
LONGEST_WAIT_MINUTES = 7 * 24 * 60
MOST_TEXT_CHARACTERS = 1600
_MOST_CULPRITS = 10


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """What a marketer sets. Nothing is checked but types until the campaign is to be launched."""

    is_enabled: bool = False
    wait_minutes: int = 120
    text: str = ""
    max_messages: int = 1000
    price_per_part: Decimal = Decimal(0)
    counts_clicks: bool = False


def save_rule(*, campaign: Campaign, version: int, draft: RuleDraft, now: datetime) -> int:
    """Store the rule of a draft campaign; returns the campaign's new version.

    Raises StaleVersion where somebody saved the campaign meanwhile, Conflict (`not_a_draft`) where it is frozen.
    """
    with transaction.atomic():
        claim_version(campaign=campaign, version=version, fields={}, now=now)
        BoostRule.objects.update_or_create(campaign=campaign, defaults=asdict(draft))
    return version + 1


def stop_booster(*, campaign: Campaign, actor: User | str, now: datetime) -> bool:
    """Send no further SMS of this campaign; those not yet sent are spared at the next tick. False = it was off."""
    with transaction.atomic():
        stopped = BoostRule.objects.filter(campaign=campaign, is_enabled=True).update(is_enabled=False)
        if stopped:
            subject = f"campaign:{campaign.pk}"
            write_audit(app=campaign.app, actor=actor, action="booster.stopped", subject=subject, details={}, now=now)
    return bool(stopped)


def rule_problems(rule: BoostRule) -> list[FieldProblem]:
    """What keeps the rule from doing its work; a rule that is off has no problems. Pointers begin at the rule."""
    if not rule.is_enabled:
        return []
    own = text_problems(rule.text, known_names(rule.campaign), counts_clicks=rule.counts_clicks)
    return [*_timing_problems(rule), *_number_problems(rule), *own, *channel_problems(rule.campaign.app_id)]


def rule_warnings(rule: BoostRule) -> Iterator[FieldProblem]:
    """Advice about the text of a rule that is on: what makes it dear, and whether it says how to opt out."""
    if not rule.is_enabled or rule_problems(rule):
        return
    text = _with_fallbacks(rule.text, counts_clicks=rule.counts_clicks)
    size = measure(text)
    if size.parts > size.gsm_parts:
        message = _("%(parts)s parts instead of %(less)s because of %(letters)s") % {
            "parts": size.parts,
            "less": size.gsm_parts,
            "letters": " ".join(size.culprits[:_MOST_CULPRITS]),
        }
        yield FieldProblem("/text", "dear_characters", message)
    if not mentions_opt_out(text) and sample_url() not in text:
        message = _(
            "does not say how to opt out, which the law of many countries demands: add for instance “STOP to end”"
        )
        yield FieldProblem("/text", "opt_out_missing", message)


def _timing_problems(rule: BoostRule) -> Iterator[FieldProblem]:
    if rule.campaign.is_lasting:
        message = _(
            "an SMS follows a campaign that goes out once: otherwise whoever never opens would get, and you would pay,"
            " one each time. An automation can do it: a push, “has not opened it”, an SMS"
        )
        yield FieldProblem("", "needs_one_launch", message)


def _number_problems(rule: BoostRule) -> Iterator[FieldProblem]:
    if not SHORTEST_WAIT_MINUTES <= rule.wait_minutes <= LONGEST_WAIT_MINUTES:
        message = _("must be from %(least)s minutes to %(most)s (7 days)") % {
            "least": SHORTEST_WAIT_MINUTES,
            "most": LONGEST_WAIT_MINUTES,
        }
        yield FieldProblem("/wait_minutes", "range", message, str(rule.wait_minutes))
    if rule.max_messages < 1:
        yield FieldProblem("/max_messages", "range", _("must allow at least one SMS"), str(rule.max_messages))
    if rule.price_per_part < 0:
        yield FieldProblem("/price_per_part", "range", _("must not be negative"), str(rule.price_per_part))


def text_problems(text: str, names: Collection[str], *, counts_clicks: bool = False) -> Iterator[FieldProblem]:
    """What is wrong with an SMS whose text may ask for these names."""
    if is_blank(text):
        yield FieldProblem("/text", "required", _("write the SMS"))
        return
    if len(text) > MOST_TEXT_CHARACTERS:
        message = _("must be at most %(most)s characters long") % {"most": MOST_TEXT_CHARACTERS}
        yield FieldProblem("/text", "too_long", message, f"{len(text)} characters")
        return
    found = template_problems(text, "/text", names)
    yield from found
    if not found:
        yield from _part_problems(text, counts_clicks=counts_clicks)


def _part_problems(text: str, *, counts_clicks: bool) -> Iterator[FieldProblem]:
    """Judged with the text's fallbacks filled in; a person with a longer name may still need one part more."""
    parts = measure(_with_fallbacks(text, counts_clicks=counts_clicks)).parts
    if parts > MOST_PARTS:
        yield FieldProblem(
            "/text",
            "too_many_parts",
            _("an SMS may have at most %(most)s parts") % {"most": MOST_PARTS},
            f"{parts} parts",
        )


def _with_fallbacks(text: str, *, counts_clicks: bool) -> str:
    """As somebody without any fact would read it; the source where that cannot be made."""
    try:
        made = compile_body({"body": text, "silent": True}).render({FACT: sample_url()}).body
    except RenderFailed:
        return text
    return sample(made) if counts_clicks else made


def channel_problems(app_id: int) -> Iterator[FieldProblem]:
    """Whether SMS can leave at all."""
    channel = Channel.objects.filter(app=app_id, gateway="sms").first()
    if channel is None:
        yield FieldProblem(
            "", "channel_missing", _("the app has no SMS provider yet: store its credentials under Channels")
        )
    elif channel.state == "paused":
        yield FieldProblem("", "channel_paused", _("SMS is paused: %(reason)s") % {"reason": channel.paused_reason})


class BoosterPart:
    """The rule as a part of its campaign (campaigns.parts)."""

    name = "boost_rule"
    defaults = asdict(RuleDraft())

    def problems(self, *, campaign: Campaign, now: datetime) -> list[FieldProblem]:
        return [_of_campaign(found) for rule in _rules(campaign) for found in rule_problems(rule)]

    def warnings(self, *, campaign: Campaign) -> list[FieldProblem]:
        return [_of_campaign(found) for rule in _rules(campaign) for found in rule_warnings(rule)]

    def copy(self, *, source: Campaign, target: Campaign) -> None:
        for rule in BoostRule.objects.filter(campaign=source):
            rule.pk, rule.campaign, rule.chosen_at, rule.left_out = None, target, None, None
            rule.save(force_insert=True)

    def frozen(self, *, campaign: Campaign) -> dict[str, Any]:
        names = [field.name for field in fields(RuleDraft)]
        rule = BoostRule.objects.filter(campaign=campaign, is_enabled=True).values(*names).first()
        return rule or {"is_enabled": False}

    def report(self, *, campaign: Campaign) -> dict[str, Any]:
        return booster_report(campaign).as_json()


def _rules(campaign: Campaign) -> QuerySet[BoostRule]:
    """None or one."""
    return BoostRule.objects.filter(campaign=campaign).select_related("campaign__app")


def _of_campaign(found: FieldProblem) -> FieldProblem:
    return FieldProblem(f"/boost_rule{found.pointer}", found.code, found.message, found.came)
