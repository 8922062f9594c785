"""What is wrong with an A/B test before its launch, and what is worth knowing about it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.utils.translation import gettext as _

from apps.campaigns.experiments.standing import letter
from apps.campaigns.models import Campaign, Variant
from apps.campaigns.services.experiment import LAST_CALL
from apps.core.problems import FieldProblem
from apps.customers.models import EventType

MOST_VARIANTS = 5
MOST_HOLDOUT = 50
MOST_HOURS = 14 * 24


def experiment_problems(campaign: Campaign) -> Iterator[FieldProblem]:
    """Everything wrong with shares, hold-out and the decision. Variants themselves: `readiness`."""
    variants = list(campaign.variants.all())
    yield from _share_problems(variants)
    yield from _range("/holdout_percent", campaign.holdout_percent, 0, MOST_HOLDOUT)
    yield from _goal_problems(campaign)
    if len(variants) < 2:
        return
    yield from _range("/test_percent", campaign.test_percent, 1, 100)
    if campaign.fallback != Campaign.AHEAD and campaign.fallback not in [one.position for one in variants]:
        message = _("choose one of the variants there are")
        yield FieldProblem("/fallback", "unknown_variant", message, str(campaign.fallback))
    if campaign.decides == "auto" and campaign.test_percent < 100:
        yield from _time_problems(campaign)


def experiment_warnings(campaign: Campaign) -> Iterator[FieldProblem]:
    """Advice; stops nothing."""
    variants = list(campaign.variants.all())
    for place, variant in enumerate(variants):
        twin = next((one for one in variants[:place] if one.texts == variant.texts), None)
        if twin:
            words = {"first": letter(twin.position), "second": letter(variant.position)}
            message = _("%(first)s and %(second)s say the same, so there is nothing to find out") % words
            yield FieldProblem("/variants", "variants_identical", message)
        if len(variants) > 1 and campaign.winner_by == "clicked" and not _can_be_clicked(variant):
            message = _("%(variant)s has no button and no link: nobody can click in it") % {
                "variant": letter(variant.position)
            }
            yield FieldProblem("/winner_by", "nothing_to_click", message)
    if len(variants) > 1 and campaign.test_percent < 100 and campaign.decides == "hand":
        message = _("if nobody chooses before it expires, the rest gets nothing")
        yield FieldProblem("/decides", "decided_by_hand", message)


def _share_problems(variants: Sequence[Variant]) -> Iterator[FieldProblem]:
    if len(variants) > MOST_VARIANTS:
        message = _("at most %(most)s variants") % {"most": MOST_VARIANTS}
        yield FieldProblem("/variants", "too_many", message, f"{len(variants)} variants")
    shares = [variant.share for variant in variants]
    if shares and (sum(shares) != 100 or min(shares) < 1):
        came = " + ".join(map(str, shares))
        message = _("shares must be at least 1 and sum up to 100; they are %(came)s = %(sum)s") % {
            "came": came,
            "sum": sum(shares),
        }
        yield FieldProblem("/variants", "shares_sum", message, came)


def _time_problems(campaign: Campaign) -> Iterator[FieldProblem]:
    found = list(_range("/decide_after_hours", campaign.decide_after_hours, 1, MOST_HOURS))
    yield from found
    left = timedelta(minutes=campaign.expire_after_minutes) - timedelta(hours=campaign.decide_after_hours)
    if not found and left < LAST_CALL:
        message = _("the pushes will have expired by then: decide earlier, or let them expire later")
        yield FieldProblem("/decide_after_hours", "decides_after_expiry", message, str(campaign.decide_after_hours))


def _goal_problems(campaign: Campaign) -> Iterator[FieldProblem]:
    if campaign.goal_event and not EventType.objects.filter(app=campaign.app_id, name=campaign.goal_event).exists():
        yield FieldProblem("/goal_event", "unknown_event", _("no such event has come in yet"), campaign.goal_event)


def _range(pointer: str, value: int, least: int, most: int) -> Iterator[FieldProblem]:
    if not least <= value <= most:
        message = _("must be from %(least)s to %(most)s") % {"least": least, "most": most}
        yield FieldProblem(pointer, "range", message, str(value))


def _can_be_clicked(variant: Variant) -> bool:
    return any(text.get("buttons") or text.get("link") for text in variant.texts.values())
