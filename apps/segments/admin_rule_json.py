"""Rules in and out of the builder as JSON."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.problems import FieldProblem, InvalidInput
from apps.segments.admin_rule_page import Drawer
from apps.segments.models import Segment
from apps.segments.services.rule_files import read_rule_file
from apps.segments.starters import starters_for

type Admin = ModelAdmin[Segment]
MOST_BYTES = 4_000_000


def export_rule(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """The rule as a file, to be taken in elsewhere."""
    response = JsonResponse(segment.rule, json_dumps_params={"indent": 2, "ensure_ascii": False})
    name = slugify(segment.name) or f"segment-{segment.pk}"
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


def import_rule(request: HttpRequest, app: App, drawer: Drawer, segment_id: int | None) -> HttpResponse:
    """The pasted or uploaded rule drawn in place of the one on the page; nothing is saved. Or all that is wrong."""
    context: dict[str, Any] = {"app": app, "may_edit": True}
    try:
        rule = read_rule_file(_sent_text(request), app=app, segment_id=segment_id)
    except InvalidInput as refusal:
        context["problems"] = refusal.problems
        answer = TemplateResponse(request, "segments/builder/import_problems.html", context)
        answer["HX-Retarget"] = "#import-problems"
        return answer
    context |= {"node": drawer.tree(rule), "starters": starters_for(drawer.catalogue)}
    return TemplateResponse(request, "segments/builder/imported.html", context)


def _sent_text(request: HttpRequest) -> str:
    """A file wins over what stands in the field."""
    file = request.FILES.get("rule_file")
    if file is None:
        return request.POST.get("rule_text", "")
    if (file.size or 0) > MOST_BYTES:
        message = _("is larger than %(limit)d MB") % {"limit": MOST_BYTES // 1_000_000}
        raise InvalidInput([FieldProblem("", "file_too_large", message)])
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput([FieldProblem("", "encoding", _("is not UTF-8, so it is no JSON"))]) from error
