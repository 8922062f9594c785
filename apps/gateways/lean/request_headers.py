"""Header blocks of our requests (HPACK, RFC 7541): literals without indexing, so that a block depends on no other.

A block is put together from fields that were encoded once: lines are remembered, and a `headers` list object that
many posts share is looked at once.
"""

import re
from functools import lru_cache

from apps.gateways.wire import Post

# The static table's names that gateways use.
_NAMES = {"authorization": 23, "content-encoding": 26, "content-length": 28, "content-type": 31, "user-agent": 58}
_AUTHORITY, _PATH = 1, 4
_METHOD_POST, _SCHEME_HTTPS = b"\x83", b"\x87"
_NO_TABLE = b"\x20"  # dynamic table size 0: no change of SETTINGS_HEADER_TABLE_SIZE concerns us any more
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t -~]*")
_NOT_IN_HTTP2 = frozenset({"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})


class RequestHeaders:
    """The blocks of one connection, in the order in which they are sent."""

    def __init__(self, origin: str) -> None:
        self._skip = len(origin)
        authority = origin.removeprefix("https://").removesuffix(":443")
        self._start = _METHOD_POST + _SCHEME_HTTPS + _literal(_AUTHORITY, authority.encode("ascii"))
        self._signal = _NO_TABLE
        self._url, self._path = "", b""
        self._headers: list[str] | None = None
        self._fields = self._shared = b""

    def block(self, post: Post) -> bytes:
        """Raises ValueError for a header that HTTP cannot carry."""
        if post.headers is not self._headers or post.url is not self._url:
            self._look_at(post)
        block = self._shared + _content_length(len(post.body))
        if self._signal:
            block, self._signal = self._signal + block, b""
        return block

    def _look_at(self, post: Post) -> None:
        if post.headers is not self._headers:
            self._fields = b"".join(map(_field, post.headers))
            self._headers = post.headers
        if post.url is not self._url:
            self._path = _literal(_PATH, path_of(post.url[self._skip :]))
            self._url = post.url
        self._shared = b"".join((self._start, self._path, self._fields, _AGENT))


def path_of(rest: str) -> bytes:
    """What follows the host, without a fragment."""
    return (rest.partition("#")[0] if "#" in rest else rest).encode("ascii") or b"/"


@lru_cache(maxsize=2048)
def _field(line: str) -> bytes:
    """A line "Name: value". Raises ValueError."""
    name, colon, value = line.partition(":")
    name, value = name.lower(), value.strip()
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name in _NOT_IN_HTTP2:
        raise ValueError(f"HTTP cannot carry the header {name[:40]!r}")
    number = _NAMES.get(name, 0)
    text = value.encode("ascii")
    return _literal(number, text) if number else b"\x00" + _string(name.encode("ascii")) + _string(text)


@lru_cache(maxsize=8192)
def _content_length(length: int) -> bytes:
    return _literal(_NAMES["content-length"], b"%d" % length)


def _literal(name: int, value: bytes) -> bytes:
    """A field without indexing whose name is in the static table."""
    return _integer(0, 4, name) + _string(value)


def _string(text: bytes) -> bytes:
    return _integer(0, 7, len(text)) + text


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
