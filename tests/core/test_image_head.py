"""Types and sizes of images from their first bytes."""

from struct import pack

import pytest

from apps.core.image_head import ImageHead, read_image_head

PNG = b"\x89PNG\r\n\x1a\n" + pack(">I4sII", 13, b"IHDR", 512, 256)
GIF = b"GIF89a" + pack("<HH", 20, 10)
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc2\x00\x11\x08" + pack(">HH", 256, 512)
WEBP_LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + pack("<HH", 640, 480)
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + pack("<I", 639 | 479 << 14)
WEBP_EXTENDED = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + pack("<I", 639)[:3] + pack("<I", 479)[:3]


@pytest.mark.parametrize(
    ("raw", "head"),
    [
        (PNG, ImageHead("png", 512, 256)),
        (GIF, ImageHead("gif", 20, 10)),
        (JPEG, ImageHead("jpeg", 512, 256)),
        (WEBP_LOSSY, ImageHead("webp", 640, 480)),
        (WEBP_LOSSLESS, ImageHead("webp", 640, 480)),
        (WEBP_EXTENDED, ImageHead("webp", 640, 480)),
    ],
    ids=["png", "gif", "jpeg", "lossy", "lossless", "extended"],
)
def test_an_image_is_known_by_its_first_bytes(raw: bytes, head: ImageHead) -> None:
    assert read_image_head(raw) == head
    assert read_image_head(raw + b"more") == head
    for length in range(len(raw)):
        assert read_image_head(raw[:length]) is None


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"\xff\xd8\xff\xd9\x00\x00", b"\xff\xd8" + b"\xff" * 50, GIF[:6] + b"\0" * 4]
)
def test_anything_else_is_none(raw: bytes) -> None:
    assert read_image_head(raw) is None
