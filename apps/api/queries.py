"""Questions about pushes, as the API lists them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import App
from apps.core.sql import rows
from apps.customers.queries import ids_of_people, person_named
from apps.deliveries.models import Batch, Delivery, Dispatch, Retry
from apps.deliveries.services.alerts import COPY
from apps.deliveries.states import OUTCOMES
from apps.devices.queries import device_by_address, owners_of_devices

# Up to so many deliveries of an outcome are looked up; of one that is more usual, the newest pushes are asked.
RARE = 3_000
KINDS = ("transactional", "campaign", "automation", "test")
_OPEN = ("waiting", "held", "leased")
_UNFINISHED = ("planning", "sending", "paused")


class InvalidCursor(Exception):
    """The cursor is none that this list gave."""


def push_page(
    app: App, filters: Mapping[str, Any], *, cursor: int | None, limit: int
) -> tuple[list[Dispatch], int | None]:
    """A page of an app's messages, newest first, and the next page's cursor. Raises InvalidCursor.

    filters: kind, external_id, address_hash, customer, status, since, until; each may be missing. Without a kind, a
    person's messages of every kind, else pushes. Cost: 1 to 100 ms on 10,000,000 deliveries (`bench logsearch`).
    """
    found = _found(app, filters)
    if cursor is not None:
        last = Dispatch.objects.filter(app=app, pk=cursor).first()
        if last is None:
            raise InvalidCursor(cursor)
        found = found.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk))
        found = found.filter(created_at__lte=last.created_at)
    page = list(found.order_by("-created_at", "-pk")[: limit + 1])
    return page[:limit], page[limit - 1].pk if len(page) > limit else None


def people_sought(app: App, filters: Mapping[str, Any]) -> list[int] | None:
    """Under which ids the person whom the filters name stands in the ledger; None where they name nobody."""
    if "customer" in filters:
        known = person_named(app=app, external_id=filters["customer"])
        return ids_of_people([known.pk]) if known else []
    if "address_hash" in filters:
        device = device_by_address(app=app, address_hash=filters["address_hash"])
        return owners_of_devices([device]) if device else []
    return None


def _found(app: App, filters: Mapping[str, Any]) -> QuerySet[Dispatch]:
    # The copies of a critical alert are part of it.
    found = Dispatch.objects.filter(app=app).exclude(origin__startswith=f"{COPY}:")
    names_a_person = bool({"customer", "address_hash"} & filters.keys())
    if "kind" in filters or not names_a_person:
        found = found.filter(kind=filters.get("kind", "transactional"))
    if "external_id" in filters:
        found = found.filter(external_id=filters["external_id"])
    if "since" in filters:
        found = found.filter(created_at__gte=filters["since"])
    if "until" in filters:
        found = found.filter(created_at__lt=filters["until"])
    if "customer" in filters:
        found = found.filter(pk__in=_to_customer(app, filters["customer"], filters.get("status")))
    if "address_hash" in filters:
        found = found.filter(pk__in=_to_device(app, filters["address_hash"], filters.get("status")))
    if "status" not in filters or (names_a_person and filters["status"] in OUTCOMES):
        return found
    return _in_status(app, found, filters["status"])


def _to_device(app: App, address_hash: bytes, status: str | None) -> set[int]:
    """In a batch, waiting for another try, or in the ledger, which has an index on the device's person."""
    device = device_by_address(app=app, address_hash=address_hash)
    if device is None:
        return set()
    told = Delivery.objects.filter(customer_id__in=owners_of_devices([device]), device_id=device.pk)
    waiting = Batch.objects.filter(app_id=app.pk, state__in=_OPEN, device_ids__contains=[device.pk])
    return _to_one(told, status, waiting, Retry.objects.filter(app_id=app.pk, device_id=device.pk))


def _to_customer(app: App, external_id: str, status: str | None) -> set[int]:
    known = person_named(app=app, external_id=external_id)
    if known is None:
        return set()
    people = ids_of_people([known.pk])
    told = Delivery.objects.filter(customer_id__in=people)
    waiting = Batch.objects.filter(app_id=app.pk, state__in=_OPEN, customer_ids__overlap=people)
    return _to_one(told, status, waiting, Retry.objects.filter(app_id=app.pk, customer_id__in=people))


def _to_one(
    told: QuerySet[Delivery], status: str | None, in_batches: QuerySet[Batch], in_retry: QuerySet[Retry]
) -> set[int]:
    """Where an outcome is asked for, it is that of the one who is named: others of a campaign may have ended so.

    What is on its way is read in one statement and before the ledger (deliveries.on_their_way): so nothing is missed
    that moves meanwhile. Asked one by one: as sub-queries, PostgreSQL would take guesses for numbers.
    """
    if status in OUTCOMES:
        return _dispatches_of(told.filter(outcome=OUTCOMES[status]))
    on_its_way = in_batches.values_list("dispatch_id").union(in_retry.values_list("dispatch_id"))
    found = {dispatch_id for (dispatch_id,) in on_its_way}
    return found | _dispatches_of(told)


def _dispatches_of(told: QuerySet[Delivery]) -> set[int]:
    return set(told.values_list("dispatch_id", flat=True))


def _in_status(app: App, found: QuerySet[Dispatch], status: str) -> QuerySet[Dispatch]:
    """A state of the push, or an outcome of one of its deliveries."""
    if status in OUTCOMES:
        return _with_outcome(app, found, OUTCOMES[status])
    if status in ("done", "cancelled"):
        return found.filter(state=status)
    begun = Q(Exists(Batch.objects.filter(dispatch=OuterRef("pk"), opened__gt=0)))
    return found.filter(begun if status == "sending" else ~begun, state__in=_UNFINISHED, finished_at=None)


def _with_outcome(app: App, found: QuerySet[Dispatch], outcome: int) -> QuerySet[Dispatch]:
    if outcome != OUTCOMES["accepted"]:
        rare = _few_with_outcome(app, outcome)
        if rare is not None:
            return found.filter(pk__in=rare)
    key = {"planned_on": OuterRef("planned_on"), "dispatch_id": OuterRef("pk"), "outcome": outcome}
    # Not Exists: PostgreSQL would read all deliveries of this outcome instead of the few newest pushes.
    ended_so = Subquery(Delivery.objects.filter(**key).values("outcome")[:1])
    return found.alias(ended_so=ended_so).filter(ended_so=outcome)


def _few_with_outcome(app: App, outcome: int) -> Sequence[int] | None:
    """None: there are many."""
    asked = {"app_id": app.pk, "outcome": outcome, "most": RARE}
    ids = [row[0] for row in rows("api", "pushes_with_outcome", asked)]
    return None if None in ids else ids
