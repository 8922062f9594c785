"""Imports: a file taken in, its columns understood with a person's help, tried out, started, given up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers import import_extras
from apps.customers.models import ImportLine, ImportRun
from apps.customers.services.import_columns import CONSENTS, REASONS, Column, Reading, RecordReader, problems_of
from apps.customers.services.import_files import drop_file, read_bytes, take_header
from apps.customers.services.import_text import DELIMITERS, ENCODINGS, Block, Fault, read_block
from apps.customers.services.profile_fields import CleanCustomer
from apps.customers.services.profiles import OPT_OUT_KEPT, store_cleaned
from apps.customers.services.vocabulary import declare_traits, types_of
from apps.customers.services.wordings import versions_of
from apps.customers.states import IMPORT_STATES

PREVIEW_BYTES = 65_536
PREVIEW_LINES = 8
# How long refused lines can be fetched, and how long a file waits to be started.
KEPT_DAYS = 30
WAITS_DAYS = 7


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """A line as it would be stored. status: created, updated, unchanged or refused, with the problems.

    warnings: what of it would not be taken.
    """

    line: int
    cells: Sequence[str]
    values: Sequence[str]
    status: str
    problems: Sequence[FieldProblem]
    warnings: Sequence[FieldProblem] = ()


def columns_of(run: ImportRun) -> list[Column]:
    """What a person said, or was guessed."""
    return [Column(**one) for one in run.columns]


def reading_of(run: ImportRun) -> Reading:
    """How the run's lines are read."""
    app, is_mended = run.app, tuple(run.header[-len(REASONS) :]) == REASONS
    wording, columns = run.consent_wording, columns_of(run)
    versions = versions_of(app.pk, wording) if wording else {}
    return Reading(columns, app.default_country, app.time_zone, wording, run.empties_clear, is_mended, versions)


def reread(*, run: ImportRun, encoding: str, delimiter: str) -> None:
    """A person corrects what was detected; the columns are guessed anew. Raises InvalidInput, also as `take_header`."""
    if encoding not in ENCODINGS or delimiter not in DELIMITERS:
        raise InvalidInput([FieldProblem("/encoding", "not_offered", _("choose one of those offered"))])
    run.encoding, run.delimiter = encoding, delimiter
    take_header(run)
    read = {name: getattr(run, name) for name in ("encoding", "delimiter", "header", "columns", "position", "line")}
    ImportRun.objects.filter(pk=run.pk, state="waiting").update(**read)


def choose(
    *, run: ImportRun, columns: Sequence[Column], wording: str, empties_clear: bool, destination: str
) -> list[FieldProblem]:
    """Keep what a person chose; returns what is still wrong with it (pointers as `problems_of`, or /destination)."""
    run.columns = [asdict(column) for column in columns]
    run.consent_wording, run.empties_clear, run.destination = wording.strip()[:500], empties_clear, destination
    ImportRun.objects.filter(pk=run.pk, state="waiting").update(
        columns=run.columns,
        consent_wording=run.consent_wording,
        empties_clear=empties_clear,
        destination=destination,
    )
    return standing_problems(run)


def standing_problems(run: ImportRun) -> list[FieldProblem]:
    """Why this run cannot start as it stands."""
    problems = problems_of(columns_of(run), run.header, wording=run.consent_wording)
    if run.destination and run.destination not in {place.key for place in import_extras.all_places(run.app)}:
        problems.append(FieldProblem("/destination", "not_found", _("is no list of this app any more")))
    return problems


def channels_unworded(run: ImportRun) -> list[str]:
    """The channels to which this file says yes without telling what people agreed to."""
    return [] if run.consent_wording.strip() else [one.to for one in columns_of(run) if one.to in CONSENTS]


def startable_problems(run: ImportRun) -> list[FieldProblem]:
    """As `standing_problems`, and what the app's traits say against it; asks the database, changes nothing."""
    problems = standing_problems(run)
    known = types_of(app=run.app)
    for index, column in enumerate(columns_of(run)):
        kind = known.get(column.name, column.kind) if column.to == "trait" else column.kind
        if kind != column.kind:
            message = _("is known as %(known)s, not as %(wanted)s") % {"known": kind, "wanted": column.kind}
            problems.append(FieldProblem(f"/columns/{index}", "attribute_type_conflict", message))
    return problems


def first_cells(run: ImportRun, count: int) -> list[list[str]]:
    """The cells of the first sound lines, to recognise columns by."""
    cells = [cells for _line, cells in _first_block(run).records[:count]]
    return [[cell.encode("utf-8", "replace").decode()[:60] for cell in one] for one in cells]


def preview(*, run: ImportRun, now: datetime) -> list[PreviewLine]:
    """The first lines as they would be stored: by storing them, and taking it back. Empty while problems stand."""
    if standing_problems(run):
        return []
    block = _first_block(run)
    records = block.records[:PREVIEW_LINES]
    last = records[-1][0] if len(records) == PREVIEW_LINES else None
    lines = [
        *_tried(run, records, now),
        *_broken(run, [one for one in block.faults if last is None or one.line < last]),
    ]
    return sorted(lines, key=lambda one: one.line)[:PREVIEW_LINES]


def _first_block(run: ImportRun) -> Block:
    raw = read_bytes(run, run.position, PREVIEW_BYTES)
    return read_block(
        raw,
        encoding=run.encoding,
        delimiter=run.delimiter,
        width=len(run.header),
        line=run.line,
        is_last=run.position + len(raw) >= run.size_bytes,
    )


