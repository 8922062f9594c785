"""Test sends of SMS, beside a campaign's booster and an automation's SMS steps: test numbers, and what came of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.campaigns.admin_trial import Answer, Draft, base_of, may_pair, row_numbers, sent_row, unchecked
from apps.campaigns.models import Campaign
from apps.campaigns.services.automations.event_words import sample_facts
from apps.campaigns.services.readiness import known_names
from apps.core.masking import masked_phone
from apps.core.problems import InvalidInput
from apps.customers.models import Customer
from apps.customers.queries import person_named
from apps.gateways.faults import TOO_LATE
from apps.sms_booster.admin_step import rule_of
from apps.sms_booster.models import SmsTrial, TrialNumber
from apps.sms_booster.services.automation_step import SmsStep
from apps.sms_booster.services.rules import channel_problems, text_problems
from apps.sms_booster.services.trial_numbers import add_number, remove_number
from apps.sms_booster.services.trials import TriedText, try_text

type Admin = ModelAdmin[Any]
_ON_ITS_WAY = ("planned", "sending")
# So long the page asks for the phone's answer; most come within seconds, that of a phone that is off perhaps never.
REPORT_PATIENCE = timedelta(minutes=3)
# Why a phone did not get it, by the provider's code (twilio.com/docs/api/errors).
_UNDELIVERED = {
    "30003": gettext_lazy("the phone is off or out of reach"),
    "30004": gettext_lazy("the phone or its network blocks it"),
    "30005": gettext_lazy("there is no such number"),
    "30006": gettext_lazy("the number is a landline, or cannot take SMS"),
    "30007": gettext_lazy("its network took it for spam"),
}


def trial(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """The dialog."""
    return TemplateResponse(request, "sms_booster/trial/dialog.html", _listed(request, draft))


def add(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """Make a phone a test number; answers with the list, and with what was typed where it cannot be one."""
    user: Any = request.user
    name, phone = request.POST.get("name", ""), request.POST.get("phone", "")
    problem = ""
    try:
        add_number(app=draft.app, name=name, phone=phone, user=user, now=timezone.now())
    except InvalidInput as refusal:
        problem = refusal.problems[0].message
    typed = {"typed_name": name, "typed_phone": phone} if problem else {}
    context = {**_listed(request, draft), "problem": problem, **typed}
    return TemplateResponse(request, "sms_booster/trial/added.html", context)


def remove(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """No test number any more; answers with the list."""
    user: Any = request.user
    number = sent_row(request, TrialNumber.objects.filter(app=draft.app_id), "number")
    remove_number(number=number, user=user, now=timezone.now())
    return TemplateResponse(request, "sms_booster/trial/numbers.html", _listed(request, draft))


def send(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """Send what is stored of the draft, as the person that the preview shows."""
    external_id = request.POST.get("preview_customer", "")
    customer = person_named(app=draft.app, external_id=external_id) if external_id else None
    chosen = row_numbers(request.POST.getlist("on"))
    user: Any = request.user
    context: dict[str, Any] = {"base": base_of(draft), "reader": customer}
    try:
        planned = try_text(
            tried=_tried(draft, customer, request),
            customer=customer,
            numbers=list(TrialNumber.objects.filter(app=draft.app_id, pk__in=chosen)),
            actor=user,
            now=timezone.now(),
        )
    except InvalidInput as refusal:
        context["problems"] = [capfirst(problem.message) for problem in refusal.problems]
    else:
        context.update(_became(planned))
    return TemplateResponse(request, "sms_booster/trial/result.html", context)


def result(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """What became of a test, asked for until each number has its answer."""
    asked = row_numbers(request.GET.getlist("sms"))
    found = SmsTrial.objects.filter(app=draft.app_id, subject=_subject(draft), pk__in=asked)
    context = {"base": base_of(draft), **_became(list(found.order_by("pk")))}
    return TemplateResponse(request, "sms_booster/trial/answers.html", context)


def _tried(draft: Draft, customer: Customer | None, request: HttpRequest) -> TriedText:
    """The text of the booster, or of the step that was sent along; judged by the rules of its launch."""
    if isinstance(draft, Campaign):
        rule = rule_of(draft)
        own = text_problems(rule.text, known_names(draft), counts_clicks=rule.counts_clicks)
        problems = [*own, *channel_problems(draft.app_id)]
        return TriedText(draft.app, _subject(draft), rule.text, problems=problems)
    place = request.POST.get("step", "")
    position = int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else -1
    step = draft.steps.filter(kind=SmsStep.kind, position=position).first()
    if step is None:
        raise Http404
    facts = sample_facts(draft, customer, timezone.now())
    problems = SmsStep().problems(automation=draft, step=step)
    return TriedText(draft.app, _subject(draft), str(step.settings.get("text", "")), facts, problems)


def _subject(draft: Draft) -> str:
    return f"{draft._meta.model_name}:{draft.pk}"


def _became(trials: Sequence[SmsTrial]) -> dict[str, Any]:
    is_queued = any(one.state in _ON_ITS_WAY for one in trials)
    return {
        "trials": trials,
        "answers": [_answer(one) for one in trials],
        "is_waiting": is_queued or any(map(_awaits_report, trials)),
        "again_after": "700ms" if is_queued else "2s",
    }


def _awaits_report(one: SmsTrial) -> bool:
    """Taken by the provider just now, so that its report about the phone may still come."""
    return one.state == "accepted" and one.settled_at is not None and timezone.now() - one.settled_at < REPORT_PATIENCE


def _answer(one: SmsTrial) -> Answer:
    """One number's, in words; of what failed the provider's own."""
    phone = masked_phone(one.sealed["to"])
    if one.state in _ON_ITS_WAY:
        return Answer(one.name, phone, _("Queued"), "", "accent", is_waiting=True)
    if _awaits_report(one):
        return Answer(
            one.name, phone, _("Accepted"), _("the provider took it; the phone's answer is awaited"), "good", True
        )
    if one.state == "accepted":
        told = _("the provider took it, and has not reported whether it arrived: look at the phone")
        return Answer(one.name, phone, _("Accepted"), told, "good")
    if one.state == "delivered":
        return Answer(one.name, phone, _("Delivered"), _("the provider reports that it arrived"), "good")
    if one.state == "undelivered":
        why = " ".join(filter(None, (str(_UNDELIVERED.get(one.code, "")), f"({one.code})" if one.code else "")))
        return Answer(one.name, phone, _("Not delivered"), why, "bad")
    if one.state == "unknown":
        return Answer(one.name, phone, _("No answer"), _("it may have arrived: look at the phone"), "warn")
    if one.code == TOO_LATE:
        late = _("nobody took it in time: try again, or ask whoever runs the system whether its workers are well")
        return Answer(one.name, phone, _("Not sent"), late, "bad")
    return Answer(one.name, phone, _("Not sent"), " ".join(filter(None, (one.code, one.detail))), "bad")


def _listed(request: HttpRequest, draft: Draft) -> dict[str, Any]:
    return {
        "base": base_of(draft),
        "step": request.GET.get("step", ""),
        "numbers": [(one, masked_phone(one.phone)) for one in TrialNumber.objects.filter(app=draft.app_id)],
        "unchecked": unchecked(request),
        "may_pair": may_pair(request),
        "may_try": request.user.has_perm("campaigns.try_campaign"),  # type: ignore[union-attr]
    }


PAGES = {
    "sms-trial": (trial, "view"),
    "sms-trial-result": (result, "view"),
    "sms-trial-send": (send, "try"),
    "sms-trial-add": (add, "pair"),
    "sms-trial-remove": (remove, "pair"),
}
"""Of every row that has an SMS to try: `register_row_pages`."""
