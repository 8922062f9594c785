"""Names that make the second copy of a message replace the first, derived from its notification id."""

import base64
import hashlib
import uuid

NOTIFICATION_ID_LENGTH = 40
_NAMESPACE = uuid.UUID("5b0c9d0e-6c0f-4d7c-9a49-6f3d2f1c1a10").bytes


def short_name(text: str) -> str:
    """32 characters of the base64url alphabet, equal for equal texts: a Web Push Topic."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())[:32].decode()


def collapse_name(text: str, limit: int) -> str:
    """`text` where it fits into `limit` bytes of visible ASCII, else its short name: an apns-collapse-id."""
    return text if len(text) <= limit and text.isascii() and text.isprintable() else short_name(text)


def apns_id(notification_id: str) -> str:
    """The canonical lower-case UUID (version 5) of a notification; the same for each try. Cost: 1 us."""
    name = hashlib.sha1(_NAMESPACE + notification_id.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(name[16], 16) & 3]
    return f"{name[:8]}-{name[8:12]}-5{name[13:16]}-{variant}{name[17:20]}-{name[20:32]}"
