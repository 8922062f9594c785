"""Lines of a file that a person is told of: refused, or stored without all that they say. Kept sealed.

What came is sealed under the file's key; what is wrong with it, which the page counts, lies plain.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from apps.core.file_sealing import FileKey
from apps.core.problems import FieldProblem
from apps.customers.models import ImportRun
from apps.customers.services.bulk import Stored
from apps.customers.services.import_blocks import Prepared
from apps.customers.services.import_columns import Column
from apps.customers.services.import_text import Fault
from apps.customers.services.imports import columns_of
from apps.customers.services.profile_fields import CleanCustomer
from apps.customers.services.profiles import CONTACTS, opt_outs_kept
from apps.customers.told_lines import seal_told

_COPY = "copy customers_importline (run_id, line, is_stored, cells, problems, sealed, marks) from stdin"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it came, and what is told of it. names: of its person, as the rules understood them."""

    line: int
    cells: Sequence[str]
    problems: Sequence[dict[str, str]]
    is_stored: bool = False
    names: Sequence[str] = ()


def refused_lines(run: ImportRun, prepared: Prepared) -> list[Line]:
    """Lines of which nothing was stored, with every reason."""
    columns = columns_of(run)
    return [_refused_fault(fault) for fault in prepared.faults] + [
        _refused(line, cells, clean, _told(clean.problems, columns, run.header))
        for line, cells, clean in prepared.people
        if clean.problems
    ]


def _refused(line: int, cells: Sequence[str], clean: CleanCustomer, told: Sequence[dict[str, str]]) -> Line:
    """Of somebody erased nothing is kept, not even the line that would have brought them back."""
    if any(problem.code == "customer_erased" for problem in clean.problems):
        return Line(line, [""] * len(cells), told)
    return Line(line, cells, told, names=_names(clean))


def _refused_fault(fault: Fault) -> Line:
    told = {"column": "", "code": fault.code, "message": fault.message, "came": ""}
    return Line(fault.line, fault.cells, [told])


def _names(clean: CleanCustomer) -> list[str]:
    """However the line wrote them: an erasure knows them as the profile does."""
    return [clean.external_id, *(clean.fields.get(contact, "") for contact in CONTACTS)]


def warned_lines(run: ImportRun, prepared: Prepared, stored: Stored) -> list[Line]:
    """Lines that were stored, but not all that they say."""
    if not stored.stayed_left:
        return []
    columns = columns_of(run)
    return [
        Line(line, cells, _told(warnings, columns, run.header), is_stored=True, names=_names(clean))
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
    key = run.key
    with connection.cursor() as cursor, cursor.cursor.copy(_COPY) as copy:
        for one in lines:
            copy.write_row((run.pk, one.line, one.is_stored, *_kept(one, key)))


def _kept(one: Line, key: FileKey | None) -> tuple[list[str], str, bytes | None, list[int] | None]:
    """Cells, problems, sealed, marks; plain where a version before took the file in."""
    cells = [_storable(cell) for cell in one.cells]
    told = [{word: _storable(value) for word, value in problem.items()} for problem in one.problems]
    if key is None:
        return cells, json.dumps(told), None, None
    sealed = seal_told(key, cells, [problem.pop("came") for problem in told])
    return [], json.dumps(told), sealed, sorted(marks_of(key, [*cells, *one.names]))


def marks_of(key: FileKey, words: Iterable[str]) -> set[int]:
    """What finds a line by a word that stands in a cell of it; an address, however it is written."""
    plain = {word.strip() for word in words}
    return {key.mark(word.lower() if "@" in word else word) for word in plain if word}


def _storable(text: str) -> str:
    """PostgreSQL holds neither NUL nor half characters; who mends the line must see where they were."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
