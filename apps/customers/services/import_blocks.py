"""Blocks of an upload: a piece of the file read, understood and made ready for the database, without the database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from apps.customers.models import ImportRun
from apps.customers.sealed import Sealer, sealer_of
from apps.customers.services.bulk import Chunk, chunk_of
from apps.customers.services.import_columns import RecordReader
from apps.customers.services.import_files import line_end_after, read_bytes
from apps.customers.services.import_text import Fault, fault_message, last_line_end, read_block
from apps.customers.services.profile_fields import CleanCustomer
from apps.customers.services.profiles import merged


class FileGone(Exception):
    """Somebody cancelled the run: there is nothing left to read."""


@dataclass(slots=True)
class Prepared:
    """A block, read. people: (line, cells, what the rules made of them); chunk: the sound ones, None = to be made."""

    people: list[tuple[int, list[str], CleanCustomer]]
    faults: list[Fault]
    end: int
    next_line: int
    chunk: Chunk | None = None


type Later = Callable[[], Prepared]


def block_at(run: ImportRun, position: int, line: int, reader: RecordReader, block_bytes: int) -> Later | None:
    """What prepares the block at `position`, once, when it is called first; None behind the end. Raises FileGone."""
    if position >= run.size_bytes:
        return None
    raw = read_bytes(run, position, block_bytes)
    if not raw:
        raise FileGone
    is_last = position + len(raw) >= run.size_bytes
    if not (is_last or last_line_end(raw)):
        overlong = _overlong(line, line_end_after(run, position))
        return lambda: overlong
    text = (raw, run.encoding, run.delimiter, len(run.header))
    key = sealer_of(run.app_id)
    return cache(lambda: _prepare(text, position, line, reader, key, is_last=is_last))


def _overlong(line: int, end: int) -> Prepared:
    fault = Fault(line, "line_too_long", fault_message("line_too_long", (), 0), [])
    return Prepared([], [fault], end, line + 1)


def _prepare(
    text: tuple[bytes, str, str, int], position: int, line: int, reader: RecordReader, key: Sealer, *, is_last: bool
) -> Prepared:
    raw, encoding, delimiter, width = text
    block = read_block(raw, encoding=encoding, delimiter=delimiter, width=width, line=line, is_last=is_last)
    people = [(number, cells, reader.read(cells)) for number, cells in block.records]
    sound = [] if reader.asks_vocabulary else sound_people(clean for _number, _cells, clean in people)
    chunk = None if reader.asks_vocabulary else chunk_of(sound, key)
    return Prepared(people, block.faults, position + block.used, line + block.lines, chunk)


def sound_people(cleaned: Iterable[CleanCustomer]) -> list[CleanCustomer]:
    """Those without a problem, each person once."""
    sound = [clean for clean in cleaned if not clean.problems]
    return sound if len({clean.external_id for clean in sound}) == len(sound) else list(merged(sound).values())
