"""Browsers in which a person once logged in whole: their tries are counted apart from everybody else's.

So strangers who have a name locked do not keep its owner out. A browser is known by a signed cookie for each of its
people. It opens nothing: whoever steals one gains the few tries of LIMITS["browser"]. It is good for one person, until
their password or second factor changes, and for LIFE at most; each log-in brings a new one.
Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.core.signing import BadSignature, Signer
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.accounts.models import User

LIFE = timedelta(days=60)
_SALT = "accounts.known_browsers"


def cookie_of(name: str) -> str:
    """The cookie of this log-in name, which it does not tell; people who share a browser have one each."""
    return f"known_{salted_hmac(f'{_SALT}.name', name).hexdigest()[:16]}"


def new_token(*, user: User, now: datetime) -> str:
    """What the cookie holds: whose it is, a name for the browser, when it was given, and what it ends with."""
    told = [user.pk, secrets.token_urlsafe(16), int(now.timestamp()), _ends_with(user)]
    return Signer(salt=_SALT).sign_object(told)


def known_browser(*, name: str, cookies: Mapping[str, str], now: datetime) -> str:
    """The name of the browser where it is known to whom this log-in name belongs, else "".

    Asks the database only about a cookie that was signed here.
    """
    try:
        user_id, browser, given_at, ends_with = Signer(salt=_SALT).unsign_object(cookies.get(cookie_of(name), ""))
    except BadSignature:
        return ""
    if now.timestamp() >= given_at + LIFE.total_seconds():
        return ""
    user = User.objects.filter(pk=user_id, username=name).first()
    return str(browser) if user and constant_time_compare(ends_with, _ends_with(user)) else ""


def _ends_with(user: User) -> str:
    """Another one once the password or the second factor is another."""
    return salted_hmac(f"{_SALT}.ends", user.get_session_auth_hash()).hexdigest()[:32]
