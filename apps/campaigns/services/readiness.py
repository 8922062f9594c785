"""What still keeps a campaign from being launched: every problem at once, beside the field it belongs to.

The same function guards every door: builder, API and commands.
"""

import math
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign, Variant
from apps.campaigns.parts import parts
from apps.campaigns.services.experiment_problems import experiment_problems, experiment_warnings
from apps.campaigns.services.lasting_problems import lasting_problems
from apps.campaigns.services.local_time import is_local, last_call_at, local_warnings
from apps.campaigns.services.reach import channel_problems, is_empty_audience
from apps.core.problems import FieldProblem, InvalidInput
from apps.core.text import clean_language
from apps.customers.models import Topic, TraitType
from apps.customers.preference_links import FACT
from apps.customers.queries import FACT_COLUMNS
from apps.deliveries.rendering import analyse, display_warnings
from apps.deliveries.rendering.field_rules import MOST_TTL_SECONDS
from apps.segments.models import Segment

FARTHEST = timedelta(days=366)
FASTEST_PER_SECOND = 100_000

# Problems of the world around the campaign answer 409, those of its own fields 400.
_CONFLICTS = frozenset(
    {
        "audience_missing",
        "segment_broken",
        "empty_audience",
        "unknown_topic",
        "channel_missing",
        "channel_paused",
        "app_inactive",
    }
)


