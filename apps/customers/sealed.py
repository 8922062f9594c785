"""Phones and e-mails at rest: sealed under the app's own key (core.sealing), which FIELD_ENCRYPTION_KEYS wrap.

So a rotation of those wraps one row an app anew and touches no person; and nobody can compare people across apps by
what is stored. An address is kept in small letters: written otherwise it is the same mailbox, and has to be found.

An app without a key keeps them plain: it gets its key with its first contact, but in an installation that is being
upgraded not before all processes can open it (services.sealing_start). Rows of before hold plain values until
`services.contact_sealing` has been there: reading takes both, and whoever looks people up asks for `forms_of`, never
for the plain value alone.
"""

import base64
import logging
import secrets
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from django.apps import apps
from django.db import transaction

from apps.core.sealing import KEY_BYTES, BrokenSeal, SealingKey, is_sealed, key_number_of

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apps.customers.models import ContactKey

EMAIL: Final = "e"
PHONE: Final = "p"

# By the key's number, to open with: a number never means another key of the same database. By the app, to seal with:
# only keys that are committed, for what was sealed with one that a rollback took back nobody could open.
_by_number: dict[int, SealingKey] = {}
_by_app: dict[int, SealingKey] = {}
# Apps whose key this process made in a transaction that may still be taken back.
_unsure: set[int] = set()


class PlainContact(str):
    """A value as rows of before hold it, to look them up by."""

    __slots__ = ()


class BrokenContact(str):
    """A contact that its key does not open, as loaded from a row: "" to who reads it; a save keeps what is there."""

    __slots__ = ("kept",)
    kept: str

    def __new__(cls, kept: str) -> "BrokenContact":
        made = super().__new__(cls, "")
        made.kept = kept
        return made


class Sealer(Protocol):
    """What contacts are written with: an app's key, or nothing yet."""

    def seal(self, kind: str, plain: str) -> str: ...


class _NotYet:
    """Of an app without a key, while it may not have one."""

    def seal(self, kind: str, plain: str) -> str:
        return plain if is_sealed(plain) else PlainContact(plain)


_NOT_YET: Final = _NotYet()


class LostKey(Exception):
    """A sealed contact names a key that the database does not hold."""


# What is wrong with one contact, and costs its person alone; WrongKey is wrong with the installation.
CANNOT_OPEN: Final = (BrokenSeal, LostKey)
# The code of what could not be sent because of it.
BROKEN_CONTACT: Final = "broken_contact"
_log = logging.getLogger(__name__)


def seal(app_id: int, kind: str, plain: str) -> str:
    """As the app's rows keep it; "" stays "", and what is sealed stays as it is. Cost: 2 microseconds with a key."""
    return sealer_of(app_id).seal(kind, as_kept(kind, plain)) if plain else plain


def unseal(kept: str) -> str:
    """What a row keeps, in plain: sealed or, of before, plain already. Raises BrokenSeal, LostKey, WrongKey.

    Cost: 5 microseconds, and one query the first time a process meets the app.
    """
    if not is_sealed(kept):
        return kept
    number = key_number_of(kept)
    return (_by_number.get(number) or _numbered(number)).unseal(kept)


def opened(kept: str) -> str:
    """As `unseal`; what cannot be opened is a BrokenContact, and said in the log. Raises WrongKey."""
    try:
        return unseal(kept)
    except CANNOT_OPEN as broken:
        _log.error("a contact cannot be read: %s", broken)
        return BrokenContact(kept)


def forms_of(app_id: int, kind: str, plain: str) -> list[str]:
    """The values under which rows of the app may keep this contact: sealed, and plain as before.

    Rows of before may hold an address in other letters besides, see contact_search.
    """
    return forms_with(keys_of([app_id]).get(app_id), kind, plain)


def forms_with(key: SealingKey | None, kind: str, plain: str) -> list[str]:
    """As `forms_of`, for rows of an app that has this key, or none."""
    if not plain:
        return []
    kept = as_kept(kind, plain)
    sealed = [key.seal(kind, kept)] if key else []
    return [*sealed, *dict.fromkeys([PlainContact(kept), PlainContact(plain)])]


def as_kept(kind: str, plain: str) -> str:
    """One way of writing for all that mean the same."""
    return plain.lower() if kind == EMAIL and not is_sealed(plain) else plain


def sealer_of(app_id: int) -> Sealer:
    """The app's key, made where it has none and may have one. Cost: a query until the process knows that it is
    committed, two until there may be one."""
    key = _by_app.get(app_id) or keys_of([app_id]).get(app_id)
    if key is None and may_seal():
        key = _made(app_id)
    return key or _NOT_YET


def keys_of(app_ids: Collection[int]) -> dict[int, SealingKey]:
    """The keys of those of the apps that have one. Cost: one query where the process does not know them all."""
    found = {app_id: _by_app[app_id] for app_id in app_ids if app_id in _by_app}
    for row in _rows().filter(app_id__in=set(app_ids) - found.keys()) if len(found) < len(set(app_ids)) else ():
        key = found[row.app_id] = _opened(row)
        if row.app_id in _unsure:
            transaction.on_commit(partial(_trust, row.app_id, key))
        else:
            _trust(row.app_id, key)
    return found


def _made(app_id: int) -> SealingKey:
    _unsure.add(app_id)
    secret = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    rows = _rows()
    rows.bulk_create([rows.model(app_id=app_id, key=secret)], ignore_conflicts=True)
    return keys_of([app_id])[app_id]


def _trust(app_id: int, key: SealingKey) -> None:
    _by_app[app_id] = key
    _unsure.discard(app_id)


def forget_keys(**_signal: object) -> None:
    """Ask the database again. Called whenever a connection opens: behind it may stand a database that was restored."""
    _by_app.clear()
    _by_number.clear()


def _numbered(number: int) -> SealingKey:
    found = _rows().filter(pk=number).first()
    if found is None:
        raise LostKey(f"a sealed contact needs contact key {number}, which the database does not hold")
    return _opened(found)


def _opened(row: "ContactKey") -> SealingKey:
    known = _by_number.get(row.pk)
    if known is None:
        known = _by_number[row.pk] = SealingKey(row.pk, base64.b64decode(row.key))
    return known


def may_seal() -> bool:
    """Whether apps get keys: services.sealing_start. Cost: a read of a table's only row."""
    starts = apps.get_model("customers", "SealingStart")._default_manager
    return bool(starts.filter(begun_at__isnull=False).exists())


def _rows() -> "QuerySet[ContactKey]":
    return apps.get_model("customers", "ContactKey")._default_manager.all()
