"""What an uploaded file is: its encoding and delimiter, and its records with the lines they stand on. Pure.

A table is read in blocks of whole records, so memory stays flat, and a broken record costs itself only: reading goes
on at the next line of the file.
"""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.utils.translation import gettext as _

# Shown to a person who corrects what was detected; all hold ASCII as it is.
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1250": "Windows-1250 (Central European)",
    "cp1252": "Windows-1252 (Western European)",
    "iso8859-2": "ISO 8859-2 (Central European)",
    "iso8859-15": "ISO 8859-15 (Western European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1253": "Windows-1253 (Greek)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp852": "DOS 852 (Central European)",
}
DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES = 65_536
MOST_FOREIGN_LETTERS = 20_000

_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_UTF8_MARK = b"\xef\xbb\xbf"
# Countries whose old Windows files are written in code page 1250.
_CENTRAL = frozenset(["PL", "CZ", "SK", "HU", "SI", "HR", "RO", "BA", "RS", "AL", "ME"])
_STRANGE_IN_WORD = re.compile(r"(?<=[a-zA-Z])[^\w\s.,;:'\"\-/()@&+]|[^\w\s.,;:'\"\-/()@&+](?=[a-z])")
# What no text in a one-byte encoding holds: one byte in nine of anything compressed or encrypted.
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\t\n\r")
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "a database"),
)


def foreign_kind(head: bytes) -> str:
    """What the file is where it is no text, judged by its first bytes; "" for a text."""
    if head.startswith(b"PK"):
        is_excel = b"[Content_Types].xml" in head or b"xl/" in head
        return "an Excel workbook (.xlsx)" if is_excel else "a zip archive"
    for mark, kind in _FOREIGN:
        if head.startswith(mark):
            return kind
    start = head[:200].removeprefix(_UTF8_MARK).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        return "a web page or XML"
    if start.startswith((b'{"', b'[{"', b"[\n", b"{\n")):
        return "JSON"
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return "no text" if utf16_of(head) is None and controls > len(head) // 20 else ""


