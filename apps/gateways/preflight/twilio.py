"""Twilio's account SID, auth token and sender."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem

_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_SENDERS = re.compile(
    r"\+[1-9][0-9]{6,14}"  # E.164
    r"|[0-9]{3,8}"  # a short code
    r"|MG[0-9a-f]{32}"  # a messaging service
    r"|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"  # a name
)


def check_twilio(*, account_sid: str, auth_token: str, sender: str) -> list[FieldProblem]:
    """Problems of a Twilio login and sender."""
    return [*_login(account_sid, auth_token), *_sender(sender)]


def _login(account_sid: str, auth_token: str) -> Iterator[FieldProblem]:
    if _ACCOUNT.fullmatch(auth_token):
        message = _("the account SID (AC...) stands in the place of the auth token: swap the two")
        yield _of("account_sid", "twilio_swapped", message)
        return
    if account_sid.startswith("SK"):
        message = _("is an API key (SK...); the account SID (AC...) is wanted")
        yield _of("account_sid", "account_sid_is_api_key", message)
    elif not _ACCOUNT.fullmatch(account_sid):
        yield _of("account_sid", "account_sid_format", _("is AC and 32 digits or letters a-f"))
    if not _TOKEN.fullmatch(auth_token):
        message = _("has 32 digits or letters a-f; %(length)d characters came")
        yield _of("auth_token", "auth_token_format", message % {"length": len(auth_token)})


def _sender(sender: str) -> Iterator[FieldProblem]:
    if not _SENDERS.fullmatch(sender):
        message = _(
            "must be a number like +48601234567, a short code, a messaging service (MG...), or a name of at most 11"
            " letters, digits and spaces"
        )
        yield _of("sender", "sender_format", message)


def _of(name: str, code: str, message: str) -> FieldProblem:
    return FieldProblem(f"/{name}", code, message)
