"""Transactional pushes: `POST /v2.1/push`, and what became of them."""

from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import NULLABLE_TEXT, NULLABLE_TIME, NUMBER, TEXT, TIME, Answer, Call, list_of, listing, record
from apps.api.messageflow import MESSAGEFLOW
from apps.api.push_answer import ANSWER, push_answer
from apps.api.push_request import PUSH
from apps.api.queries import KINDS, InvalidCursor, people_sought, push_page
from apps.api.query import DEFAULT_LIMIT, PAGE, choice, text, time_of
from apps.api.refusals import refuse_fields
from apps.api.services.idempotency import read_key
from apps.api.services.push_cancel import cancel_push
from apps.api.services.pushes import ACCEPTED, accept
from apps.api.services.recipients import address_hash_of
from apps.api.shapes import Forms
from apps.core.problems import FieldProblem
from apps.deliveries.models import Dispatch
from apps.deliveries.push_queries import push_state, push_states
from apps.deliveries.services.alerts import alert_state
from apps.deliveries.states import OUTCOMES
from apps.sms_booster.queries import fallback_state

STATE_WORDS = ["queued", "sending", "done", "cancelled"]
_STATE = record(
    {
        "id": TEXT,
        "kind": {"type": "string", "enum": list(KINDS)},
        "name": NULLABLE_TEXT,
        "state": {"type": "string", "enum": STATE_WORDS},
        "external_id": NULLABLE_TEXT,
        "created_at": TIME,
        "deliveries": list_of(
            record(
                {
                    "delivery_id": TEXT,
                    "device_token": NULLABLE_TEXT,
                    "status": {"type": "string", "enum": ["queued", *OUTCOMES]},
                    "code": NULLABLE_TEXT,
                    "at": {"type": ["string", "null"], "format": "date-time"},
                    "receipts": list_of(record({"type": TEXT, "at": TIME})),
                }
            )
        ),
    }
)
_ALERT = record({"state": TEXT, "sent": NUMBER, "times": NUMBER, "next_at": NULLABLE_TIME})
_SMS = record({"customer": NULLABLE_TEXT, "status": TEXT, "code": NULLABLE_TEXT, "reason": TEXT, "at": TIME})
_FALLBACK = record({"state": TEXT, "due_at": TIME, "reason": TEXT, "messages": list_of(_SMS)})
_WHOLE_STATE = {**_STATE, "properties": {**_STATE["properties"], "critical": _ALERT, "fallback_sms": _FALLBACK}}
_FILTERS = {
    "external_id": text("your name of the push"),
    "device_token": text("sent to this token, or held back from it"),
    "customer": text("sent to this customer (your id), or held back from them"),
    "kind": choice(
        list(KINDS),
        "unless told: every kind with customer or device_token, else transactional. The others need one of these two.",
    ),
    "status": choice(
        list(dict.fromkeys([*STATE_WORDS, *OUTCOMES])),
        "a state of the push, or an outcome that one of its deliveries has; with customer or device_token, one to them",
    ),
    "since": time_of("created at or after"),
    "until": time_of("created before"),
}


class PushView(ApiView):
    """/v2.1/push"""

    calls: ClassVar = {
        "POST": Call(
            "sendPush",
            "push:send",
            "Send a push to devices or people.\n\nIt goes out at once, on a road of its own: no campaign is in its way."
            " 202 means that it is stored; every recipient has its verdict in `data`.",
            {ACCEPTED: Answer("Accepted", ANSWER)},
            body=Forms([PUSH, MESSAGEFLOW]),
            headers={
                "Idempotency-Key": "1-255 ASCII characters (others only in the field `idempotency_key`), kept for 30"
                " days: the same request twice is one push."
            },
            refusals=(409, 422),
        ),
        "GET": Call(
            "listPushes",
            "push:send",
            "The history of messages, newest first.\n\nPushes of your backend; with `customer` or `device_token` all"
            " that this person was sent or not sent, campaigns too, and `deliveries` tells of this person alone."
            " Filters narrow each other. `GET /v2.1/customers/{external_id}/explain` says why.",
            {200: listing(_STATE, "A page")},
            parameters={**_FILTERS, **PAGE},
        ),
    }

    def post(self, request: Request) -> HttpResponse:
        body = self.raw_object()
        app, is_test = self.caller.app, self.caller.is_test
        key = read_key(app=app, is_test=is_test, header=request.headers.get("Idempotency-Key"), body=body)
        accepted = accept(app=app, is_test=is_test, body=body, key=key, now=timezone.now())
        replayed = {"Idempotency-Replayed": "true"} if accepted.is_replay else None
        return json_response(push_answer(body, accepted.stored), ACCEPTED, replayed)

    def get(self, request: Request) -> HttpResponse:
        app, filters = self.caller.app, dict(self.parameters)
        cursor, limit = filters.pop("cursor", None), filters.pop("limit", DEFAULT_LIMIT)
        _require_order(filters.get("since"), filters.get("until"))
        if "device_token" in filters:
            filters["address_hash"] = address_hash_of(filters.pop("device_token"))
        people = people_sought(app, filters)
        if filters.get("kind", "transactional") != "transactional" and people is None:
            message = _("name a customer or a device_token: campaigns as a whole are at /v2.1/campaigns")
            raise refuse_fields([FieldProblem("?kind", "required", message, filters["kind"])])
        try:
            found, next_cursor = push_page(app, filters, cursor=cursor, limit=limit)
        except InvalidCursor:
            message = _("send `next_cursor` of the page before, unchanged")
            raise refuse_fields([FieldProblem("?cursor", "bad_cursor", message, str(cursor))]) from None
        shown = push_states(found, people=people)
        return json_response({"data": shown, "next_cursor": str(next_cursor) if next_cursor else None})


class OnePushView(ApiView):
    """/v2.1/push/{id}"""

    calls: ClassVar = {
        "GET": Call("readPush", "push:send", "What became of one push.", {200: Answer("The push", _WHOLE_STATE)}),
        "DELETE": Call(
            "cancelPush",
            "push:send",
            "Cancel a push that waits for its `send_at`, or an alert still being repeated.\n\nWhat was sent stays sent;"
            " what was not has the outcome `cancelled`. Cancelling twice is fine; 409 `invalid_transition`: it is over,"
            " there is nothing left to cancel.",
            {200: Answer("The push", _WHOLE_STATE)},
            refusals=(409,),
        ),
    }

    def get(self, request: Request, push_id: int) -> HttpResponse:
        return json_response(_whole_state(self._push(push_id)))

    def delete(self, request: Request, push_id: int) -> HttpResponse:
        push = self._push(push_id)
        cancel_push(push=push, actor=self.caller.actor, now=timezone.now())
        return json_response(_whole_state(self._push(push_id)))

    def _push(self, push_id: int) -> Dispatch:
        """Raises Http404."""
        return get_object_or_404(Dispatch, app=self.caller.app, kind="transactional", origin="push", pk=push_id)


def _require_order(since: datetime | None, until: datetime | None) -> None:
    """An empty page would look as if nothing had been sent. Raises Refusal."""
    if since is not None and until is not None and since > until:
        message = _("must not be later than `until`, which is %s") % until.isoformat()
        raise refuse_fields([FieldProblem("?since", "range", message, since.isoformat())])


def _whole_state(push: Dispatch) -> dict[str, Any]:
    """With what follows it, where it was asked for."""
    following = {"critical": alert_state(push.pk), "fallback_sms": fallback_state(push.pk)}
    return {**push_state(push), **{name: state for name, state in following.items() if state is not None}}
