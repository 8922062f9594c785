"""Names of customers out of what people paste or upload."""

import csv
import io
import re

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput

MOST_BYTES = 20_000_000
MOST_NAMES = 1_000_000
COLUMNS = ("external_id", "customer", "customer_id", "id")

# First bytes of what is often renamed to .csv: zip (and so .xlsx, .ods), old Excel, PDF, PNG, JPEG, gzip.
_FOREIGN = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"\x1f\x8b")
_SEPARATORS = re.compile(r"[\n\r,;\t]+")


def names_in_text(text: str) -> list[str]:
    """One name in a line, or separated by commas, semicolons or tabs; quotes around a name are cut."""
    return [name for part in _SEPARATORS.split(text) if (name := part.strip().strip('"'))]


def names_in_file(raw: bytes) -> list[str]:
    """The column `external_id` (customer, customer_id, id) of a CSV, else its first column.

    Raises InvalidInput: file_too_large (413), file_type (415, judged by content), file_empty, encoding.
    """
    if len(raw) > MOST_BYTES:
        raise _refusal("file_too_large", _("is larger than %(limit)d MB") % {"limit": MOST_BYTES // 1_000_000}, 413)
    if raw.startswith(_FOREIGN) or b"\0" in raw[:4_096].replace(b"\xff\xfe", b""):
        raise _refusal("file_type", _("is not a text file: save your table as CSV first"), 415)
    lines = list(csv.reader(io.StringIO(_decoded(raw), newline=""), delimiter=_delimiter(raw)))
    rows = [row for row in lines if any(cell.strip() for cell in row)]
    if not rows:
        raise _refusal("file_empty", _("is empty"))
    header = [cell.strip().lower().lstrip("\ufeff") for cell in rows[0]]
    column = next((header.index(word) for word in COLUMNS if word in header), None)
    body = rows if column is None else rows[1:]
    names = [row[column or 0].strip() for row in body if len(row) > (column or 0)]
    if len(names) > MOST_NAMES:
        raise _refusal("too_many", _("has more than %(limit)d lines") % {"limit": MOST_NAMES})
    return [name for name in names if name]


def _decoded(raw: bytes) -> str:
    """UTF-8, with or without its mark, else the code page of Central European Excel."""
    for encoding in ("utf-8-sig", "cp1250"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _refusal("encoding", _("is written in no encoding we know: save it as UTF-8"))


def _delimiter(raw: bytes) -> str:
    first = raw.split(b"\n", 1)[0]
    counts = {mark: first.count(mark.encode()) for mark in (";", "\t", ",")}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _refusal(code: str, message: str, status: int = 400) -> InvalidInput:
    return InvalidInput([FieldProblem("/file", code, message)], status=status)
