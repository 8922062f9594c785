"""Apple's key file (.p8), key id, team id and bundle id."""

import re
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem

_ID = re.compile(r"[A-Z0-9]{10}")
_TOPIC = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


def check_apns(*, key_p8: str, key_id: str, team_id: str, topic: str) -> list[FieldProblem]:
    """Problems of an APNs key and what belongs to it."""
    return [*_key(key_p8), *_id("key_id", key_id), *_id("team_id", team_id), *_topic(topic, team_id)]


def _key(text: str) -> Iterator[FieldProblem]:
    if text.startswith("\ufeff"):
        yield _of("key_p8", "p8_has_bom", _("begins with a byte order mark: save the file as plain UTF-8 text"))
        text = text.removeprefix("\ufeff")
    kind = _BEGIN.search(text)
    if not text.strip():
        yield _of("key_p8", "required", _("paste the whole content of the .p8 file"))
    elif kind is None:
        message = _("is no key file: a .p8 begins with -----BEGIN PRIVATE KEY-----")
        yield _of("key_p8", "p8_not_pem", message)
    elif kind[1] == "CERTIFICATE":
        yield _of("key_p8", "p8_is_certificate", _("is a certificate; the key file (.p8) is wanted"))
    elif kind[1].endswith("PUBLIC KEY"):
        yield _of("key_p8", "p8_is_public_key", _("is a public key; the private one (.p8) is wanted"))
    elif kind[1] == "ENCRYPTED PRIVATE KEY" or "Proc-Type: 4,ENCRYPTED" in text:
        yield _of("key_p8", "p8_is_encrypted", _("is protected by a password; Apple's .p8 files are not"))
    else:
        yield from _private_key(text)


def _private_key(text: str) -> Iterator[FieldProblem]:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if _without_line_breaks(text):
            message = _("has lost its line breaks: paste the file as it is, with its lines")
            yield _of("key_p8", "p8_line_breaks", message)
        else:
            yield _of("key_p8", "p8_unreadable", _("is damaged: the key between the two dashed lines cannot be read"))
        return
    if isinstance(key, rsa.RSAPrivateKey):
        yield _of("key_p8", "p8_is_rsa", _("is an RSA key; APNs keys are elliptic curve keys (P-256)"))
    elif not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        yield _of("key_p8", "p8_wrong_curve", _("is no P-256 key, which APNs wants"))


def _without_line_breaks(text: str) -> bool:
    """Whether it would be a key if its lines were lines again."""
    bare = text.replace("\\r", "\n").replace("\\n", "\n").replace("\r", "\n")
    match = re.search(r"(-----BEGIN [A-Z ]+-----)(.*?)(-----END [A-Z ]+-----)", bare, re.DOTALL)
    if match is None:
        return False
    mended = "\n".join([match[1], *match[2].split(), match[3], ""])
    try:
        serialization.load_pem_private_key(mended.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _id(name: str, text: str) -> Iterator[FieldProblem]:
    if not _ID.fullmatch(text):
        message = _("has 10 characters, capital letters and digits; %(length)d characters came")
        yield _of(name, f"{name}_format", message % {"length": len(text)})


def _topic(topic: str, team_id: str) -> Iterator[FieldProblem]:
    first, _dot, rest = topic.partition(".")
    if "*" in topic:
        yield _of("topic", "topic_wildcard", _("must name one app; a wildcard id cannot receive notifications"))
    elif rest and (first == team_id or _ID.fullmatch(first)):
        message = _("begins with a team id: leave it away, %(rest)s is the bundle id")
        yield _of("topic", "topic_has_team_prefix", message % {"rest": rest})
    elif not _TOPIC.fullmatch(topic):
        yield _of("topic", "topic_format", _("must be the app's bundle id, like com.example.shop"))


def _of(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"/{name}", code, message)
