"""Rules in and out of the builder as JSON."""

import re
from collections.abc import Mapping
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
from apps.segments.services.rule_references import NamesUnknown, outgoing
from apps.segments.starters import starters_for

type Admin = ModelAdmin[Segment]
MOST_BYTES = 4_000_000
# Before the key of a reference: which segment or campaign of this app it means.
MEANS = "means:"


def export_rule(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """The rule as a file, to be taken in elsewhere."""
    response = JsonResponse(outgoing(segment.rule, segment.app), json_dumps_params={"indent": 2, "ensure_ascii": False})
    name = slugify(segment.name) or f"segment-{segment.pk}"
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


def import_rule(
    request: HttpRequest, app: App, drawer: Drawer, segment_id: int | None, chosen: Mapping[str, str]
) -> HttpResponse:
    """The pasted or uploaded rule drawn in place of the one on the page; nothing is saved. Or all that is wrong.

    Where it asks about segments or campaigns that this app does not have, the answer asks which are meant: `chosen`.
    """
    context: dict[str, Any] = {"app": app, "may_edit": True}
    try:
        rule = read_rule_file(_sent_text(request), app=app, segment_id=segment_id, chosen=chosen)
    except InvalidInput as refusal:
        return _again(request, "import_problems", {**context, "problems": _placed(refusal)})
    except NamesUnknown as question:
        return _again(request, "import_question", {**context, "references": question.references})
    context |= {"node": drawer.tree(rule), "starters": starters_for(drawer.catalogue)}
    return TemplateResponse(request, "segments/builder/imported.html", context)


def _again(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Beside the text that was sent, which stays."""
    answer = TemplateResponse(request, f"segments/builder/{template}.html", context)
    answer["HX-Retarget"] = "#import-problems"
    return answer


def _placed(refusal: InvalidInput) -> list[tuple[str, FieldProblem]]:
    """Each problem with its place in words: "Rule 2, 1" is the first rule of the second, which is a group."""
    return [(place_of(problem.pointer), problem) for problem in refusal.problems]


def place_of(pointer: str) -> str:
    """Where in a rule, as its reader counts: from one. "" for the whole."""
    steps = re.findall(r"/rules/(\d+)", pointer)
    return _("Rule %(place)s") % {"place": ", ".join(str(int(step) + 1) for step in steps)} if steps else ""


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
