"""The builder's live parts: rows drawn again, counts, imports, answers; each for the rule as it stands on the page."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone

from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.problems import InvalidInput
from apps.customers.admin_views import may_see_contacts
from apps.customers.masking import masked_email
from apps.customers.models import Customer
from apps.segments import admin_rule_json
from apps.segments.admin_rule_form import EVERYBODY, read_form, read_row
from apps.segments.admin_rule_json import MEANS
from apps.segments.admin_rule_page import Drawer
from apps.segments.admin_why import answer_why
from apps.segments.models import Segment
from apps.segments.rules import explain_rule, load_catalogue
from apps.segments.services.counting import Superseded, Turn
from apps.segments.services.preview import count_rule
from apps.segments.starters import starters_for
from apps.segments.suggestions import values_of

type Admin = ModelAdmin[Segment]


def part(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """A new row or group, or a row drawn again because its field, operator or event was changed."""
    app = _own_app(request, slug)
    drawer = drawer_for(app, posted_number(request, "segment"))
    action, parent = request.POST.get("action", ""), request.POST.get("parent", "")
    if action == "starter":
        starters = {one.key: one for one in starters_for(drawer.catalogue)}
        chosen = starters.get(request.POST.get("starter", ""))
        return _piece(request, app, drawer.tree(chosen.rule if chosen else EVERYBODY), starters=starters.values())
    if action == "add-group":
        depth = min(posted_number(request, "depth") or 1, 3) + 1
        group = drawer.group({"match": "any", "rules": [{}]}, parent, depth=depth)
        return _piece(request, app, group)
    if action == "add-rule":
        return _piece(request, app, drawer.row({}, parent))
    node = request.POST.get("of", "")
    leaf = read_row(request.POST, drawer.catalogue, node)
    row = drawer.row(leaf, parent, node=node, adds_condition=action == "add-condition")
    return _piece(request, app, row)


def count(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """How many people the rule on the page means; with `branch`, only that group. 204 where a newer count took over."""
    app = _own_app(request, slug)
    branch = request.POST.get("branch", "")
    rule = read_form(request.POST, load_catalogue(app), root=branch).rule
    context: dict[str, Any] = {"app": app, "branch": branch}
    try:
        preview = count_rule(app=app, rule=rule, now=timezone.now(), turn=turn_of(request, branch))
        context |= {"preview": preview, "sample": _shown(preview.sample, may_reveal=may_see_contacts(request))}
        context["words"] = explain_rule(rule, app)
    except Superseded:
        return HttpResponse(status=204)
    except InvalidInput as refusal:
        context["problems"] = refusal.problems
        context["is_too_slow"] = refusal.status == 422
    template = "segments/builder/branch_count.html" if branch else "segments/builder/count.html"
    return TemplateResponse(request, template, context)


def import_rule(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """A rule that was pasted or uploaded, drawn into the builder."""
    app = _own_app(request, slug)
    segment_id = posted_number(request, "segment")
    chosen = {name.removeprefix(MEANS): str(value) for name, value in request.POST.items() if name.startswith(MEANS)}
    return admin_rule_json.import_rule(request, app, drawer_for(app, segment_id), segment_id, chosen)


def why(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """Why somebody is in it or not: by the rule as it stands on the page, or the stored one for who only reads."""
    app = _own_app(request, slug)
    segment = Segment.objects.filter(app=app, pk=posted_number(request, "of") or 0).first()
    is_typed = "node" in request.POST and (segment is None or segment.kind == "dynamic")
    rule = read_form(request.POST, load_catalogue(app)).rule if is_typed else segment.rule if segment else EVERYBODY
    return answer_why(request, app, segment, rule)


def drawer_for(app: App, segment_id: int | None) -> Drawer:
    """What draws the rules of this app, offering the values that its people have."""
    return Drawer(load_catalogue(app), lambda source: values_of(app, source), segment_id=segment_id)


def _shown(sample: Sequence[Customer], *, may_reveal: bool) -> list[tuple[Customer, str]]:
    """People with what tells them apart: an address as far as the reader may see it, else where they live."""
    addresses = {one.pk: one.email if may_reveal else masked_email(one.email) for one in sample}
    return [(one, addresses[one.pk] or str(one.traits.get("city") or one.country)) for one in sample]


def turn_of(request: HttpRequest, branch: str) -> Turn | None:
    """Which count of which page this is; a branch is counted beside the whole."""
    page, number = request.POST.get("page", ""), posted_number(request, "turn")
    user: Any = request.user
    return Turn(user.pk, f"{page}:{branch}", number) if page and number is not None else None


def _own_app(request: HttpRequest, slug: str) -> App:
    return get_object_or_404(apps_of(request.user), slug=slug)


def posted_number(request: HttpRequest, name: str) -> int | None:
    """A row's number that the page sent; None where it is none."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _piece(request: HttpRequest, app: App, node: Any, **more: Any) -> HttpResponse:
    context = {"node": node, "app": app, "may_edit": True, **more}
    return TemplateResponse(request, "segments/builder/node.html", context)
