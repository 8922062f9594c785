"""The pages of a segment: the rule builder with its live count, the list with its people."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.admin_pages import draw_page
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.templatetags.house import Column
from apps.customers.admin_views import may_see_contacts
from apps.customers.masking import masked_email
from apps.customers.models import Customer
from apps.segments import admin_rule_json
from apps.segments.admin_forms import NewSegmentForm, PeopleForm, SegmentForm
from apps.segments.admin_rule_form import EVERYBODY, read_form, read_row
from apps.segments.admin_rule_page import Drawer, GroupView, fresh_id
from apps.segments.admin_why import answer_why
from apps.segments.admin_words import lost
from apps.segments.models import Segment
from apps.segments.queries import members_of, sizes_of, users_of
from apps.segments.rules import explain_rule, load_catalogue, validate_rule
from apps.segments.rules.cycles import segments_named
from apps.segments.services.counting import Superseded, Turn
from apps.segments.services.editing import SegmentDraft, change_segment, create_segment
from apps.segments.services.list_files import names_in_file, names_in_text
from apps.segments.services.lists import add_to_list, remove_from_list
from apps.segments.services.preview import count_rule
from apps.segments.services.refresh import SegmentBroken, refresh_segment
from apps.segments.starters import starters_for
from apps.segments.suggestions import values_of

type Admin = ModelAdmin[Segment]
MEMBERS_A_PAGE = 20
MOST_UNKNOWN_SHOWN = 20


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


def part(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """A new row or group, or a row drawn again because its field, operator or event was changed."""
    app = _own_app(request, slug)
    drawer = _drawer(app, _number(request, "segment"))
    action, parent = request.POST.get("action", ""), request.POST.get("parent", "")
    if action == "starter":
        starters = {one.key: one for one in starters_for(drawer.catalogue)}
        chosen = starters.get(request.POST.get("starter", ""))
        return _piece(request, app, drawer.tree(chosen.rule if chosen else EVERYBODY), starters=starters.values())
    if action == "add-group":
        depth = min(_number(request, "depth") or 1, 3) + 1
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
        preview = count_rule(app=app, rule=rule, now=timezone.now(), turn=_turn(request, branch))
        context |= {"preview": preview, "sample": _shown(preview.sample, may_reveal=may_see_contacts(request))}
        context["words"] = explain_rule(rule, app)
    except Superseded:
        return HttpResponse(status=204)
    except InvalidInput as refusal:
        context["problems"] = refusal.problems
        context["is_too_slow"] = refusal.status == 422
    template = "segments/builder/branch_count.html" if branch else "segments/builder/count.html"
    return TemplateResponse(request, template, context)


def members(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Who is in it, page by page."""
    return TemplateResponse(request, "segments/members.html", _members(request, segment))


