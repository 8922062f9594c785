"""Encrypting anew, under the first of FIELD_ENCRYPTION_KEYS, whatever an older key encrypted.

Finds every EncryptedJSONField of every model by itself. Stops and goes on anywhere: what is done is told from its key.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import transaction
from django.db.models import F, Model, QuerySet, TextField
from django.db.models.functions import Cast

from apps.core.encryption import first_key_id
from apps.core.fields import EncryptedJSONField

ROWS_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """One field of one model."""

    model: type[Model]
    name: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.name}"

    def left(self) -> QuerySet[Model]:
        """The rows that another key encrypted, in the order of their numbers."""
        as_text = self.model._default_manager.annotate(as_stored=Cast(F(self.name), TextField()))
        return as_text.exclude(as_stored="").exclude(as_stored__startswith=f"{first_key_id()}:").order_by("pk")


def encrypted_columns() -> Iterator[EncryptedColumn]:
    """Every encrypted field of the installation."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedJSONField):
                yield EncryptedColumn(model, field.name)


def reencrypt(column: EncryptedColumn, *, rows_at_a_time: int = ROWS_AT_A_TIME) -> int:
    """Encrypt all that is left of a column; returns how many rows. Raises WrongKey, and then has kept what it did.

    Each step is a transaction of its own that locks its rows, so a secret saved meanwhile is never undone.
    """
    count, last = 0, 0
    while True:
        with transaction.atomic():
            rows = list(column.left().filter(pk__gt=last).select_for_update()[:rows_at_a_time])
            if not rows:
                return count
            column.model._default_manager.bulk_update(rows, [column.name])
        count, last = count + len(rows), rows[-1].pk
