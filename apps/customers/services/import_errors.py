"""Lines of an import as a CSV: the columns as they came, and why each was refused, or not taken whole."""

import csv
import io
from collections.abc import Iterator

from apps.core.csv import safe_cell
from apps.customers.models import ImportRun
from apps.customers.services.import_columns import REASONS
from apps.customers.told_lines import told_lines

_AT_ONCE = 2_000


def lines_csv(run: ImportRun, *, is_stored: bool = False) -> Iterator[bytes]:
    """Refused lines, to be mended and uploaded again, or those that were stored without all that they say.

    UTF-8 with its mark, for Excel; formula-safe. Flat memory.
    """
    width = len(run.header)
    yield b"\xef\xbb\xbf" + _lines([[*run.header, *REASONS]])
    some: list[list[str]] = []
    for one in told_lines(run, is_stored=is_stored):
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
