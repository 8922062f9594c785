"""Lines of a file that a person is told of: refused, or stored without all that they say."""

import json
from collections.abc import Sequence

from django.db import connection

from apps.core.problems import FieldProblem
from apps.customers.models import ImportRun
from apps.customers.services.bulk import Stored
from apps.customers.services.import_blocks import Prepared
from apps.customers.services.import_columns import Column
from apps.customers.services.import_text import Fault
from apps.customers.services.imports import columns_of
from apps.customers.services.profile_fields import CleanCustomer
from apps.customers.services.profiles import opt_outs_kept

# Line, cells, what is told of it, and whether its person was stored all the same.
type Line = tuple[int, Sequence[str], list[dict[str, str]], bool]


def refused_lines(run: ImportRun, prepared: Prepared) -> list[Line]:
    """Lines of which nothing was stored, with every reason."""
    columns = columns_of(run)
    return [_refused_fault(fault) for fault in prepared.faults] + [
        (line, _kept_cells(cells, clean), _told(clean.problems, columns, run.header), False)
        for line, cells, clean in prepared.people
        if clean.problems
    ]


def _kept_cells(cells: Sequence[str], clean: CleanCustomer) -> Sequence[str]:
    """Of somebody erased nothing is kept, not even the line that would have brought them back."""
    is_erased = any(problem.code == "customer_erased" for problem in clean.problems)
    return [""] * len(cells) if is_erased else cells


def _refused_fault(fault: Fault) -> Line:
    told = {"column": "", "code": fault.code, "message": fault.message, "came": ""}
    return fault.line, fault.cells, [told], False


def warned_lines(run: ImportRun, prepared: Prepared, stored: Stored) -> list[Line]:
    """Lines that were stored, but not all that they say."""
    if not stored.stayed_left:
        return []
    columns = columns_of(run)
    return [
        (line, cells, _told(warnings, columns, run.header), True)
        for line, cells, clean in prepared.people
        if not clean.problems
        and (left := stored.stayed_left.get(clean.external_id))
        and (warnings := opt_outs_kept(clean.fields.get("topics", ()), left))
    ]


def _told(problems: Sequence[FieldProblem], columns: Sequence[Column], header: Sequence[str]) -> list[dict[str, str]]:
    """Problems with the title of the column they stand in."""
    by_pointer = {column.pointer: title for column, title in zip(columns, header, strict=True) if column.to}
    told = []
    for problem in problems:
        here = f"{problem.pointer}/"
        place = next((title for pointer, title in by_pointer.items() if here.startswith(f"{pointer}/")), "")
        told.append({"column": place, "code": problem.code, "message": problem.message, "came": problem.came})
    return told


def keep_lines(run: ImportRun, lines: Sequence[Line]) -> None:
    """Write them down, for the page and the file of a person who mends them. Touches customers_importline."""
    if not lines:
        return
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy("copy customers_importline (run_id, line, cells, problems, is_stored) from stdin") as copy,
    ):
        for line, cells, problems, is_stored in lines:
            told = [{word: _storable(value) for word, value in problem.items()} for problem in problems]
            copy.write_row((run.pk, line, [_storable(cell) for cell in cells], json.dumps(told), is_stored))


def _storable(text: str) -> str:
    """PostgreSQL holds neither NUL nor half characters; who mends the line must see where they were."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
