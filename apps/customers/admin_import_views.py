"""The pages of imports: upload, columns with a preview, progress, result."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import get_text_list, slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as told

from apps.accounts.admin_pages import draw_page
from apps.accounts.models import App
from apps.accounts.queries import apps_of
from apps.core.encryption import WrongKey
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.sealing import BrokenSeal
from apps.core.states import InvalidTransition
from apps.core.templatetags.house import number
from apps.core.words import Word
from apps.customers import import_extras
from apps.customers.admin_import_forms import (
    DELIMITER_NAMES,
    KIND_NAMES,
    TARGET_GROUPS,
    TARGET_NAMES,
    UploadForm,
    chosen_in,
)
from apps.customers.import_extras import Place
from apps.customers.models import Consent, ImportRun, Topic
from apps.customers.queries import refused_by_code, warned_by_code
from apps.customers.services import imports
from apps.customers.services.import_columns import REASONS, Column
from apps.customers.services.import_errors import lines_csv
from apps.customers.services.import_files import MOST_BYTES, store_upload, too_large
from apps.customers.services.import_text import ENCODINGS
from apps.customers.services.import_wordings import add_wording
from apps.customers.services.wordings import current_wordings, topic_subject
from apps.customers.told_lines import ToldLine, told_lines

type Admin = ModelAdmin[ImportRun]
_log = logging.getLogger(__name__)

# What surrounds a file in a request: its boundary and the other fields.
_FORM_BYTES = 100_000
WORDS = {
    "waiting": Word(told("Not started"), told("Say what its columns mean, then start it."), "warn"),
    "running": Word(told("Running"), told("Its lines are being stored."), "accent"),
    "done": Word(told("Done"), told("Every line is stored, or refused with its reason."), "good"),
    "failed": Word(told("Failed"), told("It was stopped by an error; lines stored so far stay."), "bad"),
    "cancelled": Word(told("Stopped"), told("It was stopped by hand; what was stored by then stays.")),
}
CHANNELS = dict(Consent.CHANNELS)
_UNREAD = Word(
    told("Thrown away"),
    told("It was thrown away before it began: nothing of it is stored."),
)


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the file in the form."""

    index: int
    title: str
    samples: Sequence[str]
    column: Column


def is_too_large(request: HttpRequest) -> bool:
    """Judged by its length, before any of it is read."""
    return int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES + _FORM_BYTES


def upload(model_admin: Admin, request: HttpRequest) -> HttpResponse:
    """Take a file in; then its columns are to be understood."""
    apps = apps_of(request.user).filter(is_active=True)
    if is_too_large(request):
        return _upload_page(model_admin, request, UploadForm(apps), str(too_large().problems[0].message), 413)
    form = UploadForm(apps, request.POST, request.FILES) if request.method == "POST" else UploadForm(apps)
    if request.method != "POST" or not form.is_valid():
        return _upload_page(model_admin, request, form, "")
    file, app = form.cleaned_data["file"], form.cleaned_data["app"]
    try:
        run = store_upload(
            app=app,
            pieces=file.chunks(),
            file_name=file.name or "people.csv",
            created_by=request.user.get_username(),
            now=timezone.now(),
        )
    except InvalidInput as refusal:
        return _upload_page(model_admin, request, form, refusal.problems[0].message, refusal.status)
    place = request.GET.get("to", "")
    if place in {one.key for one in import_extras.all_places(app)}:
        ImportRun.objects.filter(pk=run.pk).update(destination=place)
    model_admin.log_addition(request, run, [{"added": {}}])
    return _to(run)


def _upload_page(
    model_admin: Admin, request: HttpRequest, form: UploadForm, problem: str, status: int = 200
) -> HttpResponse:
    told = _("This file %(problem)s.") % {"problem": problem} if problem else ""
    context = {"title": _("Import people"), "form": form, "problem": told}
    return draw_page(model_admin, request, "customers/imports/upload.html", context, status)