class NotReady(InvalidInput):
    """The campaign cannot be launched as it is; `problems` has everything."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        in_conflict = any(problem.code in _CONFLICTS for problem in problems)
        super().__init__(problems, status=409 if in_conflict else 400)


def readiness_problems(campaign: Campaign, now: datetime) -> list[FieldProblem]:
    """Every problem; empty = it may be launched. Cost: 6-10 short queries."""
    return [
        *world_problems(campaign),
        *channel_problems(campaign),
        *_timing_problems(campaign, now),
        *lasting_problems(campaign, now),
        *_variant_problems(campaign),
        *experiment_problems(campaign),
        *(problem for part in parts() for problem in part.problems(campaign=campaign, now=now)),
    ]


def world_problems(campaign: Campaign) -> list[FieldProblem]:
    """What can go wrong between the launch button and the launch: app, audience, segments."""
    found: list[FieldProblem] = []
    if not campaign.app.is_active:
        found.append(
            FieldProblem(
                "",
                "app_inactive",
                _("the app %(app)s is switched off") % {"app": campaign.app.name},
            )
        )
    found += _topic_problems(campaign)
    included = [] if campaign.timing == "api" else list(campaign.include_segments.all())
    if not included and campaign.timing != "api":
        found.append(FieldProblem("/include_segments", "audience_missing", _("choose at least one segment")))
    for segment in included:
        found += _segment_problems(segment, campaign, "/include_segments")
    for segment in campaign.exclude_segments.all():
        found += _segment_problems(segment, campaign, "/exclude_segments")
    if included and not found and is_empty_audience(campaign):
        message = _("nobody is in the chosen segments, or the exclusions take everybody out")
        found.append(FieldProblem("/include_segments", "empty_audience", message))
    return found


def _topic_problems(campaign: Campaign) -> Iterator[FieldProblem]:
    if campaign.topic and not Topic.objects.filter(app=campaign.app_id, key=campaign.topic).exists():
        message = _("there is no such topic any more; choose another or none")
        yield FieldProblem("/topic", "unknown_topic", message, campaign.topic)


def _segment_problems(segment: Segment, campaign: Campaign, pointer: str) -> Iterator[FieldProblem]:
    if segment.app_id != campaign.app_id:
        yield FieldProblem(pointer, "unknown_segment", _("there is no such segment in this app"), str(segment.pk))
    elif segment.state == "broken":
        message = _("“%(segment)s” cannot be computed: %(reason)s") % {
            "segment": segment.name,
            "reason": segment.broken_reason,
        }
        yield FieldProblem(pointer, "segment_broken", message)


def readiness_warnings(campaign: Campaign) -> list[FieldProblem]:
    """Advice about how the texts will be shown, and about the parts; nothing here stops a launch."""
    shown = [
        FieldProblem(f"{_text_pointer(variant, language)}{found.pointer}", found.code, found.message, found.came)
        for variant in campaign.variants.all()
        for language, body in sorted(variant.texts.items())
        for found in display_warnings(body)
    ]
    shown += [*experiment_warnings(campaign), *local_warnings(campaign)]
    return shown + [found for part in parts() for found in part.warnings(campaign=campaign)]


def known_names(campaign: Campaign) -> Collection[str]:
    """The facts a text of this campaign may ask for."""
    sent = campaign.api_facts if campaign.timing == "api" else []
    return {FACT, *FACT_COLUMNS, *sent, *TraitType.objects.filter(app=campaign.app_id).values_list("name", flat=True)}


def _timing_problems(campaign: Campaign, now: datetime) -> Iterator[FieldProblem]:
    if campaign.timing == "at":
        yield from _schedule_problems(campaign, now)
    pace = campaign.throttle_per_second
    if pace is not None and not (math.isfinite(pace) and 0 < pace <= FASTEST_PER_SECOND):
        message = _("must be above 0 and at most %(most)s a second, or empty") % {"most": FASTEST_PER_SECOND}
        yield FieldProblem("/throttle_per_second", "range", message, str(pace))
    most_minutes = MOST_TTL_SECONDS // 60
    if not 1 <= campaign.expire_after_minutes <= most_minutes:
        message = _("must be from 1 to %(most)s minutes (28 days)") % {"most": most_minutes}
        yield FieldProblem("/expire_after_minutes", "range", message, str(campaign.expire_after_minutes))
    if not campaign.platforms:
        yield FieldProblem("/platforms", "required", _("choose at least one platform"))


def _schedule_problems(campaign: Campaign, now: datetime) -> Iterator[FieldProblem]:
    at, last = campaign.scheduled_at, last_call_at(campaign, now)
    if at is None or last is None:
        yield FieldProblem("/scheduled_at", "required", _("set the time of the launch"))
    elif last < now:
        message = _("is in the past; the server's time is %(now)s UTC") % {"now": format(now, "%Y-%m-%d %H:%M:%S")}
        if is_local(campaign):
            message = _("has passed on every clock of the world")
        yield FieldProblem("/scheduled_at", "schedule_in_past", message, at.isoformat())
    elif at > now + FARTHEST:
        yield FieldProblem("/scheduled_at", "schedule_too_far", _("is more than a year ahead"), at.isoformat())


def _variant_problems(campaign: Campaign) -> Iterator[FieldProblem]:
    variants = list(campaign.variants.all())
    if not variants:
        yield FieldProblem("/variants", "required", _("write a message"))
        return
    names = known_names(campaign)
    for variant in variants:
        yield from _text_problems(variant, campaign, names)


def _text_problems(variant: Variant, campaign: Campaign, names: Collection[str]) -> Iterator[FieldProblem]:
    default = campaign.app.default_language
    if default not in variant.texts:
        message = _("the message must exist in the app's default language (%(language)s)") % {"language": default}
        yield FieldProblem(_text_pointer(variant, default), "default_language_missing", message)
    for language, body in sorted(variant.texts.items()):
        pointer = _text_pointer(variant, language)
        yield from language_problems(language, pointer)
        for found in analyse(body, names, link_schemes=campaign.app.link_schemes):
            yield FieldProblem(f"{pointer}{found.pointer}", found.code, found.message, found.came)


def language_problems(language: str, pointer: str) -> list[FieldProblem]:
    """What is wrong with a language's tag."""
    problems: list[FieldProblem] = []
    if not clean_language(language, pointer=pointer, problems=problems) and not problems:
        problems.append(FieldProblem(pointer, "language_tag", _("must be a language tag such as pl or pt-BR")))
    return problems


def _text_pointer(variant: Variant, language: str) -> str:
    return f"/variants/{variant.position}/texts/{language}"
