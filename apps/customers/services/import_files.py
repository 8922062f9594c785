"""Uploaded files: taken in piece by piece, kept sealed in the database, read from any place. Memory stays flat."""

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.core.file_sealing import FileKey, new_file_key
from apps.core.problems import FieldProblem, InvalidInput
from apps.customers.models import ImportPart, ImportRun
from apps.customers.services.import_columns import guess_columns
from apps.customers.services.import_text import (
    SAMPLE_BYTES,
    Utf8Judge,
    delimiter_of,
    foreign_kind,
    read_block,
    utf16_of,
)
from apps.customers.services.vocabulary import types_of

MOST_BYTES = 500_000_000
MOST_COLUMNS = 200
MOST_HEADER_LINES = 50
PART_BYTES = 1_000_000
_COPY = "copy customers_importpart (run_id, number, body, sealed) from stdin"
_UTF8_MARK = b"\xef\xbb\xbf"


def store_upload(*, app: App, pieces: Iterable[bytes], file_name: str, created_by: str, now: datetime) -> ImportRun:
    """Take a file in, say what it is and guess what its columns mean. The run waits for a person's word.

    Raises InvalidInput: file_type (415), file_too_large (413), file_empty, and those of `read_head`.
    Cost: 100 MB/s; memory of one piece.
    """
    judge, size, lines, parts = Utf8Judge(), 0, 0, 0
    with transaction.atomic():
        run = ImportRun.objects.create(
            app=app,
            file_name=file_name[-255:],
            created_by=created_by[:150],
            uploaded_at=now,
            state="waiting",
            file_key=new_file_key(),
        )
        key = FileKey(run.file_key)
        # COPY, for psycopg keeps the text of the last hundred statements, and with it what an insert puts in.
        with connection.cursor() as cursor, cursor.cursor.copy(_COPY) as copy:
            for parts, piece in enumerate(_in_parts(_as_ascii_like(_checked(pieces))), start=1):
                size += len(piece)
                lines += piece.count(b"\n")
                judge.look(piece)
                copy.write_row((run.pk, parts - 1, b"", key.seal_piece(parts - 1, piece)))
        if not parts:
            raise refusal("file_empty", _("is empty: the first line names the columns, each line below is a person"))
        run.size_bytes, run.total_count = size, max(lines - 1, 1)
        run.encoding = judge.encoding(app.default_country)
        sample = read_bytes(run, 0, SAMPLE_BYTES)
        run.delimiter = delimiter_of(sample.removeprefix(_UTF8_MARK).decode(run.encoding, "replace"))
        take_header(run)
        run.save()
    return run


def take_header(run: ImportRun) -> None:
    """Read the first line under the run's encoding and delimiter, and put the cursor behind it.

    Raises InvalidInput: header_missing, header_duplicate, too_many_columns, file_without_lines, nul_not_allowed.
    """
    head = read_bytes(run, 0, PART_BYTES)
    mark = len(_UTF8_MARK) if run.encoding == "utf-8" and head.startswith(_UTF8_MARK) else 0
    is_whole = len(head) >= run.size_bytes
    header, used, lines = _first_record(head[mark:], run, is_whole)
    if header is None:
        raise refusal("header_missing", _("has a first line that cannot be read: it must name the columns"))
    _check_header(header)
    if mark + used >= run.size_bytes:
        raise refusal("file_without_lines", _("holds only the names of the columns, and no people below them"))
    run.position, run.line = mark + used, lines + 1
    run.header = [
        title.strip() or _("Column %(number)d") % {"number": number} for number, title in enumerate(header, 1)
    ]
    run.columns = [
        {"to": one.to, "name": one.name, "kind": one.kind} for one in guess_columns(run.header, types_of(app=run.app))
    ]


def _first_record(raw: bytes, run: ImportRun, is_whole: bool) -> tuple[list[str] | None, int, int]:
    """The first record with the bytes and lines up to its end."""
    length = 0
    for _line in range(MOST_HEADER_LINES):
        end = raw.find(b"\n", length)
        end = raw.find(b"\r", length) if end < 0 else end
        if end < 0 and not is_whole:
            break
        length = len(raw) if end < 0 else end + 1
        block = read_block(raw[:length], encoding=run.encoding, delimiter=run.delimiter, width=0, line=1, is_last=True)
        if block.records and not block.faults:
            return block.records[0][1], length, block.lines
        if length == len(raw):
            break
    return None, 0, 0