def _tried(run: ImportRun, records: Sequence[tuple[int, list[str]]], now: datetime) -> list[PreviewLine]:
    reader = RecordReader(reading_of(run))
    cleaned = [reader.read(cells) for _line, cells in records]
    with transaction.atomic():
        refused = declare_traits(app=run.app, types=_declared(run))
        verdicts = [] if refused else store_cleaned(app=run.app, cleaned=cleaned, now=now, source="import")
        transaction.set_rollback(True)
    if refused:
        return [PreviewLine(line, cells, [""] * len(cells), "refused", refused) for line, cells in records]
    return [
        PreviewLine(
            line,
            cells,
            _values(run, clean),
            verdict.status,
            [_titled(run, one) for one in verdict.problems],
            [one for one in verdict.warnings if one.code == OPT_OUT_KEPT],
        )
        for (line, cells), clean, verdict in zip(records, cleaned, verdicts, strict=True)
    ]


def _titled(run: ImportRun, problem: FieldProblem) -> FieldProblem:
    """Told with the title of the column it stands in."""
    titles = [title for title, one in zip(run.header, columns_of(run), strict=True) if _is_of(problem, one)]
    message = f"{titles[0]}: {problem.message}" if titles else problem.message
    return FieldProblem(problem.pointer, problem.code, message, problem.came)


def _is_of(problem: FieldProblem, column: Column) -> bool:
    return bool(column.to) and (f"{problem.pointer}/").startswith(f"{column.pointer}/")


def _broken(run: ImportRun, faults: Sequence[Fault]) -> list[PreviewLine]:
    width = len(run.header)
    return [
        PreviewLine(
            fault.line,
            [*fault.cells[:width], *[""] * (width - len(fault.cells))],
            [""] * width,
            "refused",
            [FieldProblem("", fault.code, fault.message)],
        )
        for fault in faults
    ]


def _values(run: ImportRun, clean: CleanCustomer) -> list[str]:
    """What each column's cell became, as a text for the screen."""
    words = {True: _("yes"), False: _("no")}
    shown = []
    for column in columns_of(run):
        value: Any = None
        if column.to == "external_id":
            value = clean.external_id
        elif column.to == "trait":
            value = (clean.traits or {}).get(column.name)
        elif column.to == "traits":
            value = ", ".join(clean.traits or {})
        elif column.pointer.startswith("/consent/"):
            value = clean.consent.get(column.pointer.removeprefix("/consent/"))
        elif column.to:
            value = clean.fields.get(column.to)
        if isinstance(value, bool):
            value = words[value]
        shown.append(", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value))
    return shown


def start(*, run: ImportRun, actor: User, now: datetime) -> None:
    """Hand the run to the workers. Raises InvalidInput with what is wrong, InvalidTransition where it was started."""
    problems = standing_problems(run)
    if problems:
        raise InvalidInput(problems)
    with transaction.atomic():
        refused = declare_traits(app=run.app, types=_declared(run))
        if refused:
            raise InvalidInput([_at_column(run, problem) for problem in refused])
        waiting = ImportRun.objects.filter(pk=run.pk)
        IMPORT_STATES.require(waiting, "running", started_at=now, leased_until=None)
        _audit(run, actor, "started", now)


def cancel(*, run: ImportRun, actor: User, now: datetime) -> None:
    """Stop for good; lines stored so far stay, the file is forgotten. Raises InvalidTransition where it is over."""
    with transaction.atomic():
        IMPORT_STATES.require(ImportRun.objects.filter(pk=run.pk), "cancelled", finished_at=now, leased_until=None)
        if run.started_at:
            import_extras.finish(run.destination, now)
        drop_file(run)
        _audit(run, actor, "cancelled", now)


def forget_old(*, now: datetime) -> int:
    """Refused lines KEPT_DAYS after the end, files that nobody started after WAITS_DAYS; returns the runs touched.

    Both hold what people told, and nobody needs them any more; the numbers stay. Their key goes, too: what a backup or
    a page of the disk still holds of them opens with an older key only.
    """
    old = ImportRun.objects.filter(finished_at__lt=now - timedelta(days=KEPT_DAYS))
    ImportLine.objects.filter(run__in=old.values("pk")).delete()
    old.alias(kept=Cast("file_key", TextField())).exclude(kept="").update(file_key=None)
    left = ImportRun.objects.filter(state="waiting", uploaded_at__lt=now - timedelta(days=WAITS_DAYS)).defer("file_key")
    count = 0
    for run in left:
        with transaction.atomic():
            count += IMPORT_STATES.move(ImportRun.objects.filter(pk=run.pk), "cancelled", finished_at=now)
            drop_file(run)
    return count


def _declared(run: ImportRun) -> dict[str, str]:
    return {column.name.strip(): column.kind for column in columns_of(run) if column.to == "trait"}


def _at_column(run: ImportRun, problem: FieldProblem) -> FieldProblem:
    pointers = [column.pointer for column in columns_of(run)]
    here = f"/columns/{pointers.index(problem.pointer)}" if problem.pointer in pointers else "/columns"
    return FieldProblem(here, problem.code, problem.message, problem.came)


def _audit(run: ImportRun, actor: User, verb: str, now: datetime) -> None:
    details = {"file": run.file_name, "bytes": run.size_bytes, "stored": run.stored_count}
    details |= {"consent_without_wording": told} if (told := channels_unworded(run)) else {}
    write_audit(
        app=run.app, actor=actor, action=f"importrun.{verb}", subject=f"importrun:{run.pk}", details=details, now=now
    )
