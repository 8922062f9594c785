"""Phones and e-mails as staff type them, sought among rows that keep them sealed, each app's under its own key.

Sealed values can only be equal: the whole address or number has to be typed, in any way of writing it.
"""

from collections.abc import Iterable, Sequence
from itertools import batched
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from apps.accounts.models import App
from apps.customers.fields import is_open
from apps.customers.phones import e164_of
from apps.customers.sealed import EMAIL, PHONE, forms_of, forms_with, keys_of

COLUMNS = {EMAIL: "email", PHONE: "phone"}
_FEWEST_DIGITS = 6
# A contact has up to three forms an app. Of up to a hundred values PostgreSQL sees that a row with one of them is in
# the index of rows with contacts; with more it would read all rows.
AT_ONCE = 30
# Of each part of the apps, where there are more than that.
MOST_FOUND = 1_000


def kind_sought(words: str) -> str:
    """EMAIL or PHONE where that is what the words are, else ""."""
    if "@" in words:
        return EMAIL
    digits = sum(mark.isdigit() for mark in words)
    return "" if digits < _FEWEST_DIGITS or any(mark.isalpha() for mark in words) else PHONE


def has_contact(rows: QuerySet[Any], kind: str, words: str, apps: Iterable[App]) -> Q:
    """Which of these rows, all of these apps, have the contact. Cost: a query for each 30 apps where there are more."""
    parts = list(batched(apps, AT_ONCE))
    if len(parts) < 2:
        return _match(kind, words, parts[0] if parts else ())
    found: list[int] = []
    for part in parts:
        theirs = rows.filter(_match(kind, words, part), app_id__in=[app.pk for app in part])
        found += theirs.order_by().values_list("pk", flat=True)[:MOST_FOUND]
    return Q(pk__in=found)


def forms_as_typed(app: App, kind: str, words: str) -> list[str]:
    """Under what this app's rows may keep a contact; a number without a calling code is one of the app's country."""
    return [form for plain in _ways_of_writing(app, kind, words) for form in forms_of(app.pk, kind, plain)]


def _match(kind: str, words: str, apps: Sequence[App]) -> Q:
    keys = keys_of([app.pk for app in apps])
    forms = [
        form
        for app in apps
        for plain in _ways_of_writing(app, kind, words)
        for form in forms_with(keys.get(app.pk), kind, plain)
    ]
    found = Q(**{f"{COLUMNS[kind]}__in": list(dict.fromkeys(forms))})
    if kind == EMAIL:
        # Rows of before hold an address as it was typed then. Index: customer_open_emails.
        found |= is_open("email") & Q(Exact(Lower("email", output_field=TextField()), words.strip().lower()))
    return found


def _ways_of_writing(app: App, kind: str, words: str) -> list[str]:
    words = words.strip()
    if kind == EMAIL:
        return [words]
    digits = "".join(mark for mark in words if mark.isdigit())
    return [one for one in dict.fromkeys([words, f"+{digits}", e164_of(words, app.default_country)[0]]) if one]
