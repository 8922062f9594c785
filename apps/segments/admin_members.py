"""Below the rule: who is in a segment, how many over time, how the counting goes, and people put on a list."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.templatetags.house import Column, number
from apps.segments.admin_forms import PeopleForm
from apps.segments.admin_parts import posted_number
from apps.segments.admin_words import lost
from apps.segments.models import Segment
from apps.segments.queries import members_of, sizes_of
from apps.segments.rules import validate_rule
from apps.segments.rules.cycles import segments_named
from apps.segments.services.list_files import names_in_file, names_in_text
from apps.segments.services.lists import Listed, add_to_list, remove_from_list
from apps.segments.services.refresh import SegmentBroken, refresh_segment

type Admin = ModelAdmin[Segment]
MEMBERS_A_PAGE = 20
LONGEST_NAME = 255
MOST_UNKNOWN_SHOWN = 20


def members(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Who is in it, page by page."""
    return TemplateResponse(request, "segments/members.html", {**member_page(request, segment), "is_part": True})


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
    _tell_listed(request, listed)
    return redirect("admin:segments_segment_change", segment.pk)


def remove_person(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Take one person off a list; answers with the page of people."""
    whom = posted_number(request, "customer") or 0
    try:
        removed = remove_from_list(segment=segment, customer_ids=[whom], now=timezone.now())
    except InvalidInput as refusal:
        return HttpResponse(str(refusal), status=refusal.status, content_type="text/plain")
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
        messages.success(request, text % {"count": number(done.member_count)})
    return redirect("admin:segments_segment_change", segment.pk)


def state(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """How the counting goes; asked again and again until it is over, which the rest of the page is told then."""
    answer = TemplateResponse(request, "segments/state_note.html", {**standing(segment), "is_asked": True})
    if segment.state in ("fresh", "broken"):
        answer["HX-Trigger"] = "segment-counted"
    return answer


def sizes(model_admin: Admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    """Size and history, again after a count."""
    return TemplateResponse(request, "segments/size_card.html", {"segment": segment, **size_history(segment)})


def size_history(segment: Segment) -> dict[str, Any]:
    """The sizes of the latest looks as columns, on the clock of the app."""
    looks = sizes_of(segment)
    times = [one.at.astimezone(ZoneInfo(segment.app.time_zone)) for one in looks]
    columns = [_column(at, one.member_count) for at, one in zip(times, looks, strict=True)]
    return {"sizes": columns, "last_change": looks[-1] if looks else None}


def _column(at: datetime, count: int) -> Column:
    """Several looks of a day stand side by side: only the table and the hint have room for the time."""
    told = f"{date_format(at, 'j M, H:i')} {at:%Z}"
    return Column(date_format(at, "j M"), [count], f"{told}: {number(count)}", told)


def standing(segment: Segment) -> dict[str, Any]:
    """Where the counting stands. missing: what its rule lost, in words; broken_ones: segments it needs."""
    told: dict[str, Any] = {"segment": segment, "last_look": segment.refreshes.first()}
    if segment.state == "broken":
        named = segments_named(segment.rule)
        told |= {
            "missing": list(dict.fromkeys(map(lost, missing(segment)))),
            "broken_ones": Segment.objects.filter(app=segment.app_id, pk__in=named, state="broken"),
        }
    return told


def missing(segment: Segment) -> list[FieldProblem]:
    """What the stored rule asks about that the app does not have (any more): pointers as of a draft."""
    try:
        validate_rule(segment.rule, segment.app, segment_id=segment.pk)
    except InvalidInput as refusal:
        return [FieldProblem(f"/rule{one.pointer}", one.code, one.message, one.came) for one in refusal.problems]
    return []


def member_page(request: HttpRequest, segment: Segment) -> dict[str, Any]:
    wanted = (request.GET.get("q") or request.POST.get("q") or "").replace("\0", "").strip()[:LONGEST_NAME]
    people = members_of(segment)
    if wanted:
        people = people.filter(
            Q(external_id__startswith=wanted) | Q(first_name__istartswith=wanted) | Q(last_name__istartswith=wanted)
        )
    pages = Paginator(people, MEMBERS_A_PAGE)
    shown = pages.get_page(request.GET.get("page") or request.POST.get("page"))
    may_change = request.user.has_perm("segments.change_segment")  # type: ignore[union-attr]
    may_remove = may_change and segment.kind == "static"
    return {"segment": segment, "people": shown, "wanted": wanted, "may_remove": may_remove}


def _tell_listed(request: HttpRequest, listed: Listed) -> None:
    joined, already = listed.joined_count, listed.already_count
    text = ngettext("%(count)s person was added.", "%(count)s people were added.", joined) % {"count": number(joined)}
    if already:
        text += " " + ngettext("%(count)s was on it.", "%(count)s were on it.", already) % {"count": number(already)}
    messages.success(request, text)
    if listed.unknown:
        count = len(listed.unknown)
        text = ngettext(
            "%(count)s id belongs to nobody here: %(ids)s", "%(count)s ids belong to nobody here: %(ids)s", count
        )
        messages.warning(request, text % {"count": number(count), "ids": _some(listed.unknown)})
    if listed.malformed:
        count = len(listed.malformed)
        text = ngettext(
            "%(count)s entry was left out, for it is too long or holds NUL bytes or control characters: %(ids)s",
            "%(count)s entries were left out, for they are too long or hold NUL bytes or control characters: %(ids)s",
            count,
        )
        messages.warning(request, text % {"count": number(count), "ids": _some(listed.malformed)})


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:MOST_UNKNOWN_SHOWN]) + (" …" if len(ids) > MOST_UNKNOWN_SHOWN else "")