def add_people(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Put people on a list from a text or a file."""
    form = PeopleForm(request.POST, request.FILES)
    try:
        names = names_in_text(request.POST.get("pasted", ""))
        if form.is_valid() and form.cleaned_data["file"]:
            names += names_in_file(form.cleaned_data["file"].read())
        if not names:
            raise InvalidInput([FieldProblem("/pasted", "required", _("paste ids or choose a file"))])
        listed = add_to_list(segment=segment, external_ids=names, now=timezone.now())
    except InvalidInput as refusal:
        for problem in refusal.problems:
            messages.error(request, problem.message)
        return redirect("admin:segments_segment_change", segment.pk)
    model_admin.log_change(request, segment, [{"listed": {"joined": listed.joined_count}}])
    _tell_listed(request, listed.joined_count, listed.already_count, listed.unknown)
    return redirect("admin:segments_segment_change", segment.pk)


def remove_person(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Take one person off a list; answers with the page of people."""
    removed = remove_from_list(segment=segment, customer_ids=[_number(request, "customer") or 0], now=timezone.now())
    model_admin.log_change(request, segment, [{"listed": {"left": removed}}])
    segment.refresh_from_db()
    return members(model_admin, request, segment)


def refresh_now(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Compute the members while the person waits."""
    try:
        done = refresh_segment(segment_id=segment.pk, now=timezone.now())
    except (SegmentBroken, Conflict) as refusal:
        messages.error(request, str(refusal))
    else:
        text = ngettext("%(count)s person is in it.", "%(count)s people are in it.", done.member_count)
        messages.success(request, text % {"count": number_format(done.member_count, force_grouping=True)})
    return redirect("admin:segments_segment_change", segment.pk)


def state(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """How the counting goes; asked again and again until it is over, which the rest of the page is told then."""
    answer = TemplateResponse(request, "segments/state_note.html", {**_standing(segment), "is_asked": True})
    if segment.state in ("fresh", "broken"):
        answer["HX-Trigger"] = "segment-counted"
    return answer


def sizes(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Size and history, again after a count."""
    return TemplateResponse(request, "segments/size_card.html", {"segment": segment, **_sizes(segment)})


def import_rule(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """A rule that was pasted or uploaded, drawn into the builder."""
    app = _own_app(request, slug)
    segment_id = _number(request, "segment")
    return admin_rule_json.import_rule(request, app, _drawer(app, segment_id), segment_id)


def why(model_admin: Admin, request: HttpRequest, slug: str) -> HttpResponse:
    """Why somebody is in it or not: by the rule as it stands on the page, or the stored one for who only reads."""
    app = _own_app(request, slug)
    segment = Segment.objects.filter(app=app, pk=_number(request, "of") or 0).first()
    is_typed = "node" in request.POST and (segment is None or segment.kind == "dynamic")
    rule = read_form(request.POST, load_catalogue(app)).rule if is_typed else segment.rule if segment else EVERYBODY
    return answer_why(request, app, segment, rule)


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
    drawer = _drawer(app, segment.pk if segment else None)
    if segment and kind == "dynamic" and not problems:
        problems = [replace(one, message=lost(one)) for one in _missing(segment)]
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
        **_sizes(segment),
        **_standing(segment),
        "users": users_of(segment),
        "people_form": PeopleForm(),
        "words": words,
        **_members(request, segment),
    }


def _sizes(segment: Segment) -> dict[str, Any]:
    sizes = sizes_of(segment)
    zone = ZoneInfo(segment.app.time_zone)
    return {
        "sizes": [
            Column(
                f"{one.at.astimezone(zone):%-d %b}",
                [one.member_count],
                f"{one.at:%-d %b %H:%M} UTC: {one.member_count}",
            )
            for one in sizes
        ],
        "last_change": sizes[-1] if sizes else None,
    }


def _standing(segment: Segment) -> dict[str, Any]:
    """Where the counting stands. missing: what its rule lost, in words; broken_ones: segments it needs."""
    told: dict[str, Any] = {"segment": segment, "last_look": segment.refreshes.first()}
    if segment.state == "broken":
        named = segments_named(segment.rule)
        told |= {
            "missing": list(dict.fromkeys(map(lost, _missing(segment)))),
            "broken_ones": Segment.objects.filter(app=segment.app_id, pk__in=named, state="broken"),
        }
    return told


def _missing(segment: Segment) -> list[FieldProblem]:
    """What the stored rule asks about that the app does not have (any more): pointers as of a draft."""
    try:
        validate_rule(segment.rule, segment.app, segment_id=segment.pk)
    except InvalidInput as refusal:
        return [FieldProblem(f"/rule{one.pointer}", one.code, one.message, one.came) for one in refusal.problems]
    return []


def _members(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    wanted = request.GET.get("q", "").strip() or request.POST.get("q", "").strip()
    people = members_of(segment)
    if wanted:
        people = people.filter(
            Q(external_id__startswith=wanted) | Q(first_name__istartswith=wanted) | Q(last_name__istartswith=wanted)
        )
    pages = Paginator(people, MEMBERS_A_PAGE)
    shown = pages.get_page(request.GET.get("page") or request.POST.get("page"))
    return {"segment": segment, "people": shown, "wanted": wanted, "may_remove": segment.kind == "static"}


def _tell_listed(request: HttpRequest, joined: int, already: int, unknown: tuple[str, ...]) -> None:
    text = ngettext("%(count)s person was added.", "%(count)s people were added.", joined) % {"count": joined}
    if already:
        text += " " + ngettext("%(count)s was on it.", "%(count)s were on it.", already) % {"count": already}
    messages.success(request, text)
    if unknown:
        text = ngettext(
            "%(count)s id belongs to nobody here: %(ids)s", "%(count)s ids belong to nobody here: %(ids)s", len(unknown)
        )
        some = ", ".join(unknown[:MOST_UNKNOWN_SHOWN]) + (" …" if len(unknown) > MOST_UNKNOWN_SHOWN else "")
        messages.warning(request, text % {"count": len(unknown), "ids": some})


def _shown(sample: Sequence[Customer], *, may_reveal: bool) -> list[tuple[Customer, str]]:
    """People with what tells them apart: an address as far as the reader may see it, else where they live."""
    addresses = {one.pk: one.email if may_reveal else masked_email(one.email) for one in sample}
    return [(one, addresses[one.pk] or str(one.traits.get("city") or one.country)) for one in sample]


def _turn(request: HttpRequest, branch: str) -> Turn | None:
    """Which count of which page this is; a branch is counted beside the whole."""
    page, number = request.POST.get("page", ""), _number(request, "turn")
    user: Any = request.user
    return Turn(user.pk, f"{page}:{branch}", number) if page and number is not None else None


def _drawer(app: App, segment_id: int | None) -> Drawer:
    return Drawer(load_catalogue(app), lambda source: values_of(app, source), segment_id=segment_id)


def _own_app(request: HttpRequest, slug: str) -> App:
    return get_object_or_404(apps_of(request.user), slug=slug)


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _piece(request: HttpRequest, app: App, node: Any, **more: Any) -> HttpResponse:
    context = {"node": node, "app": app, "may_edit": True, **more}
    return TemplateResponse(request, "segments/builder/node.html", context)
