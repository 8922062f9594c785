"""Uploads too large for memory: kept on the web server's disk while they come in, and only sealed.

The file has no name and its key never leaves memory, so that both are gone with the request or the process. Nothing is
kept of who is not logged in, nor of a request that is larger than any page takes.
"""

import io
import tempfile
from typing import Any, BinaryIO, Final

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from apps.core.file_sealing import FileKey, new_file_key

PIECE_BYTES: Final = 256 * 2**10
_SEALED_BYTES: Final = PIECE_BYTES + 16
# More than any page takes.
MOST_BYTES: Final = 512 * 2**20


class SealedFile(io.RawIOBase):
    """Bytes on disk, sealed piece by piece: written once from the beginning, then read from any place."""

    def __init__(self) -> None:
        self._disk: BinaryIO = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
        self._key = FileKey(new_file_key())
        self._coming = bytearray()
        self._size = self._place = self._piece_count = 0
        self._opened = (-1, b"")

    def take(self, some: bytes) -> None:
        """What came next."""
        self._coming += some
        self._size += len(some)
        while len(self._coming) >= PIECE_BYTES:
            self._put(bytes(self._coming[:PIECE_BYTES]))
            del self._coming[:PIECE_BYTES]

    def end(self) -> None:
        """All of it came: from here on it is read."""
        if self._coming:
            self._put(bytes(self._coming))
            self._coming.clear()

    def _put(self, piece: bytes) -> None:
        self._disk.write(self._key.seal_piece(self._piece_count, piece))
        self._piece_count += 1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fewer than asked for at the end of a piece; 0 at the end. Raises BrokenSeal."""
        if self._place >= self._size:
            return 0
        number, before = divmod(self._place, PIECE_BYTES)
        part = self._piece(number)[before : before + len(buffer)]
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _piece(self, number: int) -> bytes:
        if self._opened[0] != number:
            self._disk.seek(number * _SEALED_BYTES)
            self._opened = number, self._key.open_piece(number, self._disk.read(_SEALED_BYTES))
        return self._opened[1]

    def close(self) -> None:
        """Forget it all."""
        self._disk.close()
        self._opened = (-1, b"")
        super().close()


class SealedUploadHandler(FileUploadHandler):
    """Stands behind Django's handler for what fits into memory (settings.FILE_UPLOAD_HANDLERS)."""

    _is_kept = False
    _coming: SealedFile | None = None

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *_: Any, **__: Any) -> None:  # noqa: N803
        user = getattr(self.request, "user", None)
        self._is_kept = user is not None and user.is_authenticated and content_length <= MOST_BYTES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._coming = SealedFile() if self._is_kept else None

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._coming is not None:
            self._coming.take(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes] | None":
        if self._coming is None:
            return None
        self._coming.end()
        whole, self._coming = io.BufferedReader(self._coming, PIECE_BYTES), None
        about = (self.file_name, self.content_type, file_size, self.charset, self.content_type_extra)
        return UploadedFile(whole, *about)

    def upload_interrupted(self) -> None:
        if self._coming is not None:
            self._coming.close()
