"""Phones and e-mails as staff type them, turned into what rows may keep: sealed by each app, for a search sees several.

Sealed values can only be equal: the whole address or number has to be typed, in any way of writing it.
"""

from collections.abc import Iterable

from apps.accounts.models import App
from apps.customers.models import ContactKey
from apps.customers.phones import e164_of
from apps.customers.sealed import EMAIL, PHONE, forms_of

_FEWEST_DIGITS = 6


def email_forms(words: str, app: App | None = None) -> list[str]:
    """Under what rows of the app (None = of any) may keep this address; [] where it is none."""
    if "@" not in words:
        return []
    return [form for one in _apps_asked(app) for form in forms_as_typed(one, EMAIL, words)]


def phone_forms(words: str, app: App | None = None) -> list[str]:
    """Under what rows of the app (None = of any) may keep this number; [] where it is none."""
    digits = sum(mark.isdigit() for mark in words)
    if digits < _FEWEST_DIGITS or any(mark.isalpha() for mark in words):
        return []
    return [form for one in _apps_asked(app) for form in forms_as_typed(one, PHONE, words)]


def forms_as_typed(app: App, kind: str, words: str) -> list[str]:
    """Under what this app's rows may keep a contact; a number without a calling code is one of the app's country."""
    words = words.strip()
    if kind == EMAIL:
        return forms_of(app.pk, EMAIL, words)
    digits = "".join(mark for mark in words if mark.isdigit())
    numbers = dict.fromkeys([words, f"+{digits}", e164_of(words, app.default_country)[0]])
    return [form for number in numbers for form in forms_of(app.pk, PHONE, number)]


def _apps_asked(app: App | None) -> Iterable[App]:
    """Rows of an app without a key hold no contact, or plain ones that the next tick seals.

    More than a hundred forms, which is 34 apps, are more than PostgreSQL uses the indexes of contacts for.
    """
    return [app] if app else App.objects.filter(pk__in=ContactKey.objects.values("app_id")).iterator()