def page(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """The page of a run: its columns before the start, its progress and result behind it."""
    may_import = model_admin.has_add_permission(request)
    context: dict[str, Any] = {"title": run.file_name, "original": run, "run": run, "may_import": may_import}
    if run.state == "waiting":
        try:
            context |= _mapping(run) if may_import else {}
        except (BrokenSeal, WrongKey) as error:
            _log.error("import %s: its file cannot be opened: %s", run.pk, error)
            messages.error(request, _("“%(file)s” cannot be opened any more: upload it again.") % {"file": run})
            return redirect("admin:customers_importrun_changelist")
        return draw_page(model_admin, request, "customers/imports/columns.html", context)
    return draw_page(model_admin, request, "customers/imports/progress.html", {**context, **_progress(run)})


def live(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """How far it is; the whole page once it is over, so that nothing asks any more."""
    context = {"run": run, "may_import": model_admin.has_add_permission(request), **_progress(run)}
    response = TemplateResponse(request, "customers/imports/live.html", context)
    if run.state != "running":
        response["HX-Refresh"] = "true"
    return response


def columns(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """Keep what was chosen, and show what it would store; words that were taken, in their box too."""
    is_filled = _keep(request, run)
    context = {"run": run, "is_swap": True, "is_filled": is_filled, **_mapping(run)}
    return TemplateResponse(request, "customers/imports/preview.html", context)


def reread(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """Another encoding or delimiter than was detected."""
    try:
        imports.reread(
            run=run, encoding=request.POST.get("encoding", ""), delimiter=request.POST.get("delimiter", "") or "\t"
        )
    except InvalidInput as refusal:
        messages.error(request, _("Read like that, this file %(problem)s.") % {"problem": refusal.problems[0].message})
    return _to(run)


def start(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """From here on workers have it."""
    _keep(request, run)
    try:
        imports.start(run=run, actor=request.user, now=timezone.now())  # type: ignore[arg-type]
    except InvalidInput as refusal:
        messages.error(request, _("Not started: %(why)s.") % {"why": _worded(run, refusal.problems)[0]})
    except InvalidTransition as refusal:
        messages.error(request, _too_late(refusal))
    return _to(run)


def cancel(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """Stop for good."""
    try:
        imports.cancel(run=run, actor=request.user, now=timezone.now())  # type: ignore[arg-type]
    except InvalidTransition as refusal:
        messages.error(request, _too_late(refusal))
    return _to(run)


def words(model_admin: Admin, request: HttpRequest, run: ImportRun) -> HttpResponse:
    """What people saw, known only now."""
    try:
        add_wording(run=run, text=request.POST.get("wording", ""), actor=request.user, now=timezone.now())  # type: ignore[arg-type]
    except InvalidInput as refusal:
        messages.error(request, _("Not written down: it %(why)s.") % {"why": refusal.problems[0].message})
    except Conflict as refusal:
        messages.error(request, _("Not written down: %(why)s.") % {"why": refusal})
    else:
        messages.success(request, _("Written down."))
    return _to(run)


def refused(model_admin: Admin, request: HttpRequest, run: ImportRun) -> StreamingHttpResponse:
    """The refused lines as they came, to be mended."""
    return _lines_file(run, "refused", is_stored=False)


def warned(model_admin: Admin, request: HttpRequest, run: ImportRun) -> StreamingHttpResponse:
    """The lines that were stored without all that they say."""
    return _lines_file(run, "not-all-taken", is_stored=True)


def _lines_file(run: ImportRun, word: str, *, is_stored: bool) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines_csv(run, is_stored=is_stored), content_type="text/csv; charset=utf-8")
    name = slugify(run.file_name.rsplit(".", 1)[0]) or "people"
    response["Content-Disposition"] = f'attachment; filename="{name}-{word}.csv"'
    return response


def _keep(request: HttpRequest, run: ImportRun) -> bool:
    """Whether words of the app were taken for what people saw."""
    chosen = chosen_in(request.POST, len(run.header))  # type: ignore[arg-type]
    known = current_wordings(run.app_id).get(chosen.known)
    imports.choose(
        run=run,
        columns=chosen.columns,
        wording=known.text if known else chosen.wording,
        empties_clear=chosen.empties_clear,
        destination=chosen.destination,
    )
    return known is not None


def _wordings(app: App) -> list[tuple[str, str, str]]:
    """What may be taken: subject, its name, the words in force."""
    topics = {topic_subject(one.key): one.name for one in Topic.objects.filter(app=app)}
    names = {channel: str(name) for channel, name in CHANNELS.items()} | topics
    return [
        (subject, names[subject], shown.text) for subject, shown in current_wordings(app.pk).items() if subject in names
    ]


def _unworded(run: ImportRun) -> str:
    """The channels of a yes without words, as one reads them."""
    return get_text_list([str(CHANNELS[channel]) for channel in imports.channels_unworded(run)], _("and"))


def _unread(run: ImportRun) -> list[str]:
    """The columns that became nothing, by their titles; those which a file of refused lines has more are ours."""
    pairs = zip(run.header, imports.columns_of(run), strict=True)
    return [title for title, column in pairs if not column.to and title not in REASONS]


def _mapping(run: ImportRun) -> dict[str, Any]:
    problems = imports.startable_problems(run)
    lines = imports.preview(run=run, now=timezone.now())
    samples = imports.first_cells(run, 3)
    chosen = imports.columns_of(run)
    return {
        "rows": [
            ColumnRow(index, title, [cells[index] for cells in samples if cells[index].strip()], column)
            for index, (title, column) in enumerate(zip(run.header, chosen, strict=True))
        ],
        "problems": _worded(run, problems),
        "wordings": _wordings(run.app),
        "unworded": _unworded(run),
        "read": [(TARGET_NAMES[one.to], one.name) for one in chosen if one.to],
        "lines": [
            {
                "line": one.line,
                "status": one.status,
                "values": [value for value, column in zip(one.values, chosen, strict=True) if column.to],
                "cells": [cell for cell, column in zip(one.cells, chosen, strict=True) if column.to],
                "problems": [problem.message for problem in one.problems],
                "warnings": [f"“{warning.came}” {warning.message}" for warning in one.warnings],
            }
            for one in lines
        ],
        "targets": TARGET_GROUPS,
        "kinds": KIND_NAMES,
        "encodings": ENCODINGS.items(),
        "delimiters": DELIMITER_NAMES,
        "places": import_extras.all_places(run.app),
    }


def _progress(run: ImportRun) -> dict[str, Any]:
    done = run.stored_count + run.refused_count
    until = run.finished_at or timezone.now()
    seconds = max((until - run.started_at).total_seconds(), 0.1) if run.started_at else 0.0
    share = run.position / run.size_bytes if run.size_bytes else 0.0
    left = seconds * (1 - share) / share if share and run.state == "running" else None
    return {
        "word": word_of(run),
        "done": done,
        "seconds": seconds,
        "rate": done / seconds if seconds else None,
        "left": left,
        "unchanged": run.stored_count - run.created_count - run.updated_count,
        "reasons": refused_by_code(run) if run.state != "running" else [],
        "examples": _examples(run) if run.state != "running" else [],
        "warnings": warned_by_code(run) if run.warned_count and run.state != "running" else [],
        "place": _place(run),
        "unworded": _unworded(run) if run.started_at else "",
        "unread": _unread(run) if run.started_at else [],
        "added": run.wordings.first(),
    }


def _examples(run: ImportRun) -> list[ToldLine]:
    """None where no key opens them any more: the page still says what became of the file."""
    try:
        return list(told_lines(run, limit=10))
    except (BrokenSeal, WrongKey) as error:
        _log.error("import %s: its lines cannot be opened: %s", run.pk, error)
        return []


def _place(run: ImportRun) -> Place | None:
    places = {one.key: one for one in import_extras.all_places(run.app)} if run.destination else {}
    return places.get(run.destination)


def _worded(run: ImportRun, problems: Sequence[FieldProblem]) -> list[str]:
    said = []
    for problem in problems:
        index = problem.pointer.removeprefix("/columns/")
        title = f"“{run.header[int(index)]}” " if index.isdecimal() else ""
        said.append(f"{title}{problem.message}" if title else f"{problem.message[:1].upper()}{problem.message[1:]}")
    return said


def word_of(run: ImportRun) -> Word:
    """What its state means to a person. Stopped midway, it says how far it came and what became of the rest."""
    if run.state != "cancelled":
        return WORDS[run.state]
    if run.started_at is None:
        return _UNREAD
    done = run.stored_count + run.refused_count
    story = _(
        "It was stopped by hand after %(done)s of about %(total)s lines. What was stored by then stays; the rest was"
        " not read, and the file is deleted. To go on, upload it again: what is stored already does not change."
    )
    return Word(WORDS["cancelled"].name, story % {"done": number(done), "total": number(max(run.total_count, done))})


def _too_late(refusal: InvalidTransition) -> str:
    """Somebody else was faster, or the page is old."""
    word = WORDS[refusal.current]
    return _("Nothing was done: in the meantime this import is “%(state)s”.") % {"state": word.name}


def _to(run: ImportRun) -> HttpResponseRedirect:
    return redirect("admin:customers_importrun_change", run.pk)
