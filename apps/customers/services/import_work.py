"""The work on imports: claim one, store its lines block by block, write down what was refused.

Each block is one transaction: its people, its refused lines and the cursor behind it, under the lease's fence. A killed
worker has stored a block wholly or not at all, and the next goes on behind the last. While the database stores a block,
the next one is read here.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from apps.core.database import is_deadlock
from apps.core.encryption import WrongKey
from apps.core.problems import FieldProblem
from apps.core.sealing import BrokenSeal
from apps.customers import import_extras
from apps.customers.models import ImportRun
from apps.customers.sealed import sealer_of
from apps.customers.services.bulk import Chunk, Raced, Stored, chunk_of, nothing, store_people
from apps.customers.services.import_blocks import FileGone, Prepared, block_at, sound_people
from apps.customers.services.import_columns import RecordReader
from apps.customers.services.import_files import drop_file
from apps.customers.services.import_lines import keep_lines, refused_lines, warned_lines
from apps.customers.services.imports import reading_of
from apps.customers.services.profile_fields import CleanCustomer
from apps.customers.services.profiles import accept_all_traits
from apps.customers.states import IMPORT_STATES

# 6,000 lines: two of them, one being stored and one being read, take 60 MB.
BLOCK_BYTES = 500_000
LEASE = timedelta(seconds=60)
# While keys are rotated, a process that was not restarted yet has not the one of a file just taken in: once the lease
# is over another may have it.
KEY_MISSING_FOR = timedelta(hours=1)
# Who stores the same people at the same moment is done within a try or two, also where each waited for the other.
MOST_TRIES = 10

_NOBODY = Stored({}, {}, 0, frozenset())

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has the run, or a person cancelled it: what this one was about to write is rolled back."""


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
        except (LeaseLost, FileGone):
            continue
        except (BrokenSeal, WrongKey) as error:
            _log.error("import %s: its file cannot be opened: %s", run.pk, error)
            if isinstance(error, BrokenSeal) or clock() - (run.started_at or clock()) > KEY_MISSING_FOR:
                _fail(run, clock())
    return ImportRun.objects.filter(_free(clock())).exists()


def _free(now: datetime) -> Q:
    return Q(state="running") & (Q(leased_until=None) | Q(leased_until__lt=now))


def _claim(now: datetime) -> ImportRun | None:
    with transaction.atomic():
        free = ImportRun.objects.select_for_update(skip_locked=True, of=("self",)).select_related("app")
        free = free.defer("file_key")  # one that no key opens must not stand before the others
        run = free.filter(_free(now)).order_by("started_at", "id").first()
        if run is not None:
            run.fence += 1
            ImportRun.objects.filter(pk=run.pk).update(fence=run.fence, leased_until=now + LEASE)
    return run


def _work(run: ImportRun, clock: Callable[[], datetime], is_over: Callable[[], bool], block_bytes: int) -> None:
    """Blocks until the end of the file or of the slot; then the lease is given back."""
    reader = RecordReader(reading_of(run))
    coming = block_at(run, run.position, run.line, reader, block_bytes)
    while coming is not None:
        prepared = coming()
        coming = None if is_over() else block_at(run, prepared.end, prepared.next_line, reader, block_bytes)
        _store(run, prepared, clock(), meanwhile=coming or nothing)
    if run.position >= run.size_bytes:
        _finish(run, clock())
    else:
        ImportRun.objects.filter(pk=run.pk, fence=run.fence).update(leased_until=None)


def _store(run: ImportRun, prepared: Prepared, now: datetime, meanwhile: Callable[[], object]) -> None:
    """One block, wholly or not at all, and beside it `meanwhile`. Raises LeaseLost."""
    for _try in range(MOST_TRIES):
        try:
            with transaction.atomic():
                _store_block(run, prepared, now, meanwhile)
            break
        except (Raced, OperationalError) as error:
            if isinstance(error, OperationalError) and not is_deadlock(error):
                raise
            prepared.chunk = None  # some of it may have been refused by now
    else:
        raise LeaseLost
    run.position, run.line = prepared.end, prepared.next_line


