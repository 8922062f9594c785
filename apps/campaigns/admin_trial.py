"""Test sends beside the builder: the team's test devices, how one is added, and what became of a test."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import segno
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.campaigns.admin_draft import language_name, texts_of
from apps.campaigns.admin_preview import found_readers
from apps.campaigns.admin_problems import in_words
from apps.campaigns.models import Automation, Campaign
from apps.campaigns.services.automations.event_words import tried_step
from apps.campaigns.services.automations.steps import PUSH
from apps.campaigns.services.trials import Tried, tried_campaign, try_out
from apps.core.problems import Conflict, InvalidInput
from apps.customers.models import Customer
from apps.customers.queries import person_named
from apps.deliveries.admin_words import outcome_label
from apps.deliveries.explanation import explain_dispatch
from apps.deliveries.models import Dispatch
from apps.devices.models import Device, PairedDevice
from apps.devices.queries import paired_devices
from apps.devices.services.pairing import make_code, pair_device, unpair_device

# Whose message is tried. The pages are the same; what is sent is said by `_message`.
type Draft = Campaign | Automation
type Admin = ModelAdmin[Any]
MOST_FOUND = 5
MOST_VARIANTS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a test on one device. tone: as of core.words; is_waiting: no answer yet."""

    name: str
    platform: str
    word: Any
    text: str
    tone: str = ""
    is_waiting: bool = False


