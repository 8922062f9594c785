"""Header blocks of answers. We allow the server no dynamic table, so each block stands for itself.

The status is read at once; the other fields of a success only when somebody asks, because seldom anybody does and
unpacking Huffman codes in Python costs more than the rest of an answer.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, overload

from hpack import Decoder
from hpack.exceptions import HPACKError

from apps.gateways.lean.frames import BrokenRule, Code

LONGEST_LIST = 64 * 1024
_INDEXED = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
_NEW_TABLE_SIZE = 0x20


class HeaderLines(Sequence[bytes]):
    """The lines "name: value" of a block, decoded at the first look; none where it cannot be decoded."""

    __slots__ = ("_block",)

    def __init__(self, block: bytes) -> None:
        self._block = block

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[bytes]: ...
    def __getitem__(self, place: Any) -> Any:
        return self._lines[place]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._lines)

    @property
    def _lines(self) -> tuple[bytes, ...]:
        try:
            fields = _decode(self._block)
        except BrokenRule:
            return ()
        return tuple(name + b": " + value for name, value in fields)


def read_status(block: bytes) -> int:
    """Raises BrokenRule where there is none, or where a refusal's headers cannot be decoded."""
    status = _INDEXED.get(block[0], 0) if block else 0
    if 200 <= status < 300:
        return status
    return _status_of(block)


@lru_cache(maxsize=512)
def _status_of(block: bytes) -> int:
    found = [value for name, value in _decode(block) if name == b":status"]
    if len(found) != 1 or len(found[0]) != 3 or not found[0].isdigit():
        raise BrokenRule(Code.PROTOCOL_ERROR, "an answer without a status")
    return int(found[0])


@lru_cache(maxsize=512)
def _decode(block: bytes) -> tuple[tuple[bytes, bytes], ...]:
    decoder = Decoder(max_header_list_size=LONGEST_LIST)
    decoder.header_table_size = decoder.max_allowed_table_size = 0
    try:
        return tuple((field[0], field[1]) for field in decoder.decode(block, raw=True))
    except (HPACKError, IndexError, ValueError) as error:
        raise BrokenRule(Code.COMPRESSION_ERROR, f"undecodable headers: {error}") from error
