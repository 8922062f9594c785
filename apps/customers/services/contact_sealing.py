"""Contacts that a version of before wrote in plain are sealed, a few thousand a tick, beside running traffic.

Finds every SealedField by itself, also those of floors above. A row that somebody holds is left for the
next look; where nothing is left, a look reads one empty index a table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Model

from apps.customers.fields import SealedField, is_open
from apps.customers.sealed import as_kept, sealer_of

AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A model with contacts. kinds: column -> the kind of contact it holds."""

    model: type[Model]
    kinds: dict[str, str]

    def take_open(self, count: int) -> list[tuple[int, int, tuple[str, ...]]]:
        """(id, app, contacts) of the first rows with a plain one, locked; rows that others hold wait for the next look.

        Index: <...>_open_contacts, empty once all are sealed.
        """
        rows = self.model._default_manager.filter(is_open(*self.kinds)).order_by("pk")
        rows = rows.select_for_update(skip_locked=True, no_key=True, of=("self",))
        return [
            (pk, app_id, tuple(told)) for pk, app_id, *told in rows.values_list("pk", "app_id", *self.kinds)[:count]
        ]

    def replace(self, column: str, changes: list[tuple[int, str, str]]) -> int:
        """(id, plain, sealed): where the row holds the plain one. Returns how many did."""
        table, quoted = (connection.ops.quote_name(name) for name in (self.model._meta.db_table, column))
        with connection.cursor() as cursor:
            cursor.execute(
                f"update {table} as kept set {quoted} = told.sealed"
                " from unnest(%s::bigint[], %s::text[], %s::text[]) as told (id, plain, sealed)"
                f" where kept.id = told.id and kept.{quoted} = told.plain",
                [list(part) for part in zip(*changes, strict=True)],
            )
            return int(cursor.rowcount)


def sealed_tables() -> Iterator[SealedTable]:
    """Every table of the installation that holds contacts."""
    for model in apps.get_models():
        kinds = {field.name: field.kind for field in model._meta.concrete_fields if isinstance(field, SealedField)}
        if kinds:
            yield SealedTable(model, kinds)


def seal_open_contacts(*, seconds: float, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Seal plain contacts for about so long; returns how many."""
    until, count = monotonic() + seconds, 0
    for table in sealed_tables():
        while (sealed := _seal_some(table)) and not is_stopping() and monotonic() < until:
            count += sealed
        count += sealed
    return count


def _seal_some(table: SealedTable) -> int:
    """The contacts of one look, in a transaction of their own."""
    count = 0
    with transaction.atomic():
        found = table.take_open(AT_ONCE)
        keys = {app_id: sealer_of(app_id) for app_id in {app_id for _pk, app_id, _told in found}}
        for place, (column, kind) in enumerate(table.kinds.items()):
            changes = [
                (pk, told[place], keys[app_id].seal(kind, as_kept(kind, told[place])))
                for pk, app_id, told in found
                if told[place]
            ]
            count += table.replace(column, changes) if changes else 0
    return count
