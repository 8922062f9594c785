"""The page of an automation that runs, or ran, and what a person does with it: start, pause, resume, end, copy."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_flow import card_kinds
from apps.campaigns.admin_flow_words import reason_words, state_word, step_words, trigger_words
from apps.campaigns.admin_review import sent_number
from apps.campaigns.admin_rights import SendingAdmin
from apps.campaigns.funnel import (
    funnel,
    overdue_since,
    standing_faults,
    stopped_sends,
    waiting_at,
)
from apps.campaigns.models import Automation
from apps.campaigns.services.automations import lifecycle
from apps.campaigns.services.automations.faults import MOST_TRIES
from apps.core.problems import Conflict, InvalidInput
from apps.core.states import InvalidTransition

type Pages = SendingAdmin


def run_page(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
    """What runs, or ran: its funnel, step by step."""
    now = timezone.now()
    counted = funnel(automation, now)
    overdue, overdue_at = overdue_since(automation, now) if automation.state == "paused" else (0, None)
    steps = [
        {
            "numbers": one,
            "kind": next((kind for kind in card_kinds() if kind.kind == one.step.kind), None),
            "words": step_words(one.step, automation),
            "left": [(reason_words(reason), count) for reason, count in one.left.items()],
            "people": waiting_at(automation, one.step.position) if one.waiting else [],
        }
        for one in counted.steps
    ]
    context = {
        "title": automation.name,
        "original": automation,
        "automation": automation,
        "word": state_word(automation.state),
        "enters": trigger_words(automation),
        "funnel": counted,
        "left_by": [(reason_words(reason), count) for reason, count in counted.left_by.items()],
        "steps": steps,
        "stopped": stopped_sends(automation),
        "faults": [(fault, fault.position + 1, MOST_TRIES) for fault in standing_faults(automation)],
        "overdue": overdue,
        "overdue_at": overdue_at,
        "may_launch": model_admin.has_launch_permission(request, automation),
        "may_add": model_admin.has_add_permission(request),
    }
    return drawn(model_admin, request, "campaigns/flow/run.html", context)


def activate(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
    """Starts it as the version that was shown; what keeps it from starting stands beside its fields."""
    actor: Any = request.user
    try:
        version = sent_number(request, "version")
        lifecycle.activate(automation=automation, version=version, actor=actor, now=timezone.now())
        messages.success(request, _("It is active: from now on people enter."))
    except InvalidInput:
        messages.error(request, _("It cannot start yet: what is missing stands below."))
        return redirect(reverse("admin:campaigns_automation_change", args=[automation.pk]) + "#start")
    except (Conflict, InvalidTransition) as refusal:
        messages.error(request, capfirst(str(refusal)))
    return redirect("admin:campaigns_automation_change", automation.pk)


def act(verb: Callable[..., Automation], done: Any) -> Callable[..., HttpResponse]:
    """A page that does one verb of the lifecycle and shows what it is about afterwards."""

    def page(model_admin: Pages, request: HttpRequest, automation: Automation) -> HttpResponse:
        after = automation
        try:
            after = verb(automation=automation, actor=request.user, now=timezone.now())
            messages.success(request, done)
        except InvalidInput as refusal:
            messages.error(request, "; ".join(problem.message for problem in refusal.problems))
        except (Conflict, InvalidTransition) as refusal:
            messages.error(request, capfirst(str(refusal)))
        return redirect("admin:campaigns_automation_change", after.pk)

    return page


def drawn(model_admin: Pages, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request, template, {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **context}
    )
