"""Secrets at rest: AES-256-GCM under named keys, so that a key can be rotated while old rows stay readable.

Form: "<key id>:<base64url of nonce(12) + ciphertext + tag(16)>". The first key in FIELD_ENCRYPTION_KEYS encrypts,
all decrypt.
"""

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings


class WrongKey(Exception):
    """A stored secret was made with a key that FIELD_ENCRYPTION_KEYS does not hold."""


def encrypt(plain: str) -> str:
    """Encrypt under the first key. Not deterministic."""
    key_id = first_key_id()
    nonce = os.urandom(12)
    sealed = nonce + _ciphers()[key_id].encrypt(nonce, plain.encode(), key_id.encode())
    return f"{key_id}:{base64.urlsafe_b64encode(sealed).decode()}"


def decrypt(stored: str) -> str:
    """The plain text. Raises WrongKey, with the key id but never the content."""
    key_id, _, body = stored.partition(":")
    cipher = _ciphers().get(key_id)
    if cipher is None:
        raise WrongKey(f"this secret needs encryption key {key_id!r}, which FIELD_ENCRYPTION_KEYS does not hold")
    sealed = base64.urlsafe_b64decode(body)
    try:
        return cipher.decrypt(sealed[:12], sealed[12:], key_id.encode()).decode()
    except InvalidTag as error:
        raise WrongKey(
            f"encryption key {key_id!r} does not open this secret: it is not the key it was made with"
        ) from error


def first_key_id() -> str:
    """The name of the key that encrypts."""
    return next(iter(_ciphers()))


@cache
def _ciphers() -> dict[str, AESGCM]:
    pairs = (entry.strip().partition(":") for entry in settings.FIELD_ENCRYPTION_KEYS if entry.strip())
    return {key_id: AESGCM(base64.urlsafe_b64decode(body)) for key_id, _, body in pairs}
