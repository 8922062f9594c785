"""Files at rest: each under a key of its own, which FIELD_ENCRYPTION_KEYS wrap; sealed and opened piece by piece.

AES-256-GCM. A piece's nonce is its number: a key seals one file, each number once, and pieces cannot change places.
Notes about the file (a few of its lines, say) have nonces by chance; the first byte keeps the two apart.
Source: NIST SP 800-38D.
"""

import base64
import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.core.sealing import BrokenSeal

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_PIECE, _NOTE = b"\0", b"\1"


def new_file_key() -> str:
    """A key as it is kept, in a field that is encrypted itself."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


class FileKey:
    """The key of one file. kept: as `new_file_key` made it."""

    __slots__ = ("_cipher", "_marking")

    def __init__(self, kept: str) -> None:
        secret = base64.b64decode(kept)
        self._cipher = AESGCM(secret)
        self._marking = hashlib.blake2b(b"marks", key=secret, digest_size=KEY_BYTES).digest()

    def seal_piece(self, number: int, plain: bytes) -> bytes:
        """Must be asked once for each number. 16 bytes longer than the piece."""
        return self._cipher.encrypt(_nonce_of(number), plain, None)

    def open_piece(self, number: int, sealed: bytes) -> bytes:
        """The piece. Raises BrokenSeal."""
        return self._opened(_nonce_of(number), sealed)

    def seal_note(self, plain: bytes) -> bytes:
        """What is told about the file; the same is never sealed alike twice."""
        nonce = _NOTE + os.urandom(_NONCE_BYTES - len(_NOTE))
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def open_note(self, sealed: bytes) -> bytes:
        """The note. Raises BrokenSeal."""
        return self._opened(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:])

    def mark(self, text: str) -> int:
        """A signed number of eight bytes, the same for the same text: to find notes by without opening them."""
        digest = hashlib.blake2b(text.encode(errors="replace"), key=self._marking, digest_size=8).digest()
        return int.from_bytes(digest, signed=True)

    def _opened(self, nonce: bytes, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, None)
        except (InvalidTag, ValueError) as error:
            raise BrokenSeal("a piece of a file, or a note about it, was changed or is of another file") from error


def _nonce_of(number: int) -> bytes:
    return _PIECE + number.to_bytes(_NONCE_BYTES - len(_PIECE))
