"""Transactional pushes."""

from typing import ClassVar

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import Answer, Call
from apps.api.push_answer import ANSWER, push_answer
from apps.api.push_request import PUSH
from apps.api.services.idempotency import read_key
from apps.api.services.pushes import ACCEPTED, accept


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
    }

    def post(self, request: Request) -> HttpResponse:
        body = self.raw_object()
        app, is_test = self.caller.app, self.caller.is_test
        key = read_key(app=app, is_test=is_test, header=request.headers.get("Idempotency-Key"), body=body)
        accepted = accept(app=app, is_test=is_test, body=body, key=key, now=timezone.now())
        replayed = {"Idempotency-Replayed": "true"} if accepted.is_replay else None
        return json_response(push_answer(body, accepted.stored), ACCEPTED, replayed)