def _store_block(run: ImportRun, prepared: Prepared, now: datetime, meanwhile: Callable[[], object]) -> None:
    # A crash of the server may take the last blocks back, with the cursor behind them: they are stored again.
    with connection.cursor() as cursor:
        # References are checked by each statement, while this worker reads on; left to the commit they cost more.
        cursor.execute("set local synchronous_commit = off; set constraints all immediate")
    cleaned = [clean for _line, _cells, clean in prepared.people]
    if prepared.chunk is None:
        accept_all_traits(app=run.app, cleaned=cleaned)
    chunk = prepared.chunk or chunk_of(sound_people(cleaned), sealer_of(run.app_id))
    stored = _store_people(run, chunk, cleaned, now, meanwhile) if chunk.people else _NOBODY
    refused = refused_lines(run, prepared)
    warned = warned_lines(run, prepared, stored)
    keep_lines(run, [*refused, *warned])
    moved = ImportRun.objects.filter(pk=run.pk, state="running", fence=run.fence, position=run.position).update(
        position=prepared.end,
        line=prepared.next_line,
        stored_count=F("stored_count") + len(prepared.people) + len(prepared.faults) - len(refused),
        refused_count=F("refused_count") + len(refused),
        warned_count=F("warned_count") + len(warned),
        created_count=F("created_count") + len(stored.created),
        updated_count=F("updated_count") + stored.updated_count,
        leased_until=now + LEASE,
    )
    if not moved:
        raise LeaseLost


def _store_people(
    run: ImportRun, chunk: Chunk, cleaned: Sequence[CleanCustomer], now: datetime, meanwhile: Callable[[], object]
) -> Stored:
    """What the database will not take is found by halves, and refused alone."""
    people = chunk.people
    try:
        with transaction.atomic():
            stored = store_people(app=run.app, chunk=chunk, now=now, meanwhile=meanwhile)
    except (DataError, IntegrityError) as error:
        _log.warning("import %s: the database refuses one of %d lines: %s", run.pk, len(people), error)
        if len(people) > 1:
            half = len(people) // 2
            halves = [chunk_of(some, sealer_of(run.app_id)) for some in (people[:half], people[half:])]
            return _both(*(_store_people(run, one, cleaned, now, meanwhile) for one in halves))
        message = _("the database cannot store this line")
        _refuse(cleaned, {people[0].external_id}, FieldProblem("", "not_storable", message))
        return _NOBODY
    if stored.erased:
        message = _("was erased and cannot come back under the same id")
        _refuse(cleaned, stored.erased, FieldProblem("/external_id", "customer_erased", message))
    if run.destination:
        import_extras.add(run.destination, [*stored.created.values(), *stored.known.values()], now)
    return stored


def _both(first: Stored, second: Stored) -> Stored:
    return Stored(
        {**first.created, **second.created},
        {**first.known, **second.known},
        first.updated_count + second.updated_count,
        first.erased | second.erased,
        {**first.stayed_left, **second.stayed_left},
    )


def _refuse(cleaned: Sequence[CleanCustomer], names: frozenset[str] | set[str], problem: FieldProblem) -> None:
    for clean in cleaned:
        if clean.external_id in names:
            clean.problems.append(problem)


def _fail(run: ImportRun, now: datetime) -> None:
    why = _("The file cannot be opened any more: the key it was kept under is not there. Upload it again.")
    with transaction.atomic():
        mine = ImportRun.objects.filter(pk=run.pk, fence=run.fence)
        if IMPORT_STATES.move(mine, "failed", finished_at=now, leased_until=None, failure=why):
            import_extras.finish(run.destination, now)
            drop_file(run)


def _finish(run: ImportRun, now: datetime) -> None:
    with transaction.atomic():
        mine = ImportRun.objects.filter(pk=run.pk, fence=run.fence)
        if IMPORT_STATES.move(mine, "done", finished_at=now, leased_until=None):
            import_extras.finish(run.destination, now)
            drop_file(run)