def trial(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """The dialog."""
    return TemplateResponse(request, "campaigns/trial/dialog.html", _listed(request, draft))


def devices(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """The list of test devices alone, asked for while a code is shown; nothing where it is as it was."""
    context = _listed(request, draft)
    if set(request.GET.getlist("known")) == {str(one.pk) for one in context["paired"]} and request.GET.get("known"):
        return HttpResponse(status=204)
    return TemplateResponse(request, "campaigns/trial/devices.html", context)


def add(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """How a device is added: a code to scan, or a person whose devices to choose from."""
    if not may_pair(request):
        raise Http404
    user: Any = request.user
    code = make_code(app=draft.app, user=user, now=timezone.now())
    link = request.build_absolute_uri(reverse("pair", args=[code]))
    context = {"base": base_of(draft), "link": link, "qr": _drawn(link)}
    return TemplateResponse(request, "campaigns/trial/add.html", context)


def found(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """Devices of the people whom `found_people` finds."""
    words = request.GET.get("owner", "").strip()
    people = found_readers(draft.app, words)[:MOST_FOUND] if words else []
    live = Device.objects.filter(customer__in=people, state__in=["active", "stale"], pairing=None)
    context = {"base": base_of(draft), "words": words, "found": live.select_related("customer")[: MOST_FOUND * 3]}
    return TemplateResponse(request, "campaigns/trial/found.html", context)


def pair(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """Make a device a test device; answers with the list."""
    device = sent_row(request, Device.objects.filter(app=draft.app_id).select_related("customer"), "device")
    user: Any = request.user
    problem = ""
    try:
        pair_device(device=device, name=f"{device.customer} · {device}", user=user, now=timezone.now())
    except Conflict as refusal:
        problem = str(refusal)
    context = {**_listed(request, draft), "problem": problem}
    return TemplateResponse(request, "campaigns/trial/devices.html", context)


def unpair(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """No test device any more; answers with the list."""
    user: Any = request.user
    paired = sent_row(request, paired_devices(draft.app), "paired")
    unpair_device(paired=paired, user=user, now=timezone.now())
    return devices(model_admin, request, draft)


def send(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """Send what is stored of the draft, in the language and as the person that the preview shows."""
    external_id = request.POST.get("preview_customer", "")
    customer = person_named(app=draft.app, external_id=external_id) if external_id else None
    tried, texts = _message(draft, customer, request)
    language = request.POST.get("preview_language", "")
    code = language if language in texts else draft.app.default_language
    chosen = row_numbers(request.POST.getlist("on"))
    user: Any = request.user
    context: dict[str, Any] = {"base": base_of(draft), "language": language_name(code), "reader": customer}
    try:
        told = try_out(
            tried=tried,
            text=texts.get(code, {}),
            customer=customer,
            devices=list(paired_devices(draft.app).filter(pk__in=chosen)),
            actor=user,
            now=timezone.now(),
        )
    except InvalidInput as refusal:
        context["problems"] = [in_words(problem, code) for problem in refusal.problems]
        return TemplateResponse(request, "campaigns/trial/result.html", context)
    context["refused"] = [_refusal(paired, reason) for paired, reason in told.refused]
    if told.dispatch:
        context.update(_became(told.dispatch, timezone.now()))
    return TemplateResponse(request, "campaigns/trial/result.html", context)


def _message(draft: Draft, customer: Customer | None, request: HttpRequest) -> tuple[Tried, Mapping[str, Any]]:
    """What is tried, and its texts by language: those of the variant, or of the step, that was sent along."""
    place = request.POST.get("preview_variant" if isinstance(draft, Campaign) else "step", "")
    position = int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else 0
    if isinstance(draft, Campaign):
        return tried_campaign(draft), texts_of(draft, position if position < MOST_VARIANTS else 0)
    step = draft.steps.filter(kind=PUSH, position=position).first()
    if step is None:
        raise Http404
    return tried_step(step, customer, timezone.now()), step.settings.get("texts", {})


def result(model_admin: Admin, request: HttpRequest, draft: Draft) -> HttpResponse:
    """What became of a test, asked for until every device has its answer."""
    origin = f"trial:{draft.pk}" if isinstance(draft, Campaign) else f"trial:automation:{draft.pk}"
    tests = Dispatch.objects.filter(app=draft.app_id, kind="test", origin=origin)
    dispatch = sent_row(request, tests, "dispatch")
    context = {"base": base_of(draft), **_became(dispatch, timezone.now())}
    return TemplateResponse(request, "campaigns/trial/answers.html", context)


def base_of(draft: Draft) -> str:
    """Where the pages of this draft are."""
    return reverse(f"admin:campaigns_{draft._meta.model_name}_changelist") + f"{draft.pk}/"


def _became(dispatch: Dispatch, now: datetime) -> dict[str, Any]:
    """One answer a device, in the words of the explanation."""
    batches = dispatch.batches.values_list("device_ids", flat=True)
    sent_to = Device.objects.filter(pk__in=[device_id for ids in batches for device_id in ids])
    by_id = {device.pk: device for device in sent_to.select_related("customer")}
    names = dict(PairedDevice.objects.filter(device__in=by_id).values_list("device_id", "name"))
    answers = []
    for customer in {device.customer for device in by_id.values()}:
        for reason in explain_dispatch(dispatch=dispatch, customer=customer, now=now).reasons:
            device = by_id.get(reason.device_id)
            name = names.get(reason.device_id) or (str(device) if device else "")
            is_waiting = reason.status == "queued"
            label = outcome_label(reason.status)
            word = _("Queued") if is_waiting else _("Accepted") if reason.status == "accepted" else label.name
            platform = device.get_platform_display() if device else ""
            text = "" if reason.status == "accepted" else reason.text
            answers.append(Answer(name, platform, word, text, label.tone if not is_waiting else "accent", is_waiting))
    answers.sort(key=lambda answer: answer.name)
    return {"dispatch": dispatch, "answers": answers, "is_waiting": any(one.is_waiting for one in answers)}


def _refusal(paired: PairedDevice, reason: str) -> Answer:
    return Answer(paired.name, paired.device.get_platform_display(), _("Not sent"), reason, "bad")


def _listed(request: HttpRequest, draft: Draft) -> dict[str, Any]:
    return {
        "base": base_of(draft),
        "step": request.GET.get("step", ""),
        "paired": list(paired_devices(draft.app)),
        "unchecked": unchecked(request),
        "may_pair": may_pair(request),
        "may_try": request.user.has_perm("campaigns.try_campaign"),  # type: ignore[union-attr]
    }


def unchecked(request: HttpRequest) -> set[int]:
    """Devices that were listed and not chosen when the list was asked for again: they stay so."""
    sent = request.POST if request.method == "POST" else request.GET
    return row_numbers(sent.getlist("known")) - row_numbers(sent.getlist("on"))


def row_numbers(words: Iterable[str]) -> set[int]:
    """Those of the words sent that may be numbers of rows."""
    return {int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 19}


def may_pair(request: HttpRequest) -> bool:
    return request.user.has_perm("devices.add_paireddevice")  # type: ignore[union-attr]


def sent_row(request: HttpRequest, rows: Any, name: str) -> Any:
    """The row whose number was sent under this name, or 404."""
    number = request.POST.get(name) or request.GET.get(name) or ""
    row = rows.filter(pk__in=row_numbers([number])).first()
    if row is None:
        raise Http404
    return row


def _drawn(link: str) -> SafeString:
    """The link as a QR code, black on white in any theme, for a camera has to read it."""
    drawn = segno.make(link, error="m", micro=False)
    svg = drawn.svg_inline(scale=4, border=3, light="#fff", omitsize=True, svgclass="hg-qr")
    return mark_safe(svg)  # noqa: S308  (made here, of squares)


PAGES = {
    "trial": (trial, "view"),
    "trial-devices": (devices, "view"),
    "trial-add": (add, "view"),
    "trial-found": (found, "view"),
    "trial-result": (result, "view"),
    "trial-send": (send, "try"),
    "trial-pair": (pair, "pair"),
    "trial-unpair": (unpair, "pair"),
}
"""Of every row that has a message to try: `row_pages` of its admin."""
