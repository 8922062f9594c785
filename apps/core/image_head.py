"""What the first bytes of an image tell: its type and how large it is. Nothing is decoded.

Source: PNG 1.2 (IHDR), GIF89a (logical screen), ITU T.81 (SOFn), WebP container (VP8, VP8L, VP8X).
"""

from dataclasses import dataclass
from struct import error, unpack_from

# Markers that begin a frame of a JPEG, and so hold its size; 0xC4, 0xC8 and 0xCC mean something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class ImageHead:
    """kind: png, gif, jpeg or webp. width, height: pixels."""

    kind: str
    width: int
    height: int


def read_image_head(raw: bytes) -> ImageHead | None:
    """None where these are not the first bytes of an image of a known type, or too few of them."""
    try:
        size = _size_of(raw)
    except error:
        return None
    return ImageHead(*size) if size and size[1] > 0 and size[2] > 0 else None


def _size_of(raw: bytes) -> tuple[str, int, int] | None:
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return ("png", *unpack_from(">II", raw, 16))
    if raw[:6] in (b"GIF87a", b"GIF89a"):
        return ("gif", *unpack_from("<HH", raw, 6))
    if raw.startswith(b"\xff\xd8"):
        return _jpeg(raw)
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return _webp(raw)
    return None


def _jpeg(raw: bytes) -> tuple[str, int, int] | None:
    place = 2
    while place + 4 <= len(raw) and raw[place] == 0xFF:
        marker = raw[place + 1]
        if marker == 0xFF:  # fill bytes
            place += 1
            continue
        if marker in _FRAMES:
            height, width = unpack_from(">HH", raw, place + 5)
            return "jpeg", width, height
        place += 2 + unpack_from(">H", raw, place + 2)[0]
    return None


def _webp(raw: bytes) -> tuple[str, int, int] | None:
    form = raw[12:16]
    if form == b"VP8 ":
        width, height = unpack_from("<HH", raw, 26)
        return "webp", width & 0x3FFF, height & 0x3FFF
    if form == b"VP8L":
        bits = unpack_from("<I", raw, 21)[0]
        return "webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if form == b"VP8X":
        wide, high = unpack_from("<I", raw, 24)[0] & 0xFFFFFF, unpack_from("<I", raw + b"\0", 27)[0] & 0xFFFFFF
        return "webp", wide + 1, high + 1
    return None
