"""The work on imports: claim one, store its lines block by block, write down what was refused.

Each block is one transaction: its people, its refused lines and the cursor behind it, under the lease's fence. A killed
worker has stored a block wholly or not at all, and the next goes on behind the last. While the database stores a block,
a thread reads the next one.
"""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.customers import import_extras
from apps.customers.models import ImportRun
from apps.customers.services.bulk import Raced, store_people
from apps.customers.services.import_columns import Column, RecordReader
from apps.customers.services.import_files import drop_file, line_end_after, read_bytes
from apps.customers.services.import_text import Fault, fault_message, last_line_end, read_block
from apps.customers.services.imports import columns_of, reading_of
from apps.customers.services.profile_fields import CleanCustomer
from apps.customers.services.profiles import accept_all_traits, merged
from apps.customers.states import IMPORT_STATES

# 6,000 lines: two of them, one being stored and one being read, take 60 MB.
BLOCK_BYTES = 500_000
LEASE = timedelta(seconds=60)
# Who imports the same people at the same moment is done within a try or two.
MOST_TRIES = 10

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has the run, or a person cancelled it: what this one was about to write is rolled back."""


@dataclass(slots=True)
class Prepared:
    """A block, read. people: (line, cells, what the rules made of them)."""

    people: list[tuple[int, list[str], CleanCustomer]]
    faults: list[Fault]
    end: int
    next_line: int


def continue_imports(
    *,
    clock: Callable[[], datetime],
    slot_seconds: float,
    is_stopping: Callable[[], bool] = lambda: False,
    block_bytes: int = BLOCK_BYTES,
) -> bool:
    """Work on imports that nobody works on, for about `slot_seconds`; True where there is more to do.

    Touches customers_importrun, _importpart, _importline and what `store_people` touches.
    """
    until = monotonic() + slot_seconds
    while monotonic() < until and not is_stopping():
        run = _claim(clock())
        if run is None:
            return False
        try:
            _work(run, clock, lambda: is_stopping() or monotonic() >= until, block_bytes)
        except LeaseLost:
            continue
    return ImportRun.objects.filter(_free(clock())).exists()


def _free(now: datetime) -> Q:
    return Q(state="running") & (Q(leased_until=None) | Q(leased_until__lt=now))


def _claim(now: datetime) -> ImportRun | None:
    with transaction.atomic():
        free = ImportRun.objects.select_for_update(skip_locked=True, of=("self",)).select_related("app")
        run = free.filter(_free(now)).order_by("started_at", "id").first()
        if run is not None:
            run.fence += 1
            ImportRun.objects.filter(pk=run.pk).update(fence=run.fence, leased_until=now + LEASE)
    return run


def _work(run: ImportRun, clock: Callable[[], datetime], is_over: Callable[[], bool], block_bytes: int) -> None:
    """Blocks until the end of the file or of the slot; then the lease is given back."""
    reader = RecordReader(reading_of(run))
    with ThreadPoolExecutor(1) as ahead:

        def begin(position: int, line: int) -> Future[Prepared] | None:
            if position >= run.size_bytes:
                return None
            raw = read_bytes(run, position, block_bytes)
            return _begin(run, raw, position, line, reader, ahead)

        coming = begin(run.position, run.line)
        while coming is not None:
            prepared = coming.result()
            coming = None if is_over() else begin(prepared.end, prepared.next_line)
            _store(run, prepared, clock())
    if run.position >= run.size_bytes:
        _finish(run, clock())
    else:
        ImportRun.objects.filter(pk=run.pk, fence=run.fence).update(leased_until=None)


def _begin(
    run: ImportRun, raw: bytes, position: int, line: int, reader: RecordReader, ahead: ThreadPoolExecutor
) -> Future[Prepared]:
    """Have the block at `position` read."""
    if not raw:
        raise LeaseLost
    is_last = position + len(raw) >= run.size_bytes
    if not (is_last or last_line_end(raw)):
        return ahead.submit(_overlong, line, line_end_after(run, position))
    text = (raw, run.encoding, run.delimiter, len(run.header))
    return ahead.submit(_prepare, text, position, line, reader, is_last=is_last)


def _overlong(line: int, end: int) -> Prepared:
    fault = Fault(line, "line_too_long", fault_message("line_too_long", (), 0), [])
    return Prepared([], [fault], end, line + 1)


def _prepare(
    text: tuple[bytes, str, str, int], position: int, line: int, reader: RecordReader, *, is_last: bool
) -> Prepared:
    raw, encoding, delimiter, width = text
    block = read_block(raw, encoding=encoding, delimiter=delimiter, width=width, line=line, is_last=is_last)
    people = [(number, cells, reader.read(cells)) for number, cells in block.records]
    return Prepared(people, block.faults, position + block.used, line + block.lines)


def _store(run: ImportRun, prepared: Prepared, now: datetime) -> None:
    """One block, wholly or not at all. Raises LeaseLost."""
    for _try in range(MOST_TRIES):
        try:
            with transaction.atomic():
                _store_block(run, prepared, now)
            break
        except Raced:
            continue
    else:
        raise LeaseLost
    run.position, run.line = prepared.end, prepared.next_line


def _store_block(run: ImportRun, prepared: Prepared, now: datetime) -> None:
    cleaned = [clean for _line, _cells, clean in prepared.people]
    accept_all_traits(app=run.app, cleaned=cleaned)
    created = updated = 0
    refused = [_refused_fault(fault) for fault in prepared.faults]
    sound = [clean for clean in cleaned if not clean.problems]
    people = sound if len({clean.external_id for clean in sound}) == len(sound) else list(merged(sound).values())
    if people:
        created, updated = _store_people(run, people, cleaned, now)
    columns = columns_of(run)
    refused += [
        (line, _kept_cells(cells, clean), _told(clean.problems, columns, run.header))
        for line, cells, clean in prepared.people
        if clean.problems
    ]
    _keep_refused(run, refused)
    moved = ImportRun.objects.filter(pk=run.pk, state="running", fence=run.fence, position=run.position).update(
        position=prepared.end,
        line=prepared.next_line,
        stored_count=F("stored_count") + len(prepared.people) + len(prepared.faults) - len(refused),
        refused_count=F("refused_count") + len(refused),
        created_count=F("created_count") + created,
        updated_count=F("updated_count") + updated,
        leased_until=now + LEASE,
    )
    if not moved:
        raise LeaseLost


def _store_people(
    run: ImportRun, people: list[CleanCustomer], cleaned: Sequence[CleanCustomer], now: datetime
) -> tuple[int, int]:
    """(created, updated). What the database will not take is found by halves, and refused alone."""
    try:
        with transaction.atomic():
            stored = store_people(app=run.app, people=people, now=now)
    except (DataError, IntegrityError) as error:
        _log.warning("import %s: the database refuses one of %d lines: %s", run.pk, len(people), error)
        if len(people) > 1:
            half = len(people) // 2
            first = _store_people(run, people[:half], cleaned, now)
            second = _store_people(run, people[half:], cleaned, now)
            return first[0] + second[0], first[1] + second[1]
        message = _("the database cannot store this line")
        _refuse(cleaned, {people[0].external_id}, FieldProblem("", "not_storable", message))
        return 0, 0
    if stored.erased:
        message = _("was erased and cannot come back under the same id")
        _refuse(cleaned, stored.erased, FieldProblem("/external_id", "customer_erased", message))
    if run.destination:
        import_extras.add(run.destination, [*stored.created.values(), *stored.known.values()], now)
    return len(stored.created), stored.updated_count


def _refuse(cleaned: Sequence[CleanCustomer], names: frozenset[str] | set[str], problem: FieldProblem) -> None:
    for clean in cleaned:
        if clean.external_id in names:
            clean.problems.append(problem)


def _kept_cells(cells: Sequence[str], clean: CleanCustomer) -> Sequence[str]:
    """Of somebody erased nothing is kept, not even the line that would have brought them back."""
    is_erased = any(problem.code == "customer_erased" for problem in clean.problems)
    return [""] * len(cells) if is_erased else cells


type _Refused = tuple[int, Sequence[str], list[dict[str, str]]]


def _refused_fault(fault: Fault) -> _Refused:
    return fault.line, fault.cells, [{"column": "", "code": fault.code, "message": fault.message, "came": ""}]


def _told(problems: Sequence[FieldProblem], columns: Sequence[Column], header: Sequence[str]) -> list[dict[str, str]]:
    """Problems with the title of the column they stand in."""
    by_pointer = {column.pointer: title for column, title in zip(columns, header, strict=True) if column.to}
    told = []
    for problem in problems:
        here = f"{problem.pointer}/"
        place = next((title for pointer, title in by_pointer.items() if here.startswith(f"{pointer}/")), "")
        told.append({"column": place, "code": problem.code, "message": problem.message, "came": problem.came})
    return told


def _keep_refused(run: ImportRun, refused: Sequence[_Refused]) -> None:
    if not refused:
        return
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy("copy customers_importline (run_id, line, cells, problems) from stdin") as copy,
    ):
        for line, cells, problems in refused:
            told = [{word: _storable(value) for word, value in problem.items()} for problem in problems]
            copy.write_row((run.pk, line, [_storable(cell) for cell in cells], json.dumps(told)))


def _storable(text: str) -> str:
    """PostgreSQL holds neither NUL nor half characters; who mends the line must see where they were."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _finish(run: ImportRun, now: datetime) -> None:
    with transaction.atomic():
        mine = ImportRun.objects.filter(pk=run.pk, fence=run.fence)
        if IMPORT_STATES.move(mine, "done", finished_at=now, leased_until=None):
            import_extras.finish(run.destination, now)
            drop_file(run)
