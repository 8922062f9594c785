"""The answer to a push, made from the request and what is stored of it: the same today and on a replay in 30 days."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy

from apps.api.calls import NULLABLE_TEXT, NUMBER, TEXT, list_of, record
from apps.api.codes import CODES
from apps.api.messageflow import DEVICE, is_messageflow, messageflow_warnings
from apps.api.push_request import warnings_of
from apps.api.refusals import envelope_error
from apps.api.services.recipients import VERDICTS, names_in
from apps.core.problems import FieldProblem
from apps.deliveries.delivery_ids import make_delivery_id

QUEUED = VERDICTS.index("queued")
# Warnings that do not follow from the body, so they are stored: code -> the parameter, and what is said.
NOTES = {
    "sending_stopped": ("", gettext_lazy("the emergency stop is on: it waits until an owner takes it off, or expires")),
    "ttl_shortened": ("ttl", gettext_lazy("is more than 28 days after the push, longer than gateways keep it")),
}

_ERROR = record({"title": TEXT, "message": TEXT, "code": TEXT, "meta": {"type": "object"}})
_ENTRY = record(
    {
        "device_token": TEXT,
        "customer": NULLABLE_TEXT,
        "receiver": TEXT,
        "externalId": NULLABLE_TEXT,
        "delivery_id": NULLABLE_TEXT,
        "status": {"type": "string", "enum": list(VERDICTS)},
        "external_id": NULLABLE_TEXT,
        "deliveries": list_of(record({"delivery_id": TEXT, "device_id": NUMBER})),
    },
    optional=("device_token", "customer", "receiver", "externalId", "deliveries"),
)
ANSWER = record(
    {
        "meta": record({"uniqId": TEXT, "status": NUMBER, "numberOfData": NUMBER, "numberOfErrors": NUMBER}),
        "data": list_of(_ENTRY),
        "errors": list_of(_ERROR),
        "warnings": list_of(record({"parameter": TEXT, "code": TEXT, "message": TEXT})),
    }
)


def push_answer(body: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """`data` has every recipient once, in input order; `errors` repeats those that were refused."""
    entries = [
        _entry(body, stored, place, name, verdict) for place, (name, verdict) in enumerate(_verdicts(body, stored))
    ]
    errors = [
        _error(body, place, name, VERDICTS[verdict[0]])
        for place, (name, verdict) in enumerate(_verdicts(body, stored))
        if verdict[0] != QUEUED
    ]
    return {
        "meta": {
            "uniqId": str(stored["id"]),
            "status": 202,
            "numberOfData": len(entries) - len(errors),
            "numberOfErrors": len(errors),
        },
        "data": entries,
        "errors": errors,
        "warnings": [
            {"parameter": warning.pointer.lstrip("/"), "code": warning.code, "message": warning.message}
            for warning in _warnings(body, stored.get("notes", ()))
        ],
    }


def _warnings(body: Mapping[str, Any], notes: Sequence[str]) -> list[FieldProblem]:
    warned = messageflow_warnings(body) if is_messageflow(body) else warnings_of(body)
    return [*warned, *(FieldProblem(NOTES[code][0], code, str(NOTES[code][1])) for code in notes)]


def _verdicts(body: Mapping[str, Any], stored: Mapping[str, Any]) -> list[tuple[str | None, Sequence[Any]]]:
    return list(zip(names_in(body, stored["to"]), stored["to"], strict=True))


def _entry(
    body: Mapping[str, Any], stored: Mapping[str, Any], place: int, name: str | None, verdict: Sequence[Any]
) -> dict[str, Any]:
    planned_on = date.fromisoformat(stored["on"])
    deliveries = [
        {
            "delivery_id": make_delivery_id(planned_on=planned_on, dispatch_id=stored["id"], device_id=device_id),
            "device_id": device_id,
        }
        for device_id in verdict[1]
    ]
    if "to" in body:
        return _receiver_entry(body["to"][place], VERDICTS[verdict[0]], deliveries)
    by_token = body.get("device_tokens") is not None
    entry: dict[str, Any] = {
        "device_token" if by_token else "customer": name,
        "delivery_id": deliveries[0]["delivery_id"] if deliveries else None,
        "status": VERDICTS[verdict[0]],
        "external_id": body.get("external_id"),
    }
    return entry if by_token else {**entry, "deliveries": deliveries}


def _receiver_entry(asked: Mapping[str, Any], verdict: str, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    """In MessageFlow's words, with ours beside them."""
    entry = {
        "receiver": asked["receiver"],
        "externalId": asked.get("externalId"),
        "delivery_id": deliveries[0]["delivery_id"] if deliveries else None,
        "status": verdict,
        "external_id": asked.get("externalId"),
        "deliveries": deliveries,
    }
    return {**entry, "device_token": asked["receiver"]} if asked.get("type", DEVICE) == DEVICE else entry


def _error(body: Mapping[str, Any], place: int, name: str | None, verdict: str) -> dict[str, Any]:
    audience = next(word for word in ("device_tokens", "customers", "segment", "to") if body.get(word) is not None)
    part = {"segment": "", "to": f"/{place}/receiver"}.get(audience, f"/{place}")
    pointer = f"/{audience}{part}"
    return envelope_error(FieldProblem(pointer, verdict, str(CODES[verdict].meaning), name or ""), 202)
