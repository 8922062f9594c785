"""Two-step log-in: after the password a code of an authenticator app, or one of ten recovery codes.

Codes are RFC 6238 (six digits, half a minute, SHA-1: what every authenticator app speaks), made by `cryptography`. The
secret is stored encrypted, recovery codes as HMACs, and either code works once.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.db import transaction

from apps.accounts.models import SecondFactor, User
from apps.accounts.services.audit import write_audit_of_person

ISSUER = "Heliograph"
STEP_SECONDS = 30
DIGITS = 6
RECOVERY_CODES = 10
# Who once saw the page at a desk that was left open does not know the secret that is confirmed another day.
SET_UP_WITHIN = timedelta(hours=1)
# Without those that look alike.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class WrongCode(Exception):
    """The code is wrong, too old, or was used before."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a person puts into their app: the secret by hand, or the link as a QR code."""

    secret: str
    link: str


def begin_set_up(*, user: User, now: datetime) -> SetUp:
    """The secret to put into the app; the same one until it is confirmed, or SET_UP_WITHIN is over."""
    made = {"secret": base64.b32encode(secrets.token_bytes(20)).decode(), "created_at": now}
    with transaction.atomic():
        old = SecondFactor.objects.select_for_update().filter(user=user, created_at__lt=now - SET_UP_WITHIN).first()
        if old is not None and User.objects.filter(pk=user.pk, second_factor_at=None).exists():
            old.delete()
        factor, _made = SecondFactor.objects.get_or_create(user=user, defaults=made)
    return SetUp(factor.secret, _totp(factor.secret).get_provisioning_uri(user.get_username(), ISSUER))


def confirm_set_up(*, user: User, code: str, now: datetime) -> list[str]:
    """Turn the second step on: the app works. Returns the recovery codes, which are shown this once.

    Ends the person's other sessions. Raises WrongCode.
    """
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None or user.second_factor_at is not None or not _use_app_code(factor, code, now):
            raise WrongCode
        codes = _new_recovery_codes(factor)
        user.second_factor_at = now
        user.save(update_fields=["second_factor_at"])
        write_audit_of_person(person=user, actor=user, action="user.two_step_on", details={}, now=now)
    return codes


def check_code(*, user: User, code: str, now: datetime) -> None:
    """Use a code up, of the app or a recovery code (audited). Raises WrongCode."""
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user).first()
        if factor is None:
            raise WrongCode
        if _use_app_code(factor, code, now):
            return
        if not _use_recovery_code(factor, code):
            raise WrongCode
        details = {"left": len(factor.recovery_hashes)}
        write_audit_of_person(person=user, actor=user, action="user.recovery_code_used", details=details, now=now)


def renew_recovery_codes(*, user: User, now: datetime) -> list[str]:
    """Ten new ones; the old ones work no more."""
    with transaction.atomic():
        codes = _new_recovery_codes(SecondFactor.objects.select_for_update().get(user=user))
        write_audit_of_person(person=user, actor=user, action="user.recovery_codes_renewed", details={}, now=now)
    return codes


def reset_second_factor(*, user: User, actor: User | str, now: datetime) -> bool:
    """Take the second step off, and end the person's sessions; False if it was not on."""
    with transaction.atomic():
        SecondFactor.objects.filter(user=user).delete()
        if not User.objects.filter(pk=user.pk).exclude(second_factor_at=None).update(second_factor_at=None):
            return False
        user.second_factor_at = None
        write_audit_of_person(person=user, actor=actor, action="user.two_step_off", details={}, now=now)
    return True


def _use_app_code(factor: SecondFactor, code: str, now: datetime) -> bool:
    """Whether the code is that of now, or of the step before or after (clocks); a step is used once, in order."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdecimal() and len(typed) == DIGITS):
        return False
    totp, present = _totp(factor.secret), int(now.timestamp()) // STEP_SECONDS
    for step in (present - 1, present, present + 1):
        if hmac.compare_digest(totp.generate(step * STEP_SECONDS), typed.encode()) and step > factor.last_step:
            factor.last_step = step
            factor.save(update_fields=["last_step"])
            return True
    return False


def _use_recovery_code(factor: SecondFactor, code: str) -> bool:
    typed = _recovery_hash("".join(letter for letter in code.casefold() if letter in _LETTERS))
    left = [one for one in factor.recovery_hashes if not hmac.compare_digest(one, typed)]
    if len(left) == len(factor.recovery_hashes):
        return False
    factor.recovery_hashes = left
    factor.save(update_fields=["recovery_hashes"])
    return True


def _new_recovery_codes(factor: SecondFactor) -> list[str]:
    """Of 49 random bits each, as xxxxx-xxxxx."""
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    factor.recovery_hashes = [_recovery_hash(code) for code in codes]
    factor.save(update_fields=["recovery_hashes"])
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _recovery_hash(code: str) -> str:
    return hmac.digest(settings.SECRET_KEY.encode(), b"recovery code\0" + code.encode(), hashlib.sha256).hex()


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303  (RFC 6238)
