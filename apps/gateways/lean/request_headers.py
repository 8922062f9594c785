"""Header blocks of our requests (HPACK, RFC 7541).

Lines that repeat go into the server's table once per connection and then cost a byte (an access token has a thousand);
those of one message are literals. When the table is full it is emptied, which happens once in some hours.
A `headers` list object that many posts share is looked at once.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from apps.gateways.wire import Post

TABLE_BYTES = 4096
# The static table's names that gateways use.
_NAMES = {
    ":authority": 1,
    "authorization": 23,
    "content-encoding": 26,
    "content-length": 28,
    "content-type": 31,
    "user-agent": 58,
}
_REPEATED = {
    *(":authority", "authorization", "content-encoding", "content-type", "user-agent", "urgency"),
    *("apns-topic", "apns-push-type", "apns-priority"),
}
_PATH = 4
_START = b"\x83\x87"  # :method POST, :scheme https
_STATIC_ENTRIES = 61
_ENTRY_BYTES = 32  # what the table counts beside name and value
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")
_NOT_IN_HTTP2 = frozenset({"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


class _Field(NamedTuple):
    """An encoded line. remembered: with the order to put it into the table; empty = never do."""

    line: str
    plain: bytes
    remembered: bytes
    size: int


class RequestHeaders:
    """The blocks of one connection: each has to be sent, in the order in which they were made."""

    def __init__(self, origin: str) -> None:
        self._skip = len(origin)
        self._authority = _encode(":authority", origin.removeprefix("https://").removesuffix(":443"))
        self._capacity, self._signal = TABLE_BYTES, b""
        self._known: dict[str, int] = {}
        self._size = self._inserted = 0
        self._url, self._headers, self._shared = "", list[str](), b""

    def resize(self, allowed: int) -> None:
        """The server's SETTINGS_HEADER_TABLE_SIZE."""
        if min(allowed, TABLE_BYTES) != self._capacity:
            self._capacity = min(allowed, TABLE_BYTES)
            self._empty_table()

    def block(self, post: Post) -> bytes:
        """Raises ValueError for a header that HTTP cannot carry."""
        if post.headers is self._headers and post.url is self._url and self._shared:
            return self._shared + _content_length(len(post.body))
        fields = [self._authority, *map(_field, post.headers), _AGENT]
        path = _literal(_PATH, path_of(post.url[self._skip :]))
        inserted_before = self._inserted
        self._make_room(fields)
        signal, self._signal = self._signal, b""
        authority, *others = map(self._written, fields)
        block = b"".join((_START, authority, path, *others))
        # What puts lines into the table must not be sent twice.
        self._shared = block if self._inserted == inserted_before else b""
        self._url, self._headers = post.url, post.headers
        return signal + block + _content_length(len(post.body))

    def _make_room(self, fields: list[_Field]) -> None:
        missing = sum(field.size for field in fields if field.remembered and field.line not in self._known)
        if missing and self._known and self._size + missing > self._capacity:
            self._empty_table()

    def _empty_table(self) -> None:
        self._signal = _integer(0x20, 5, 0) + _integer(0x20, 5, self._capacity)
        self._known.clear()
        self._size, self._shared = 0, b""

    def _written(self, field: _Field) -> bytes:
        number = self._known.get(field.line)
        if number is not None:
            return _indexed(_STATIC_ENTRIES + self._inserted - number)
        if not field.remembered or self._size + field.size > self._capacity:
            return field.plain
        self._known[field.line] = self._inserted
        self._inserted += 1
        self._size += field.size
        return field.remembered


def path_of(rest: str) -> bytes:
    """What follows the host, without a fragment."""
    return (rest.partition("#")[0] if "#" in rest else rest).encode("ascii") or b"/"


@lru_cache(maxsize=2048)
def _field(line: str) -> _Field:
    """A line "Name: value". Raises ValueError."""
    name, colon, value = line.partition(":")
    name, value = name.lower(), value.strip()
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name in _NOT_IN_HTTP2:
        raise ValueError(f"HTTP cannot carry the header {name[:40]!r}")
    return _encode(name, value)


def _encode(name: str, value: str) -> _Field:
    number = _NAMES.get(name, 0)
    rest = b"" if number else _string(name.encode("ascii"))
    rest += _string(value.encode("ascii"))
    return _Field(
        line=f"{name}: {value}",
        plain=_integer(0x00, 4, number) + rest,
        remembered=_integer(0x40, 6, number) + rest if name in _REPEATED else b"",
        size=len(name) + len(value) + _ENTRY_BYTES,
    )


@lru_cache(maxsize=8192)
def _content_length(length: int) -> bytes:
    return _literal(_NAMES["content-length"], b"%d" % length)


@lru_cache(maxsize=256)
def _indexed(place: int) -> bytes:
    return _integer(0x80, 7, place)


def _literal(name: int, value: bytes) -> bytes:
    """A field without indexing whose name is in the static table."""
    return _integer(0x00, 4, name) + _string(value)


def _string(text: bytes) -> bytes:
    return _integer(0x00, 7, len(text)) + text


def _integer(first: int, prefix_bits: int, value: int) -> bytes:
    """RFC 7541, 5.1."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((first | value,))
    encoded, value = bytearray((first | limit,)), value - limit
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_AGENT = _field("user-agent: Heliograph")
