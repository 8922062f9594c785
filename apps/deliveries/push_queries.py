"""What became of messages, as the API tells it: each device with its status and receipts."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Delivery, Dispatch, Receipt
from apps.deliveries.on_their_way import on_their_way
from apps.deliveries.states import OUTCOME_WORDS, RECEIPT_WORDS
from apps.devices.models import Device

type _Receipts = Mapping[tuple[int, int], list[dict[str, Any]]]

# The devices of each message, with their variants.
type _Planned = Mapping[int, dict[int, int]]


def push_state(dispatch: Dispatch) -> dict[str, Any]:
    """One message."""
    return push_states([dispatch])[0]


def push_states(dispatches: Sequence[Dispatch], *, people: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Each of these messages, in their order. people: tell of their deliveries alone; None = of all.

    Cost: four queries in all. A campaign is asked for with `people` only: it may have a million deliveries.
    """
    waiting = on_their_way(dispatch_ids=[one.pk for one in dispatches if one.finished_at is None], people=people)
    ledger = _ledger(dispatches, people)  # after what waits, so that none is missed on its way into the ledger
    planned: _Planned = {one.pk: {} for one in dispatches}
    for device in waiting:
        planned[device.dispatch_id][device.device_id] = device.variant
    for (dispatch_id, device_id), row in ledger.items():
        planned[dispatch_id][device_id] = row.variant
    begun = {device.dispatch_id for device in waiting if device.is_tried}
    begun |= {dispatch_id for (dispatch_id, _device), row in ledger.items() if row.attempt}
    devices = {device_id for of_one in planned.values() for device_id in of_one}
    addresses = dict(Device.objects.filter(id__in=devices).values_list("id", "address"))
    receipts = _receipts(dispatches, devices)
    return [
        {
            "id": str(dispatch.pk),
            "kind": dispatch.kind,
            "name": dispatch.name or None,
            "state": _state(dispatch, dispatch.pk in begun),
            "external_id": dispatch.external_id or None,
            "created_at": dispatch.created_at.isoformat(),
            "deliveries": [
                _delivery(dispatch, device_id, variant, addresses.get(device_id), ledger, receipts)
                for device_id, variant in sorted(planned[dispatch.pk].items())
            ],
        }
        for dispatch in dispatches
    ]


def _ledger(dispatches: Sequence[Dispatch], people: Sequence[int] | None) -> dict[tuple[int, int], Delivery]:
    key = {"dispatch_id__in": [one.pk for one in dispatches], "planned_on__in": {one.planned_on for one in dispatches}}
    found = Delivery.objects.filter(**key)
    if people is not None:
        found = found.filter(customer_id__in=people)
    return {(row.dispatch_id, row.device_id): row for row in found}


def _receipts(dispatches: Sequence[Dispatch], devices: set[int]) -> _Receipts:
    key = {"dispatch_id__in": [one.pk for one in dispatches], "planned_on__in": {one.planned_on for one in dispatches}}
    told: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in Receipt.objects.filter(**key, device_id__in=devices).order_by("at", "type"):
        said = {"type": RECEIPT_WORDS[one.type], "at": one.at.isoformat()}
        told.setdefault((one.dispatch_id, one.device_id), []).append(said)
    return told


def _delivery(
    dispatch: Dispatch,
    device_id: int,
    variant: int,
    address: str | None,
    ledger: Mapping[tuple[int, int], Delivery],
    receipts: _Receipts,
) -> dict[str, Any]:
    row = ledger.get((dispatch.pk, device_id))
    return {
        "delivery_id": make_delivery_id(
            planned_on=dispatch.planned_on,
            dispatch_id=dispatch.pk,
            device_id=device_id,
            variant=variant,
            customer_id=row.customer_id if row else 0,
        ),
        "device_token": address,
        "status": OUTCOME_WORDS[row.outcome] if row else "queued",
        "code": row.code or None if row else None,
        "at": row.recorded_at.isoformat() if row else None,
        "receipts": receipts.get((dispatch.pk, device_id), []),
    }


def _state(dispatch: Dispatch, has_begun: bool) -> str:
    if dispatch.state in ("done", "cancelled"):
        return dispatch.state
    return "sending" if has_begun else "queued"
