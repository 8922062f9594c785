"""A condition's live count: how many would go on, by the rule as it stands on the page."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from apps.campaigns.models import Automation
from apps.campaigns.services.automations.outlook import DAYS, people_passing
from apps.core.problems import InvalidInput
from apps.segments.admin_parts import turn_of
from apps.segments.admin_rule_form import read_form
from apps.segments.rules import explain_rule, load_catalogue
from apps.segments.services.counting import Superseded
from apps.segments.services.limits import Stopped, TooSlow

type Admin = ModelAdmin[Automation]


def count(model_admin: Admin, request: HttpRequest, automation: Automation) -> HttpResponse:
    """204 where a newer count of the same card took over."""
    step = request.POST.get("step", "")
    root = request.POST.get(f"s{step}-root", "")
    rule = read_form(request.POST, load_catalogue(automation.app), root=root).rule
    context: dict[str, Any] = {"days": DAYS}
    try:
        if rule["rules"]:
            context["passing"] = people_passing(automation, rule, timezone.now(), turn=turn_of(request, step))
            context["words"] = explain_rule(rule, automation.app)
    except (Superseded, Stopped):
        return HttpResponse(status=204)
    except TooSlow:
        context["is_too_slow"] = True
    except InvalidInput as refusal:
        context["is_too_slow"] = refusal.status == 422
    return TemplateResponse(request, "campaigns/flow/count.html", context)
