"""An A/B test on the report: its answer in words, its numbers as chart and table, the choice by hand, its export."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.campaigns.experiments import words
from apps.campaigns.experiments.standing import Standing, VariantStanding, goal_standing, is_test, letter, standing_of
from apps.campaigns.experiments.statistics import Interval
from apps.campaigns.models import Campaign
from apps.campaigns.services import experiment
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition

type Admin = ModelAdmin[Campaign]
_TONES = {"better": "good", "guarded": "warn", "too_early": "", "no_difference": ""}
_COLUMNS = (
    *("variant", "share_percent", "people", "opened", "clicked", "opt_outs", "rate", "rate_low", "rate_high"),
    *("gain_over_a", "gain_low", "gain_high", "p_value", "guarded"),
)


def experiment_context(campaign: Campaign) -> dict[str, Any]:
    """For the report; empty where there is nothing to compare."""
    found: dict[str, Any] = {}
    goal = goal_standing(campaign)
    if goal:
        found["goal"] = {"says": words.goal_words(goal), "sent": goal.sent, "held_out": goal.held_out}
        found["goal"]["tone"] = "good" if goal.gain.low > 0 else "bad" if goal.gain.high < 0 else ""
    if not is_test(campaign):
        return found
    standing = standing_of(campaign)
    top = max((one.rate.high for one in standing.variants if one.people), default=1.0) or 1.0
    return {
        **found,
        "test": standing,
        "answer": words.answer(standing),
        "answer_tone": _TONES[standing.verdict.word],
        "guardrail": words.guardrail(standing),
        "decision": words.decision_words(campaign),
        "test_rows": [_row(one, top) for one in standing.variants],
        "axis": [words.points(0), words.points(top / 2), words.points(top)],
        "has_clicks": standing.metric == "clicked",
        "may_choose": standing.held > 0 and campaign.dispatch is not None and campaign.dispatch.decided_at is None,
        "decides_at": experiment.decides_at(campaign) if campaign.decides == "auto" else None,
        "expires_at": campaign.dispatch.expires_at if campaign.dispatch else None,
        "fallback_letter": letter(campaign.fallback) if campaign.fallback >= 0 else "",
        "tested_titles": _titles(campaign),
    }


def test_summary(campaign: Campaign) -> list[str]:
    """The test as it was set, one sentence a line; empty where there is none."""
    variants = list(campaign.variants.all())
    lines = []
    if len(variants) > 1:
        shares = ", ".join(f"{letter(one.position)} {one.share} %" for one in variants)
        tested = {"shares": shares, "tested": campaign.test_percent}
        if campaign.test_percent < 100:
            lines += [_("%(shares)s of the %(tested)s %% in the test.") % tested, _decision_summary(campaign)]
        else:
            lines.append(_("%(shares)s. Everybody is in the test.") % tested)
    if campaign.holdout_percent:
        lines.append(_("%(count)s %% get nothing, to compare with.") % {"count": campaign.holdout_percent})
    return lines


def _decision_summary(campaign: Campaign) -> str:
    if campaign.decides == "hand":
        return _("The rest waits until somebody chooses.")
    last = letter(campaign.fallback) if campaign.fallback >= 0 else _("whichever is ahead")
    by = _("clicks") if campaign.winner_by == "clicked" else _("opens")
    return _("After %(hours)s hours the rest gets the one with more %(by)s; without a difference %(last)s.") % {
        "hours": campaign.decide_after_hours,
        "by": by,
        "last": last,
    }


def choose(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The button: the rest gets this variant; "none" = nothing."""
    wanted = request.POST.get("variant", "")
    variant = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 4 else None
    actor: Any = request.user
    try:
        if variant is None and wanted != "none":
            raise Conflict("unknown_variant", _("choose one of the variants there are"))
        experiment.choose(campaign=campaign, variant=variant, actor=actor, now=timezone.now())
        done = _("The rest gets nothing.") if variant is None else _("The rest gets %s now.") % letter(variant)
        messages.success(request, done)
    except (InvalidTransition, Conflict, InvalidInput) as refusal:
        messages.error(request, _("That was not possible: %s") % refusal)
    return HttpResponse(headers={"HX-Redirect": reverse("admin:campaigns_campaign_change", args=[campaign.pk])})


def export(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The test as CSV, with p values: for whoever wants to reckon further."""
    if not is_test(campaign):
        raise Http404
    out = StringIO()
    csv.writer(out).writerows([_COLUMNS, *_lines(standing_of(campaign))])
    name = slugify(campaign.name) or "campaign"
    return HttpResponse(
        out.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{campaign.pk}-test.csv"'},
    )


def _lines(standing: Standing) -> Iterator[tuple[Any, ...]]:
    for one in standing.variants:
        gain = _ends(one.gain) if one.gain else ("", "", "")
        p = "" if one.p_value is None else f"{one.p_value:.6g}"
        counts = (one.people, one.opened, one.clicked, one.opt_outs)
        yield (one.letter, f"{one.share:g}", *counts, *_ends(one.rate), *gain, p, int(one.is_guarded))


def _ends(interval: Interval) -> tuple[str, str, str]:
    return f"{interval.estimate:.6f}", f"{interval.low:.6f}", f"{interval.high:.6f}"


def _row(one: VariantStanding, top: float) -> dict[str, Any]:
    """A line of the chart and of its table. at, low, high: places on an axis from 0 to `top`."""
    rate = one.rate
    return {
        "one": one,
        "rate": words.points(rate.estimate),
        "low": words.points(rate.low),
        "high": words.points(rate.high),
        "at": f"{min(rate.estimate / top, 1):.4f}",
        "from": f"{min(rate.low / top, 1):.4f}",
        "part": f"{(min(rate.high, top) - rate.low) / top:.4f}",
        "gain": _signed(one.gain) if one.gain and one.people else "",
    }


def _signed(gain: Interval) -> str:
    low, high = (("+" if end > 0 else "") + words.points(end).replace("-", "−") for end in (gain.low, gain.high))
    return _("%(low)s to %(high)s") % {"low": low, "high": high}


def _titles(campaign: Campaign) -> dict[str, str]:
    """What each variant says in the default language."""
    default = campaign.app.default_language
    return {
        letter(one.position): str((one.texts.get(default) or {}).get("title", "")) for one in campaign.variants.all()
    }
