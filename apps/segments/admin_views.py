"""The page of a segment: the rule builder, or the list with its people. A new one begins with that choice."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.admin_pages import draw_page
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.problems import FieldProblem, InvalidInput
from apps.segments.admin_forms import NewSegmentForm, PeopleForm, SegmentForm
from apps.segments.admin_members import member_page, missing, size_history, standing
from apps.segments.admin_parts import drawer_for
from apps.segments.admin_rule_form import EVERYBODY, read_form
from apps.segments.admin_rule_page import Drawer, GroupView, fresh_id
from apps.segments.admin_words import lost
from apps.segments.models import Segment
from apps.segments.queries import users_of
from apps.segments.rules import explain_rule, load_catalogue
from apps.segments.services.editing import SegmentDraft, change_segment, create_segment
from apps.segments.starters import starters_for

type Admin = ModelAdmin[Segment]


def new_page(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """First which kind (and app), then the page of that kind."""
    apps = apps_of(request.user).filter(is_active=True)
    form = NewSegmentForm(apps, request.GET if "kind" in request.GET else None)
    if not form.is_valid():
        only = apps[:2]
        context = {"apps": apps, "only": only[0] if len(only) == 1 else None, "title": _("New segment")}
        return draw_page(model_admin, request, "segments/new.html", context)
    app, kind = form.cleaned_data["app"], form.cleaned_data["kind"]
    return _editor(model_admin, request, app, kind, None)


def page(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """An existing segment."""
    return _editor(model_admin, request, segment.app, segment.kind, segment)


def _editor(model_admin: Admin, request: HttpRequest, app: App, kind: str, segment: Segment | None) -> HttpResponse:
    may_edit = (
        model_admin.has_change_permission(request, segment) if segment else model_admin.has_add_permission(request)
    )
    if request.method == "POST" and not may_edit:
        raise Http404
    catalogue = load_catalogue(app)
    rule, ids, problems = (segment.rule or dict(EVERYBODY)) if segment else dict(EVERYBODY), {}, []
    form = SegmentForm(request.POST if request.method == "POST" else None, initial=_initial(segment))
    if request.method == "POST":
        read = read_form(request.POST, catalogue)
        rule, ids = read.rule, dict(read.ids)
        draft = _draft(form, rule if kind == "dynamic" else None)
        try:
            saved = _save(app, segment, draft, timezone.now())
        except InvalidInput as refusal:
            problems = refusal.problems
        else:
            return _saved(model_admin, request, saved, is_new=segment is None)
    drawer = drawer_for(app, segment.pk if segment else None)
    if segment and kind == "dynamic" and not problems:
        problems = [replace(one, message=lost(one)) for one in missing(segment)]
    context = {
        "title": segment.name if segment else _("New segment") if kind == "dynamic" else _("New list"),
        "original": segment,
        "segment": segment,
        "app": app,
        "kind": kind,
        "page": fresh_id(),
        "form": form,
        "beside": _beside(problems),
        "problem_count": len(problems) if request.method == "POST" else 0,
        "starters": starters_for(catalogue) if kind == "dynamic" else [],
        "may_edit": may_edit,
        "may_delete": segment is not None and model_admin.has_delete_permission(request, segment),
        "tree": _drawn(drawer, rule, ids, problems) if kind == "dynamic" else None,
        **(_about(request, segment) if segment else {}),
    }
    template = "segments/rule_page.html" if kind == "dynamic" else "segments/list_page.html"
    return draw_page(model_admin, request, template, context, status=422 if context["problem_count"] else 200)


def _draft(form: SegmentForm, rule: Any) -> SegmentDraft:
    form.is_valid()
    told = form.cleaned_data
    return SegmentDraft(
        name=told.get("name", ""),
        description=told.get("description", ""),
        rule=rule,
        refresh_every_minutes=told.get("refresh_every_minutes") or 15,
    )


def _save(app: App, segment: Segment | None, draft: SegmentDraft, now: datetime) -> Segment:
    if segment is None:
        return create_segment(app=app, draft=draft, now=now)
    return change_segment(segment=segment, draft=draft)


def _saved(model_admin: Admin, request: HttpRequest, segment: Segment, *, is_new: bool) -> HttpResponse:
    log = model_admin.log_addition if is_new else model_admin.log_change
    log(request, segment, [{"added" if is_new else "changed": {}}])
    if segment.state == "due":
        messages.success(request, _("Saved. Its people are being counted."))
    else:
        messages.success(request, _("Saved."))
    return redirect("admin:segments_segment_change", segment.pk)


def _initial(segment: Segment | None) -> dict[str, Any]:
    names = ("name", "description", "refresh_every_minutes")
    return {name: getattr(segment, name) for name in names} if segment else {"refresh_every_minutes": 15}


def _drawn(drawer: Drawer, rule: Any, ids: dict[str, str], problems: list[FieldProblem]) -> GroupView:
    own = [
        FieldProblem(one.pointer.removeprefix("/rule"), one.code, one.message)
        for one in problems
        if one.pointer.startswith("/rule")
    ]
    return drawer.tree(rule, ids, own)


def _beside(problems: list[FieldProblem]) -> dict[str, list[FieldProblem]]:
    """Problems of the fields beside the rule, by field."""
    found: dict[str, list[FieldProblem]] = {}
    for problem in problems:
        found.setdefault(problem.pointer.split("/")[1] if problem.pointer else "", []).append(problem)
    return found


def _about(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    """What stands below an existing segment: sizes, uses, people."""
    words = None
    if segment.kind == "dynamic":
        with suppress(InvalidInput):
            words = explain_rule(segment.rule, segment.app)
    return {
        **size_history(segment),
        **standing(segment),
        "users": users_of(segment),
        "people_form": PeopleForm(),
        "words": words,
        **member_page(request, segment),
    }
