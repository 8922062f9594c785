"""Decrypts a Web Push body with the browser's keys.

Source: RFC 8188 (aes128gcm content coding) and RFC 8291 (message encryption for Web Push). Cost: about 150 us.
"""

import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.sandbox.subscriptions import BrowserKeys

_TAG_LENGTH = 16
_SMALLEST_RECORD = 18


class CannotDecrypt(Exception):
    """The body is not an aes128gcm message for these keys; the text says which step failed."""


@dataclass(frozen=True, slots=True)
class _Header:
    salt: bytes
    record_size: int
    sender: bytes
    ciphertext: bytes


def decrypt(body: bytes, keys: BrowserKeys) -> bytes:
    """The plaintext. Raises: CannotDecrypt."""
    header = _read_header(body)
    secret = _shared_secret(header.sender, keys)
    info = b"WebPush: info\0" + keys.public + header.sender
    input_key = _expand(_extract(keys.auth, secret), info, 32)
    pseudo_random_key = _extract(header.salt, input_key)
    content_key = _expand(pseudo_random_key, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _expand(pseudo_random_key, b"Content-Encoding: nonce\0", 12)
    try:
        padded = AESGCM(content_key).decrypt(nonce, header.ciphertext, None)
    except InvalidTag:
        raise CannotDecrypt("the tag does not fit: encrypted for other keys") from None
    return _unpadded(padded)


def _read_header(body: bytes) -> _Header:
    if len(body) < 21 or len(body) < 21 + body[20] + _SMALLEST_RECORD - 1:
        raise CannotDecrypt("too short for a header and a record")
    record_size, key_length = int.from_bytes(body[16:20]), body[20]
    if key_length != 65:
        raise CannotDecrypt("the key id is not an uncompressed P-256 point")
    ciphertext = body[21 + key_length :]
    if record_size < _SMALLEST_RECORD or len(ciphertext) > record_size:
        raise CannotDecrypt("more than one record, or a record size too small")
    return _Header(body[:16], record_size, body[21 : 21 + key_length], ciphertext)


def _shared_secret(sender: bytes, keys: BrowserKeys) -> bytes:
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    except ValueError:
        raise CannotDecrypt("the sender's key is not a point of P-256") from None
    return keys.private_key.exchange(ec.ECDH(), point)


def _unpadded(padded: bytes) -> bytes:
    """Without the delimiter 0x02 of a last record and the zeros after it."""
    content = padded.rstrip(b"\0")
    if not content.endswith(b"\x02"):
        raise CannotDecrypt("no end-of-record delimiter")
    return content[:-1]


def _extract(salt: bytes, key: bytes) -> bytes:
    return hmac.digest(salt, key, "sha256")


def _expand(key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand of at most one block."""
    return hmac.digest(key, info + b"\x01", "sha256")[:length]
