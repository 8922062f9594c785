"""VAPID keys and the subject, by the rules of the strictest push service (Apple's)."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem
from apps.gateways.webpush_subscription import decode_key, is_public_point

_LOCAL_ENDINGS = (".local", ".invalid", ".localhost", ".test", ".internal")
_MAILBOX = re.compile(r"[^@\s]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)")


def check_vapid(*, private_key: str, public_key: str, subject: str) -> list[FieldProblem]:
    """Problems of a VAPID key pair and its subject."""
    return [*_keys(private_key, public_key), *_subject(subject)]


def _keys(private_text: str, public_text: str) -> Iterator[FieldProblem]:
    private, public = decode_key(private_text.strip()), decode_key(public_text.strip())
    own = _public_of(private)
    if is_public_point(private) and len(public) == 32:
        yield _of("private_key", "vapid_swapped", _("the private and the public key are in each other's place"))
        return
    if not own:
        message = _("must be 32 bytes in base64url; %(length)d bytes came")
        yield _of("private_key", "vapid_private_format", message % {"length": len(private)})
    if not is_public_point(public):
        message = _("must be 65 bytes in base64url, a point of P-256; %(length)d bytes came")
        yield _of("public_key", "vapid_public_format", message % {"length": len(public)})
    elif own and own != public:
        yield _of("public_key", "vapid_not_a_pair", _("does not belong to the private key"))


def _public_of(private: bytes) -> bytes:
    """Empty where the bytes are no private key."""
    if len(private) != 32:
        return b""
    try:
        key = ec.derive_private_key(int.from_bytes(private), ec.SECP256R1())
    except ValueError:
        return b""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _subject(subject: str) -> Iterator[FieldProblem]:
    if re.search(r"\s", subject):
        message = _("must hold no space; Apple answers BadJwtToken")
        yield _of("subject", "vapid_subject_space", message)
    elif subject.count("mailto:") > 1:
        yield _of("subject", "vapid_subject_doubled", _("holds mailto: twice; Apple answers BadJwtToken"))
    elif not subject.startswith(("mailto:", "https://")):
        message = _("must begin with mailto: or https://; Apple answers BadJwtToken")
        yield _of("subject", "vapid_subject_scheme", message)
    else:
        yield from _subject_host(subject)


def _subject_host(subject: str) -> Iterator[FieldProblem]:
    host = _host_of(subject)
    if not host:
        message = _("must be an address that reaches you, like mailto:push@example.com")
        yield _of("subject", "vapid_subject_format", message)
    elif "." not in host or host.endswith(_LOCAL_ENDINGS):
        message = _("must be reachable from outside, and %(host)s is not; Apple answers BadJwtToken")
        yield _of("subject", "vapid_subject_host", message % {"host": host})


def _host_of(subject: str) -> str:
    if subject.startswith("mailto:"):
        match = _MAILBOX.fullmatch(subject.removeprefix("mailto:"))
        return match[1].lower() if match else ""
    try:
        return urlsplit(subject).hostname or ""
    except ValueError:
        return ""


def _of(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"/{name}", code, message)
