"""Tombstones: how an erased person's name is known again without being kept.

A tombstone holds an HMAC of the name under a key of the app. Whoever has the database alone can neither read the name
nor try names out; whoever comes back under it is recognised. The key is made at the app's first erasure and never
changes, for the names it was used on are gone; it is encrypted under FIELD_ENCRYPTION_KEYS, which may be rotated.
"""

import base64
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping

from apps.accounts.models import App
from apps.core.sql import rows
from apps.customers.models import Customer, TombstoneKey

KEY_BYTES = 32
AT_ONCE = 1_000


def sealed_name(key: bytes, external_id: str) -> bytes:
    """What a tombstone keeps of a name. Cost: 1 microsecond."""
    return hmac.digest(key, unicodedata.normalize("NFC", external_id).encode(), hashlib.sha256)


def key_for_sealing(app_id: int) -> bytes:
    """The app's key, made where it has none. Two first erasures at once agree on one."""
    TombstoneKey.objects.bulk_create(
        [TombstoneKey(app_id=app_id, key=base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())],
        ignore_conflicts=True,
    )
    key = _key_of(app_id)
    assert key is not None  # noqa: S101
    return key


def tombstone_of(*, app: App, external_id: str) -> Customer | None:
    """The tombstone of that name; None where nobody of it was erased. Cost: two queries."""
    key = _key_of(app.pk)
    if key is None:
        return None
    return Customer.objects.filter(app=app, erased_key=sealed_name(key, external_id)).first()


def take_back_erased(*, app: App, created: Mapping[str, int]) -> dict[str, int]:
    """Of people just created, delete those who were erased under that name: {external_id: tombstone's id}.

    To be called after inserting, in the same transaction: an insert that waited for an erasure to commit sees its
    tombstone only then. Cost: one query where nobody was ever erased, two else; known people cost nothing.
    """
    if not created:
        return {}
    key = _key_of(app.pk)
    if key is None:
        return {}
    names = list(created)
    parameters = {
        "app_id": app.pk,
        "ids": [created[name] for name in names],
        "keys": [sealed_name(key, name) for name in names],
    }
    return dict(rows("customers", "take_back_erased", parameters))


def seal_open_tombstones(*, limit: int = AT_ONCE) -> int:
    """Seal tombstones that still hold their name: a worker of the version before erased them. Returns how many."""
    found = list(Customer.objects.exclude(erased_at=None).exclude(external_id=None).order_by("id")[:limit])
    for one in found:
        key = key_for_sealing(one.app_id)
        Customer.objects.filter(pk=one.pk).update(external_id=None, erased_key=sealed_name(key, one.external_id or ""))
    return len(found)


def _key_of(app_id: int) -> bytes | None:
    kept = TombstoneKey.objects.filter(app_id=app_id).first()
    return base64.b64decode(kept.key) if kept else None
