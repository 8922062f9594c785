"""Webhooks: endpoints that are told what became of pushes."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import NULLABLE_TEXT, NULLABLE_TIME, NUMBER, TEXT, TIME, Answer, Call, list_of, listing, record
from apps.api.paging import each, page_response
from apps.api.query import PAGE
from apps.api.shapes import Choice, Flag, ListOf, Moment, Record, Text
from apps.api.states import WEBHOOK_ENDPOINT_STATES, WEBHOOK_REPLAY_STATES
from apps.api.webhooks.event_types import EVENT_TYPES
from apps.api.webhooks.models import WebhookEndpoint, WebhookReplay
from apps.api.webhooks.services.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    rotate_secret,
    send_test,
    url_problems,
)
from apps.api.webhooks.services.replays import span_problems, start_replay
from apps.core.problems import FieldProblem
from apps.core.states import repeatable


def _address_problems(found: Mapping[str, Any]) -> list[FieldProblem]:
    """Of the address, where it is a text at all."""
    url = found.get("url")
    return url_problems(url, allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK) if isinstance(url, str) else []


def _span_problems(found: Mapping[str, Any]) -> list[FieldProblem]:
    return span_problems(found.get("since"), found.get("until"), timezone.now())


_SCOPE = "webhooks:write"
_URL = Text(
    least=1, most=4_096, about="https, port 443 or 8443, up to 2,000 characters.", example="https://shop.example/push"
)
_TYPES = ListOf(Choice(EVENT_TYPES), most=len(EVENT_TYPES), least=1, about="What it is told.")
_DESCRIPTION = Text(most=200, about="For people.")
NEW = Record(
    {"url": _URL, "types": _TYPES, "description": _DESCRIPTION},
    required=("url", "types"),
    further=_address_problems,
)
CHANGES = Record(
    {
        "url": _URL,
        "types": _TYPES,
        "description": _DESCRIPTION,
        "state": Choice(
            ("active", "disabled"), about="Switches it on or off. What happens while it is off is sent later."
        ),
        "rotate_secret": Flag(about="true: makes a new secret, told in this answer. Both sign for 24 hours."),
    },
    further=_address_problems,
)
REPLAY = Record(
    {"since": Moment("Up to 30 days back."), "until": Moment("Now, unless told.")},
    required=("since",),
    further=_span_problems,
)
_ENDPOINT_FIELDS = {
    "id": NUMBER,
    "url": TEXT,
    "description": TEXT,
    "types": list_of({"type": "string", "enum": list(EVENT_TYPES)}),
    "state": {"type": "string", "enum": WEBHOOK_ENDPOINT_STATES.words},
    "disabled_reason": NULLABLE_TEXT,
    "failing_since": NULLABLE_TIME,
    "last_success_at": NULLABLE_TIME,
    "last_error": NULLABLE_TEXT,
    "created_at": TIME,
}
_ENDPOINT = record(_ENDPOINT_FIELDS)
_SECRET = {"type": "string", "description": "whsec_ and base64, as Standard Webhooks has it. Told once."}
_WITH_SECRET = record({**_ENDPOINT_FIELDS, "secret": _SECRET})
_CHANGED = record({**_ENDPOINT_FIELDS, "secret": _SECRET}, optional=("secret",))
_REPLAY = record(
    {
        "id": NUMBER,
        "since": TIME,
        "until": TIME,
        "state": {"type": "string", "enum": WEBHOOK_REPLAY_STATES.words},
    }
)
_TRIED = record(
    {
        "result": {"type": "string", "enum": ["delivered", "refused", "failed", "no_answer", "not_called"]},
        "status": {"type": ["integer", "null"], "description": "Of the endpoint's answer; null where none came."},
        "seconds": {"type": "number"},
        "detail": NULLABLE_TEXT,
    }
)


class WebhookView(ApiView):
    """What every call about one endpoint has in common."""

    def endpoint(self, webhook_id: int) -> WebhookEndpoint:
        """The endpoint of the caller's app. Raises Http404."""
        found = WebhookEndpoint.objects.select_related("app")
        return get_object_or_404(found, app=self.caller.app, pk=webhook_id)


class WebhooksView(ApiView):
    """/v2.1/webhooks"""

    calls: ClassVar = {
        "GET": Call(
            "listWebhooks",
            _SCOPE,
            "The app's webhook endpoints, newest first.",
            {200: listing(_ENDPOINT, "A page")},
            parameters=PAGE,
        ),
        "POST": Call(
            "createWebhook",
            _SCOPE,
            "Tell an address of yours what becomes of pushes, from now on.\n\nRequests are signed as Standard Webhooks"
            " says, hold up to 20 kB of events of one type, and are tried for three days under one `webhook-id` until"
            " a 2xx comes within 15 seconds. The `secret` is told in this answer alone.",
            {201: Answer("The endpoint and its secret", _WITH_SECRET)},
            body=NEW,
            refusals=(409,),
        ),
    }

    def get(self, request: Request) -> HttpResponse:
        found = WebhookEndpoint.objects.filter(app=self.caller.app)
        return page_response(found, self.parameters, each(_shown))

    def post(self, request: Request) -> HttpResponse:
        said = self.body()
        endpoint, secret = create_endpoint(
            app=self.caller.app,
            url=said["url"],
            types=said["types"],
            description=said.get("description", ""),
            actor=self.caller.actor,
            allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
            now=timezone.now(),
        )
        return json_response({**_shown(endpoint), "secret": secret}, 201)


