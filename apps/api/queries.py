"""Questions about pushes, as the API lists them."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.accounts.models import App
from apps.customers.queries import ids_of_people, person_named
from apps.deliveries.models import Batch, Delivery, Dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.queries import device_by_address

_OPEN = ("waiting", "held", "leased")
_UNFINISHED = ("planning", "sending", "paused")


def pushes_of(app: App, filters: Mapping[str, Any]) -> QuerySet[Dispatch]:
    """The transactional pushes of an app.

    filters: external_id, address_hash, customer, status, since, until; each may be missing. Cost: 1 ms by name,
    address or customer.
    """
    found = Dispatch.objects.filter(app=app, kind="transactional")
    if "external_id" in filters:
        found = found.filter(external_id=filters["external_id"])
    if "since" in filters:
        found = found.filter(created_at__gte=filters["since"])
    if "until" in filters:
        found = found.filter(created_at__lt=filters["until"])
    if "address_hash" in filters:
        found = found.filter(_to_device(app, filters["address_hash"]))
    if "customer" in filters:
        found = found.filter(_to_customer(app, filters["customer"]))
    return found.filter(_in_status(filters["status"])) if "status" in filters else found


def _to_device(app: App, address_hash: bytes) -> Q:
    """In the ledger, which has an index on the device's person, or still in a batch."""
    device = device_by_address(app=app, address_hash=address_hash)
    if device is None:
        return Q(pk__in=[])
    people = ids_of_people([device.customer_id])
    told = Delivery.objects.filter(customer_id__in=people, device_id=device.pk)
    waiting = Batch.objects.filter(app_id=app.pk, lane="urgent", state__in=_OPEN, device_ids__contains=[device.pk])
    return Q(pk__in=told.values("dispatch_id")) | Q(pk__in=waiting.values("dispatch_id"))


def _to_customer(app: App, external_id: str) -> Q:
    known = person_named(app=app, external_id=external_id)
    people = ids_of_people([known.pk]) if known else []
    told = Delivery.objects.filter(customer_id__in=people)
    waiting = Batch.objects.filter(app_id=app.pk, lane="urgent", state__in=_OPEN, customer_ids__overlap=people)
    return Q(pk__in=told.values("dispatch_id")) | Q(pk__in=waiting.values("dispatch_id"))


def _in_status(status: str) -> Q:
    """A state of the push, or an outcome of one of its deliveries."""
    if status in OUTCOMES:
        key = {"planned_on": OuterRef("planned_on"), "dispatch_id": OuterRef("pk"), "outcome": OUTCOMES[status]}
        return Q(Exists(Delivery.objects.filter(**key)))
    if status in ("done", "cancelled"):
        return Q(state=status)
    begun = Q(Exists(Batch.objects.filter(dispatch=OuterRef("pk"), opened__gt=0)))
    return Q(state__in=_UNFINISHED) & (begun if status == "sending" else ~begun)
