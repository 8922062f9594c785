"""Behavioural events."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request

from apps.api.base import ApiView
from apps.api.batch import BATCH_ANSWER, Batch, batch_response, batch_shape, read_batch
from apps.api.calls import Answer, Call
from apps.api.codes import CODES
from apps.api.refusals import refuse_fields
from apps.api.services.device_access import DEVICE_HEADER, SECRET_HEADER, device_shown
from apps.api.services.keys import Caller
from apps.api.services.writable_people import LIVE_CUSTOMER, live_among
from apps.api.shapes import VISIBLE, Anything, Moment, Record
from apps.core.problems import FieldProblem
from apps.customers.services.events import MOST_AT_ONCE, NAME_LIMIT, EventDraft, event_problems, ingest_events
from apps.devices.models import Device


def _event_problems(found: Mapping[str, Any]) -> list[FieldProblem]:
    """By the rules of events, as far as the fields could be read."""
    return event_problems(EventDraft(**{"customer": "", "name": "", **found}), now=timezone.now())


EVENT = Record(
    {
        "customer": Anything({"type": "string", "pattern": VISIBLE, "maxLength": 255}, "Your id; created if unknown."),
        "name": Anything({"type": "string", "pattern": VISIBLE, "maxLength": NAME_LIMIT}),
        "occurred_at": Moment("Now, unless told."),
        "properties": Anything({"type": "object"}, "Flat: text, number, boolean or a list of texts."),
    },
    required=("customer", "name"),
    further=_event_problems,
)


class EventsView(ApiView):
    """/v2.1/events"""

    for_browsers = True
    calls: ClassVar = {
        "POST": Call(
            "sendEvents",
            "events:write",
            f"Store up to {MOST_AT_ONCE} events.\n\nA bad event is refused alone: `errors` names it, the others are"
            " stored. With a publishable key the two device headers are needed, and the events are that person's.",
            {202: Answer("Stored, but for those in `errors`", BATCH_ANSWER)},
            body=batch_shape("events", EVENT, MOST_AT_ONCE),
            headers={DEVICE_HEADER: "With a publishable key.", SECRET_HEADER: "With a publishable key."},
        )
    }

    def post(self, request: Request) -> HttpResponse:
        batch = read_batch(self.body()["events"], "events", EVENT, MOST_AT_ONCE)
        if self.caller.is_publishable:
            _require_own(batch, device_shown(caller=self.caller, headers=request.headers))
        _require_test_people(batch, self.caller)
        drafts = [EventDraft(**event) for event in batch.sound]
        caller, now = self.caller, timezone.now()
        done = ingest_events(app=caller.app, drafts=drafts, now=now, made_by_test=caller.is_test)
        return batch_response(
            status=202,
            stored=done.stored_count,
            total=batch.total,
            problems=batch.problems + batch.placed(done.problems),
            warnings=batch.placed(done.warnings),
        )


def _require_test_people(batch: Batch, caller: Caller) -> None:
    """A test key writes what its own people did, and nobody else's."""
    live = live_among(caller=caller, names=[event["customer"] for event in batch.sound])
    foreign = [
        FieldProblem(f"/events/{place}/customer", LIVE_CUSTOMER, str(CODES[LIVE_CUSTOMER].meaning), event["customer"])
        for place, event, is_live in zip(batch.places, batch.sound, live, strict=True)
        if is_live
    ]
    if foreign:
        raise refuse_fields(foreign, 403)


def _require_own(batch: Batch, device: Device) -> None:
    """Whoever reads a publishable key out of an app may write the events of their own device, not of other people."""
    foreign = [
        FieldProblem(f"/events/{place}/customer", "not_found", _("is not the customer of this device"))
        for place, event in zip(batch.places, batch.sound, strict=True)
        if event["customer"] != device.customer.external_id
    ]
    if foreign:
        raise refuse_fields(foreign, 404)
