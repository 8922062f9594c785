"""The page of the emergency stop: one switch for all marketing, a second one for transactional messages."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from apps.core.problems import InvalidInput
from apps.deliveries.models import SendingStop
from apps.deliveries.services.stop import resume_sending, stop_sending

# What has to be typed before log-in codes and alerts stop, too.
CONFIRMING_WORD = "STOP"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch as it stands. stop None = off. needs_word: it is confirmed by typing a word."""

    scope: str
    title: Any
    meaning: Any
    stop: SendingStop | None
    needs_word: bool = False


TITLES = {
    "marketing": gettext_lazy("Campaigns, automations and SMS boosters"),
    "transactional": gettext_lazy("Transactional messages"),
}
MEANINGS = {
    "marketing": gettext_lazy(
        "Nothing of them leaves from two seconds after you stop, in all apps. What was under way waits, and goes on"
        " exactly where it was when you take the stop off; what expires meanwhile stays unsent."
    ),
    "transactional": gettext_lazy(
        "Log-in codes, alerts and order messages, and test sends. Your own servers go on handing them in; they wait"
        " here, and expire here. Stop them only when what they say is wrong."
    ),
}


class StopView(View):
    """GET shows the switches to who may see them, POST turns one for an owner."""

    admin_site: AdminSite = None  # type: ignore[assignment]

    def get(self, request: HttpRequest, problem: str = "", scope: str = "") -> HttpResponse:
        if not request.user.has_perm("deliveries.view_sendingstop"):  # type: ignore[union-attr]
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Emergency stop"),
            "switches": switches(),
            "word": CONFIRMING_WORD,
            "may_change": request.user.has_perm("deliveries.change_sendingstop"),  # type: ignore[union-attr]
            "problem": problem,
            "problem_scope": scope,
            "reason": request.POST.get("reason", ""),
        }
        return TemplateResponse(request, "deliveries/stop.html", context, status=400 if problem else 200)

    def post(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("deliveries.change_sendingstop"):  # type: ignore[union-attr]
            raise PermissionDenied
        scope = request.POST.get("scope", "")
        problem = _resume(request, scope) if request.POST.get("do") == "resume" else _stop(request, scope)
        return self.get(request, problem, scope) if problem else redirect("admin:sending_stop")


def switches() -> list[Switch]:
    on = {stop.scope: stop for stop in SendingStop.objects.all()}
    return [
        Switch(scope, TITLES[scope], MEANINGS[scope], on.get(scope), needs_word=scope == "transactional")
        for scope in SendingStop.SCOPES
    ]


def _stop(request: HttpRequest, scope: str) -> str:
    """Turn it on; returns why not, or ""."""
    if scope == "transactional" and request.POST.get("word", "").strip() != CONFIRMING_WORD:
        return _("Type %s to confirm.") % CONFIRMING_WORD
    actor: Any = request.user
    try:
        stop_sending(scope=scope, reason=request.POST.get("reason", ""), actor=actor, now=timezone.now())
    except InvalidInput as refused:
        return "; ".join(problem.message for problem in refused.problems).capitalize()
    messages.warning(request, _("Stopped. Nothing of it leaves any more."))
    return ""


def _resume(request: HttpRequest, scope: str) -> str:
    actor: Any = request.user
    if resume_sending(scope=scope, actor=actor, now=timezone.now()):
        messages.success(request, _("Going on. Whatever was under way continues where it was."))
    return ""
