"""Retention deletes in steps: each its own short transaction, so that nobody waits behind a million rows."""

from django.db.models import Model, QuerySet

STEP = 5_000


def delete_in_steps(rows: QuerySet[Model], *, step: int = STEP) -> int:
    """Delete the rows, the oldest first; returns how many. A caller that dies leaves the rest to the next."""
    deleted = 0
    while True:
        chosen = list(rows.order_by("pk").values_list("pk", flat=True)[:step])
        if not chosen:
            return deleted
        rows.filter(pk__in=chosen).delete()
        deleted += len(chosen)
