"""Transactional pushes: `POST /v2.1/push`, and what became of them."""

from typing import ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import NULLABLE_TEXT, TEXT, TIME, Answer, Call, list_of, listing, record
from apps.api.paging import page_response
from apps.api.push_answer import ANSWER, push_answer
from apps.api.push_request import PUSH
from apps.api.queries import pushes_of
from apps.api.query import PAGE, choice, text, time_of
from apps.api.services.idempotency import read_key
from apps.api.services.pushes import ACCEPTED, accept
from apps.api.services.recipients import address_hash_of
from apps.deliveries.models import Dispatch
from apps.deliveries.queries import push_state, push_states
from apps.deliveries.states import OUTCOMES

STATE_WORDS = ["queued", "sending", "done", "cancelled"]
_STATE = record(
    {
        "id": TEXT,
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
_FILTERS = {
    "external_id": text("your name of the push"),
    "device_token": text("sent to this token"),
    "customer": text("sent to this customer (your id)"),
    "status": choice([*STATE_WORDS, *OUTCOMES], "a state of the push, or an outcome that one of its deliveries has"),
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
            body=PUSH,
            headers={"Idempotency-Key": "Any 1-255 characters, kept for 30 days: the same request twice is one push."},
            refusals=(409, 422),
        ),
        "GET": Call(
            "listPushes",
            "push:send",
            "The history of pushes, newest first.",
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
        filters = dict(self.parameters)
        if "device_token" in filters:
            filters["address_hash"] = address_hash_of(filters.pop("device_token"))
        return page_response(pushes_of(self.caller.app, filters), self.parameters, push_states)


class OnePushView(ApiView):
    """/v2.1/push/{id}"""

    calls: ClassVar = {
        "GET": Call("readPush", "push:send", "What became of one push.", {200: Answer("The push", _STATE)}),
    }

    def get(self, request: Request, push_id: int) -> HttpResponse:
        push = get_object_or_404(Dispatch, app=self.caller.app, kind="transactional", pk=push_id)
        return json_response(push_state(push))