class OneWebhookView(WebhookView):
    """/v2.1/webhooks/{id}"""

    calls: ClassVar = {
        "GET": Call("readWebhook", _SCOPE, "One endpoint.", {200: Answer("The endpoint", _ENDPOINT)}),
        "PATCH": Call(
            "changeWebhook",
            _SCOPE,
            "Change an endpoint, switch it off or on, or rotate its secret.\n\nA state that is so already stays so.",
            {200: Answer("The endpoint", _CHANGED)},
            body=CHANGES,
            refusals=(409,),
        ),
        "DELETE": Call("deleteWebhook", _SCOPE, "Remove an endpoint with its log.", {204: Answer("It is gone")}),
    }

    def get(self, request: Request, webhook_id: int) -> HttpResponse:
        return json_response(_shown(self.endpoint(webhook_id)))

    def patch(self, request: Request, webhook_id: int) -> HttpResponse:
        endpoint, said, now = self.endpoint(webhook_id), self.body(), timezone.now()
        state, rotates = said.pop("state", None), said.pop("rotate_secret", False)
        if said:
            endpoint = change_endpoint(
                endpoint=endpoint,
                changes=said,
                actor=self.caller.actor,
                allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
                now=now,
            )
        if state is not None:
            switch = repeatable(enable_endpoint if state == "active" else disable_endpoint)
            switch(endpoint=endpoint, actor=self.caller.actor, now=now)
        secret = {"secret": rotate_secret(endpoint=endpoint, actor=self.caller.actor, now=now)} if rotates else {}
        return json_response({**_shown(self.endpoint(webhook_id)), **secret})

    def delete(self, request: Request, webhook_id: int) -> HttpResponse:
        delete_endpoint(endpoint=self.endpoint(webhook_id), actor=self.caller.actor, now=timezone.now())
        return HttpResponse(status=204)


class ReplayWebhookView(WebhookView):
    """/v2.1/webhooks/{id}/replay"""

    calls: ClassVar = {
        "POST": Call(
            "replayWebhook",
            _SCOPE,
            "Send once more what was recorded in a stretch of the last 30 days.\n\nIt comes in new requests; an event"
            " is known by its `delivery_id` and type. What the endpoint has yet to be told at all is not in it.",
            {202: Answer("It runs", _REPLAY)},
            body=REPLAY,
            refusals=(409,),
        )
    }

    def post(self, request: Request, webhook_id: int) -> HttpResponse:
        endpoint, said, now = self.endpoint(webhook_id), self.body(), timezone.now()
        replay = start_replay(
            endpoint=endpoint,
            since=said["since"],
            until=said.get("until"),
            actor=self.caller.actor,
            now=now,
        )
        return json_response(_replay_shown(replay), 202)


class TryWebhookView(WebhookView):
    """/v2.1/webhooks/{id}/test"""

    calls: ClassVar = {
        "POST": Call(
            "testWebhook",
            _SCOPE,
            "Send one signed request of type `webhook.test` now, and answer with what came of it.",
            {200: Answer("What came of it", _TRIED)},
        )
    }

    def post(self, request: Request, webhook_id: int) -> HttpResponse:
        outcome = send_test(
            endpoint=self.endpoint(webhook_id),
            allows_loopback=settings.WEBHOOKS_ALLOW_LOOPBACK,
            now=timezone.now(),
        )
        return json_response(
            {
                "result": outcome.result,
                "status": outcome.status or None,
                "seconds": round(outcome.seconds, 3),
                "detail": outcome.detail or None,
            }
        )


def _shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.pk,
        "url": endpoint.url,
        "description": endpoint.description,
        "types": endpoint.types,
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason or None,
        "failing_since": endpoint.failing_since.isoformat() if endpoint.failing_since else None,
        "last_success_at": endpoint.last_ok_at.isoformat() if endpoint.last_ok_at else None,
        "last_error": endpoint.last_error or None,
        "created_at": endpoint.created_at.isoformat(),
    }


def _replay_shown(replay: WebhookReplay) -> dict[str, Any]:
    return {
        "id": replay.pk,
        "since": replay.since.isoformat(),
        "until": replay.until.isoformat(),
        "state": replay.state,
    }