def _check_header(header: list[str]) -> None:
    if len(header) > MOST_COLUMNS:
        message = _("has %(count)d columns; at most %(limit)d are allowed")
        raise refusal("too_many_columns", message % {"count": len(header), "limit": MOST_COLUMNS})
    if any("\0" in cell for cell in header):
        message = _("has NUL bytes in its first line, which no text holds: save it as CSV (UTF-8) again")
        raise refusal("nul_not_allowed", message)
    looks_like_a_person = next((cell for cell in header if _is_no_title(cell)), None)
    if looks_like_a_person:
        message = _(
            "begins with “%(cell)s”, which is no name of a column: put a first line such as id,email,first_name"
        )
        raise refusal("header_missing", message % {"cell": looks_like_a_person.strip()[:60]})
    titles = [title.strip().lower() for title in header if title.strip()]
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice:
        raise refusal(
            "header_duplicate", _("names two columns “%(title)s”: rename one of them") % {"title": twice[:60]}
        )


def _is_no_title(cell: str) -> bool:
    """An e-mail address, a number or a phone: nobody calls a column so."""
    plain = cell.strip()
    digits = sum(mark.isdigit() for mark in plain)
    return "@" in plain or (digits >= 1 and digits + sum(mark in "+-.,() " for mark in plain) == len(plain))


def read_bytes(run: ImportRun, position: int, count: int) -> bytes:
    """`count` bytes from `position`, fewer at the end. Raises BrokenSeal, WrongKey."""
    first, last = position // PART_BYTES, (position + count - 1) // PART_BYTES
    found = ImportPart.objects.filter(run=run, number__range=(first, last)).order_by("number")
    key = run.key
    bodies = b"".join(
        key.open_piece(number, bytes(sealed)) if key and sealed is not None else bytes(body)
        for number, body, sealed in found.values_list("number", "body", "sealed")
    )
    return bodies[position - first * PART_BYTES :][:count]


def line_end_after(run: ImportRun, position: int) -> int:
    """Where the line at `position` ends, however long it is; the file's size where it never does."""
    while position < run.size_bytes:
        piece = read_bytes(run, position, PART_BYTES)
        if not piece:
            break  # somebody cancelled the run
        end = piece.find(b"\n")
        if end < 0 and b"\r" in piece:
            end = piece.find(b"\r")
        if end >= 0:
            return position + end + 1
        position += len(piece)
    return run.size_bytes


def drop_file(run: ImportRun) -> None:
    """Forget the upload: nobody needs it any more, and it holds what people told."""
    ImportPart.objects.filter(run=run).delete()


def _checked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        if size == 0:
            kind = foreign_kind(piece[:SAMPLE_BYTES])
            if kind:
                message = _("is %(kind)s and no CSV: open it and save the table as CSV (UTF-8) first")
                raise refusal("file_type", message % {"kind": kind}, 415)
        size += len(piece)
        if size > MOST_BYTES:
            raise too_large()
        if piece:
            yield piece


def _as_ascii_like(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-16 becomes UTF-8, so that lines can be found by their bytes; anything else stays as it is."""
    decoder = None
    for number, piece in enumerate(pieces):
        flavour = utf16_of(piece[:SAMPLE_BYTES]) if number == 0 else None
        if flavour:
            decoder = getincrementaldecoder(flavour)("replace")
            piece = piece.removeprefix("\ufeff".encode(flavour))
        yield decoder.decode(piece).encode("utf-8", "replace") if decoder else piece


def _in_parts(pieces: Iterator[bytes]) -> Iterator[bytes]:
    kept = bytearray()
    for piece in pieces:
        kept += piece
        while len(kept) >= PART_BYTES:
            yield bytes(kept[:PART_BYTES])
            del kept[:PART_BYTES]
    if kept:
        yield bytes(kept)


def too_large() -> InvalidInput:
    """Also said before an upload is read, where its length is known."""
    message = _("is larger than %(limit)d MB: cut it into several files")
    return refusal("file_too_large", message % {"limit": MOST_BYTES // 1_000_000}, 413)


def refusal(code: str, message: str, status: int = 400) -> InvalidInput:
    """What is wrong with the file as a whole."""
    return InvalidInput([FieldProblem("/file", code, message)], status=status)
