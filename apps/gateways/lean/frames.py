"""HTTP/2 frames as bytes. Source: RFC 9113, sections 4, 6 and 7."""

import struct
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

HEAD_BYTES = 9
STREAM_MASK = 0x7FFFFFFF
LARGEST_WINDOW = 0x7FFFFFFF
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_BYTES = 16_384
LARGEST_FRAME_BYTES = 0xFFFFFF

# Length (upper 16 bits, lower 8), type, flags, stream.
HEAD = struct.Struct(">HBBBL")
_SETTING = struct.Struct(">HL")
_UINT = struct.Struct(">L")


class Setting(IntEnum):
    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class Code(IntEnum):
    """Why a stream or a connection ended."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class BrokenRule(Exception):
    """The server broke HTTP/2: the connection has to end, with this code."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    length = len(payload)
    return HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def settings_frame(settings: dict[Setting, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in settings.items()))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, _UINT.pack(increment))


def rst_stream(stream: int, code: Code) -> bytes:
    return frame(RST_STREAM, 0, stream, _UINT.pack(code))


def goaway(code: Code) -> bytes:
    """We take part in no stream of the server's: 0 is the last."""
    return frame(GOAWAY, 0, 0, bytes(4) + _UINT.pack(code))


def split_block(stream: int, block: bytes) -> list[bytes]:
    """HEADERS and CONTINUATION frames of the size that every server has to take."""
    size = DEFAULT_FRAME_BYTES
    parts = [block[start : start + size] for start in range(0, len(block), size)]
    last = len(parts) - 1
    return [
        frame(CONTINUATION if place else HEADERS, END_HEADERS if place == last else 0, stream, part)
        for place, part in enumerate(parts)
    ]


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Names (known or not) and values. Raises BrokenRule."""
    if len(payload) % _SETTING.size:
        raise BrokenRule(Code.FRAME_SIZE_ERROR, "SETTINGS of a broken length")
    return list(_SETTING.iter_unpack(payload))


def read_uint(payload: bytes) -> int:
    """The one number of RST_STREAM and WINDOW_UPDATE. Raises BrokenRule."""
    if len(payload) != _UINT.size:
        raise BrokenRule(Code.FRAME_SIZE_ERROR, "a frame of a broken length")
    return int(_UINT.unpack(payload)[0])


def read_goaway(payload: bytes) -> tuple[int, int, bytes]:
    """Last stream, code, what the server says beside. Raises BrokenRule."""
    if len(payload) < 2 * _UINT.size:
        raise BrokenRule(Code.FRAME_SIZE_ERROR, "GOAWAY of a broken length")
    return _UINT.unpack_from(payload)[0] & STREAM_MASK, _UINT.unpack_from(payload, 4)[0], payload[8:]


def without_padding(flags: int, payload: bytes) -> bytes:
    """Raises BrokenRule."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise BrokenRule(Code.PROTOCOL_ERROR, "more padding than frame")
    return payload[1 : len(payload) - payload[0]]