def utf16_of(head: bytes) -> str | None:
    """The flavour of UTF-16, by its mark or by where its zeros stand; None for anything else."""
    if head[:2] in _UTF16:
        return _UTF16[head[:2]]
    sample = head[: len(head) // 2 * 2][:2_000]
    pairs = len(sample) // 2
    even, odd = sample[::2].count(b"\0"), sample[1::2].count(b"\0")
    if pairs >= 4 and odd > 0.7 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    if pairs >= 4 and even > 0.7 * pairs and odd < 0.1 * pairs:
        return "utf-16-be"
    return None


class Utf8Judge:
    """Looks through a file as it comes in: is all of it UTF-8, and if not, what do its foreign letters look like?"""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.is_utf8 = True
        self._foreign = bytearray()

    def look(self, piece: bytes) -> None:
        if not self.is_utf8 and len(self._foreign) >= MOST_FOREIGN_LETTERS:
            return
        if self.is_utf8:
            try:
                self._decoder.decode(piece)
            except UnicodeDecodeError:
                self.is_utf8 = False
        if not piece.isascii() and len(self._foreign) < MOST_FOREIGN_LETTERS:
            found = islice(re.finditer(rb".?.?[\x80-\xff]+.?.?", piece), 2_000)
            self._foreign += b" ".join(match[0] for match in found)[:MOST_FOREIGN_LETTERS]

    def encoding(self, country: str) -> str:
        """UTF-8 where all of it is; else the code page in which the words look like words, else the country's own."""
        if self.is_utf8:
            return "utf-8"
        own = "cp1250" if country in _CENTRAL else "cp1252"
        candidates = sorted(("cp1250", "cp1252", "iso8859-2"), key=lambda name: name != own)
        return min(candidates, key=lambda name: _strangeness(bytes(self._foreign), name))


def _strangeness(raw: bytes, encoding: str) -> int:
    text = raw.decode(encoding, "replace")
    return len(_STRANGE_IN_WORD.findall(text)) + 5 * sum(text.count(mark) for mark in "\ufffd\x8a\x8c\x9a\x9c\x9e\x9f")


def delimiter_of(text: str) -> str:
    """The delimiter that cuts the first lines into the most columns, the same number in each."""

    def shape(mark: str) -> tuple[float, int]:
        found = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        widths = [len(record) for record in _safely(found, 20) if record]
        if not widths or widths[0] < 2:
            return (0.0, 0)
        return (widths.count(widths[0]) / len(widths), widths[0])

    best = max(DELIMITERS, key=lambda mark: (shape(mark)[0] > 0.5, shape(mark)))
    return best if shape(best)[1] else ","


def _safely(reader: "csv._reader", limit: int) -> list[list[str]]:  # type: ignore[name-defined]
    try:
        return list(islice(reader, limit))
    except csv.Error:
        return []


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is no sound record. cells: as far as it could be read."""

    line: int
    code: str
    message: str
    cells: list[str]


@dataclass(slots=True)
class Block:
    """The whole records of a piece of the file. used: bytes; lines: how many lines of the file these are."""

    records: list[tuple[int, list[str]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    used: int = 0
    lines: int = 0


def read_block(raw: bytes, *, encoding: str, delimiter: str, width: int, line: int, is_last: bool) -> Block:
    """Records out of `raw`, whose first line is line `line` of the file; an unfinished last one is left for the next.

    width 0 takes records of any width. used = 0: not one whole line in it. Empty lines are passed over; empty cells
    beyond `width` are cut. Cost: 1.5 us a record of ten cells.
    """
    cut = len(raw) if is_last else last_line_end(raw)
    text = raw[:cut].decode(encoding, "surrogateescape")
    reader = _Reader(text, delimiter, width, line, is_last=is_last)
    reader.run()
    reader.block.used = len(text[: reader.end].encode(encoding, "surrogateescape"))
    return reader.block


def last_line_end(raw: bytes) -> int:
    """Behind the last line that is surely whole: a lone carriage return at the very end may be half of a line's end."""
    return (raw.rfind(b"\n") + 1) or (raw.rfind(b"\r", 0, len(raw) - 1) + 1)


class _Reader:
    """Passes over a text, starting anew behind every broken record's first line.

    Strict: a lenient reader would make one record of the lines between two stray quotes. It cannot go back often: what
    is read within quotes over many lines has only doubled quotes in it, and those open nothing when read again.
    """

    def __init__(self, text: str, delimiter: str, width: int, line: int, *, is_last: bool) -> None:
        self.block = Block()
        self.end = 0
        self._source = io.StringIO(text, newline="")
        self._delimiter, self._width, self._first, self._is_last = delimiter, width, line, is_last

    def run(self) -> None:
        base = 0
        while self._pass(base):
            base = self.block.lines

    def _pass(self, base: int) -> bool:
        """Read until the end (False) or a broken record (True). base: lines of the text before."""
        source, width, keep = self._source, self._width, self.block.records.append
        reader = csv.reader(source, delimiter=self._delimiter, strict=True)
        while True:
            start, lines = source.tell(), base + reader.line_num
            try:
                cells = next(reader, None)
            except csv.Error as error:
                if start and not self._is_last and "unexpected end" in str(error):
                    self.end, self.block.lines = start, lines  # the rest of it comes with the next block
                    return False
                return self._skip(start, lines, "line_too_long" if "larger" in str(error) else "quotes", [])
            if cells is None:
                self.end, self.block.lines = start, lines
                return False
            if len(cells) != width and width:
                if not any(cells):
                    continue
                if len(cells) < width:
                    return self._skip(start, lines, "columns_missing", cells)
                if any(cell.strip() for cell in cells[width:]):
                    return self._skip(start, lines, "column_count", cells)
                cells = cells[:width]
            elif not any(cells):
                continue
            keep((self._first + lines, cells))

    def _skip(self, start: int, lines: int, code: str, cells: list[str]) -> bool:
        self._source.seek(start)
        first = self._source.readline()
        self.end, self.block.lines = start + len(first), lines + 1
        if not cells or "\n" in "".join(cells):
            cells = _cells(first, self._delimiter)
        self.block.faults.append(Fault(self._first + lines, code, fault_message(code, cells, self._width), cells))
        return True


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line[:10_000].rstrip("\r\n").split(delimiter)]


def fault_message(code: str, cells: Sequence[str], width: int) -> str:
    """What is wrong with a line, and what to do."""
    if code == "column_count":
        message = _("has %(count)d columns instead of %(width)d: put quotes around cells that hold the delimiter")
        return message % {"count": len(cells), "width": width}
    if code == "columns_missing":
        message = _("has %(count)d columns instead of %(width)d: put a delimiter for each empty cell, too")
        return message % {"count": len(cells), "width": width}
    if code == "quotes":
        return _("its quotation marks do not pair: close each, and write one inside a cell twice")
    return _("is far too long: a line break or a quotation mark is missing")
