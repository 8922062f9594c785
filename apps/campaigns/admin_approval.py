"""The page of a campaign that waits for a second person: exactly what will be sent, what changed, yes or no."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.campaigns.admin_audience import shown
from apps.campaigns.admin_draft import language_name
from apps.campaigns.admin_experiment import test_summary
from apps.campaigns.admin_moments import when_shown
from apps.campaigns.admin_preview import Screen, screen_of
from apps.campaigns.admin_problems import labels
from apps.campaigns.admin_repeat import rhythm_of
from apps.campaigns.admin_steps import extras_said
from apps.campaigns.admin_words import state_of
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.services import approvals
from apps.campaigns.services.frozen import Difference, differences, freeze, is_same
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition
from apps.core.words import spoken
from apps.deliveries.services.freeze import Waterfall
from apps.segments.models import Segment

type Admin = ModelAdmin[Campaign]


@dataclass(frozen=True, slots=True)
class Text:
    """One variant in one language, as written and as shown."""

    variant: str
    share: int
    language: str
    body: Mapping[str, Any]
    screen: Screen


@dataclass(frozen=True, slots=True)
class Change:
    """What one value was at the last yes, and what it is now."""

    label: str
    before: str
    after: str


def page(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """For everybody who may see the campaign; the form only for who may answer."""
    actor: Any = request.user
    approval = Approval.objects.select_related("requested_by").get(campaign=campaign, state="waiting")
    is_own = approvals.is_own(approval, actor)
    may_approve = model_admin.has_approve_permission(request, campaign)  # type: ignore[attr-defined]
    answered = Approval.objects.filter(campaign=campaign, state__in=["used", "expired", "void"])
    former = answered.exclude(decided_at=None).first()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": campaign,
        "campaign": campaign,
        "title": campaign.name,
        "word": state_of(campaign),
        "approval": approval,
        "is_own": is_own,
        "may_decide": may_approve and not is_own,
        "may_approve": may_approve,
        "may_launch": model_admin.has_launch_permission(request, campaign),  # type: ignore[attr-defined]
        "texts": list(texts_of(campaign)),
        "extras": extras_said(campaign),
        "test_says": test_summary(campaign),
        **when_shown(campaign, timezone.now()),
        "rhythm": rhythm_of(campaign, timezone.now()),
        "former": former,
        "changes": [change(found, campaign) for found in differences(former.frozen, approval.frozen)] if former else [],
        "is_stale": not is_same(freeze(campaign, timezone.now()), approval.frozen),
        **shown(waterfall_of(approval)),
    }
    return TemplateResponse(request, "campaigns/approval/page.html", context)


def approve(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    return _answered(request, campaign, is_yes=True)


def refuse(model_admin: Admin, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    return _answered(request, campaign, is_yes=False)


def waterfall_of(approval: Approval) -> Waterfall:
    """The count as it was when it was asked for."""
    stored = approval.waterfall
    excluded = {reason: (out[0], out[1]) for reason, out in stored["excluded"].items()}
    (planned_people, planned_devices), (people, devices) = stored["planned"], stored["sending"]
    return Waterfall(planned_people, planned_devices, people, devices, excluded)


def texts_of(campaign: Campaign) -> Iterator[Text]:
    """Every variant in every language, the app's default language first."""
    for variant in campaign.variants.all():
        default = campaign.app.default_language
        for language in sorted(variant.texts, key=lambda code: (code != default, code)):
            letter = chr(ord("A") + variant.position)
            screen = replace(screen_of(variant, language=language), facts=())  # no reader, so nothing is known of one
            yield Text(letter, variant.share, language_name(language), variant.texts[language], screen)


def change(found: Difference, campaign: Campaign) -> Change:
    """In the words of the builder."""
    return Change(_label(found.path), _value(found.path, found.before), _value(found.path, found.after))


def _answered(request: HttpRequest, campaign: Campaign, *, is_yes: bool) -> HttpResponse:
    """Opens one verb, then shows the campaign as it stands."""
    actor: Any = request.user
    asked = Approval.objects.filter(campaign=campaign, pk=_number(request.POST.get("approval", ""))).first()
    comment, now = request.POST.get("comment", ""), timezone.now()
    try:
        if asked is None:
            raise Conflict("already_answered", _("it does not wait for an answer any more"))
        if is_yes:
            fingerprint = request.POST.get("fingerprint", "")
            approvals.approve(approval=asked, fingerprint=fingerprint, actor=actor, comment=comment, now=now)
            messages.success(request, _("Approved. It goes out as it was shown to you."))
        else:
            approvals.refuse(approval=asked, actor=actor, comment=comment, now=now)
            messages.success(request, _("Refused. It is a draft again, with your comment."))
    except InvalidInput as refused:
        reasons = "; ".join(problem.message for problem in refused.problems)
        messages.error(request, _("That was not possible: %s") % reasons)
    except (Conflict, InvalidTransition) as refusal:
        messages.error(request, _("That was not possible: %s") % refusal)
    return HttpResponse(headers={"HX-Redirect": reverse("admin:campaigns_campaign_change", args=[campaign.pk])})


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 18 else 0


def _label(path: tuple[str, ...]) -> str:
    """ "Message A, French, title" for ("message", "0", "texts", "fr", "title")."""
    match path:
        case ("message", position, "texts", language, *rest):
            names = [str(labels().get(name, name)) for name in rest]
            return ", ".join([_("Message %s") % chr(ord("A") + int(position)), language_name(language), *names])
        case ("message", position, *rest):
            return ", ".join([_("Message %s") % chr(ord("A") + int(position)), *rest])
        case ("audience", "segments", pk, *rest):
            segment = Segment.objects.filter(pk=pk).first()
            part = _("rule") if rest[:1] == ["rule"] else ", ".join(rest)
            return f"{segment.name if segment else pk}, {part}"
        case ("audience", name):
            return str(labels()[name])
        case ("settings", name):
            return capfirst(str(_verbose_name(name)))
        case ("parts", name, *rest):
            return ", ".join(map(spoken, (name, *rest)))
    return ", ".join(map(spoken, path))


def _verbose_name(name: str) -> Any:
    try:
        return getattr(Campaign._meta.get_field(name), "verbose_name", name)
    except FieldDoesNotExist:
        return name


def _value(path: tuple[str, ...], value: Any) -> str:
    if value is None or value in ("", []):
        return "–"
    if path[0] == "audience" and path[1] in ("include", "exclude"):
        return ", ".join(Segment.objects.filter(pk__in=value).values_list("name", flat=True))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_entry(entry) for entry in value)
    return str(value)


def _entry(entry: Any) -> str:
    """ "Buy → https://..." for a button."""
    if not isinstance(entry, dict):
        return str(entry)
    return " → ".join(str(entry[name]) for name in ("label", "link", "icon") if entry.get(name))
