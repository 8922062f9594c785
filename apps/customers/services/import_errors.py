"""Refused lines as a CSV: the columns as they came, to be mended and uploaded again, and why each was refused."""

import csv
import io
from collections.abc import Iterator

from apps.core.csv import safe_cell
from apps.customers.models import ImportLine, ImportRun
from apps.customers.services.import_columns import REASONS

_AT_ONCE = 2_000


def refused_csv(run: ImportRun) -> Iterator[bytes]:
    """UTF-8 with its mark, for Excel; formula-safe. Flat memory."""
    width = len(run.header)
    yield b"\xef\xbb\xbf" + _lines([[*run.header, *REASONS]])
    lines = ImportLine.objects.filter(run=run).order_by("line", "id")
    some: list[list[str]] = []
    for one in lines.iterator(chunk_size=_AT_ONCE):
        cells = [*one.cells, *[""] * (width - len(one.cells))][:width]
        reasons = [
            str(one.line),
            *("; ".join(problem[word] for problem in one.problems) for word in ("column", "code", "message")),
        ]
        some.append([safe_cell(cell) for cell in [*cells, *reasons]])
        if len(some) >= _AT_ONCE:
            yield _lines(some)
            some = []
    yield _lines(some)


def _lines(rows: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
