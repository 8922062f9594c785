"""Automations: read, start, pause, resume, end, and let people in."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import NULLABLE_TEXT, NULLABLE_TIME, NUMBER, TEXT, Answer, Call, list_of, listing, map_of, record
from apps.api.entry_request import ENTERED, ENTRY, entry_answer
from apps.api.paging import page_response
from apps.api.query import PAGE, choice
from apps.api.services.entries import ACCEPTED, accept_entry
from apps.api.services.idempotency import read_key
from apps.campaigns.funnel import attach_counts, funnel
from apps.campaigns.models import Automation
from apps.campaigns.services.automations import lifecycle
from apps.campaigns.states import AUTOMATION_STATES
from apps.core.states import repeatable

_AUTOMATION = record(
    {
        "id": NUMBER,
        "name": TEXT,
        "state": {"type": "string", "enum": AUTOMATION_STATES.words},
        "trigger": {"type": "string", "enum": [word for word, _label in Automation.TRIGGERS]},
        "event": NULLABLE_TEXT,
        "segment_id": {"type": ["integer", "null"]},
        "reentry": {"type": "string", "enum": [word for word, _label in Automation.REENTRIES]},
        "activated_at": NULLABLE_TIME,
        "stopped_at": NULLABLE_TIME,
        "paused_reason": NULLABLE_TEXT,
        "entered": NUMBER,
        "inside": NUMBER,
        "goals": NUMBER,
    }
)
_THE_AUTOMATION = {200: Answer("The automation", _AUTOMATION)}
_STEP = record(
    {
        "kind": TEXT,
        "reached": NUMBER,
        "waiting": NUMBER,
        "left": map_of(NUMBER),
        **dict.fromkeys(("sent", "left_out", "displayed", "opened", "clicked"), NUMBER),
    },
    optional=("sent", "left_out", "displayed", "opened", "clicked"),
)
_FUNNEL = record(
    {
        **dict.fromkeys(("entered", "inside", "done", "goal"), NUMBER),
        "left": map_of(NUMBER),
        "steps": list_of(_STEP),
    }
)


class AutomationsView(ApiView):
    """/v2.1/automations"""

    calls: ClassVar = {
        "GET": Call(
            "listAutomations",
            "campaigns:read",
            "The app's automations, newest first, with how many people entered, are inside, and reached the goal.",
            {200: listing(_AUTOMATION, "A page")},
            parameters={"state": choice(AUTOMATION_STATES.words, "only in this state"), **PAGE},
        )
    }

    def get(self, request: Request) -> HttpResponse:
        found = _automations(self)
        if "state" in self.parameters:
            found = found.filter(state=self.parameters["state"])
        return page_response(found, self.parameters, _all_shown)


class AutomationView(ApiView):
    """A path below one automation."""

    def automation(self, automation_id: int) -> Automation:
        """The automation of the caller's app. Raises Http404."""
        return get_object_or_404(_automations(self), pk=automation_id)


class OneAutomationView(AutomationView):
    """/v2.1/automations/{id}"""

    calls: ClassVar = {"GET": Call("readAutomation", "campaigns:read", "One automation.", _THE_AUTOMATION)}

    def get(self, request: Request, automation_id: int) -> HttpResponse:
        return json_response(_shown(self.automation(automation_id)))


class AutomationReportView(AutomationView):
    """/v2.1/automations/{id}/report"""

    calls: ClassVar = {
        "GET": Call(
            "readAutomationReport",
            "reports:read",
            "Its funnel: who came to each step, waits there or left, and what became of its pushes.\n\nIn people;"
            " of pushes those of the last 90 days.",
            {200: Answer("The funnel", _FUNNEL)},
        )
    }

    def get(self, request: Request, automation_id: int) -> HttpResponse:
        return json_response(funnel(self.automation(automation_id), timezone.now()).as_json())


class _StepView(AutomationView):
    """A step in an automation's life."""

    step: ClassVar[Callable[..., Any]]

    def post(self, request: Request, automation_id: int) -> HttpResponse:
        automation = self.automation(automation_id)
        type(self).step(automation=automation, actor=self.caller.actor, now=timezone.now())
        return json_response(_shown(self.automation(automation_id)))


def _step(name: str, about: str) -> dict[str, Call]:
    return {"POST": Call(name, "campaigns:write", about, _THE_AUTOMATION, refusals=(409,))}


def _start(*, automation: Automation, **how: Any) -> None:
    lifecycle.activate(automation=automation, version=automation.version, **how)


class StartAutomationView(_StepView):
    """/v2.1/automations/{id}/start"""

    step = _start
    calls: ClassVar = _step(
        "startAutomation",
        "Start a draft: from now on people enter, and its steps are frozen.\n\n400 names all that is missing. 409"
        " `approval_required`: in this app another person than its author starts it, in the admin; a key is nobody's"
        " second pair of eyes.",
    )


class PauseAutomationView(_StepView):
    """/v2.1/automations/{id}/pause"""

    step = repeatable(lifecycle.pause)
    calls: ClassVar = _step("pauseAutomation", "Nobody enters or goes on; who does an exit event still leaves.")


class ResumeAutomationView(_StepView):
    """/v2.1/automations/{id}/resume"""

    step = repeatable(lifecycle.resume)
    calls: ClassVar = _step("resumeAutomation", "Go on; who became due meanwhile is due at once.")


class EndAutomationView(_StepView):
    """/v2.1/automations/{id}/end"""

    step = repeatable(lifecycle.end)
    calls: ClassVar = _step(
        "endAutomation", "Over for good: whoever is inside leaves, what is on its way is cancelled."
    )


class EnterAutomationView(AutomationView):
    """/v2.1/automations/{id}/enter"""

    calls: ClassVar = {
        "POST": Call(
            "enterAutomation",
            "campaigns:trigger",
            "Let these people enter an active automation, whatever its trigger is.\n\nIts own rules hold: re-entry,"
            " exit events, conditions, frequency cap, quiet hours. 202 means that it is stored; each name has a verdict"
            " in `data`: `entered`, `already_inside`, `not_again` (the rule of re-entry), `unknown_customer`,"
            " `duplicate`. 409 `automation_inactive`: nobody has started it; `automation_paused`. A test key is told"
            " the verdicts, and nobody enters.",
            {202: Answer("Accepted", ENTERED)},
            body=ENTRY,
            headers={
                "Idempotency-Key": "1-255 ASCII characters (others only in the field `idempotency_key`), kept for 30"
                " days: the same request twice is one entry."
            },
            refusals=(409, 413, 422),
        )
    }

    def post(self, request: Request, automation_id: int) -> HttpResponse:
        automation, body = self.automation(automation_id), self.raw_object()
        app, is_test, now = self.caller.app, self.caller.is_test, timezone.now()
        named = {**body, "automation_id": automation_id}
        key = read_key(app=app, is_test=is_test, header=request.headers.get("Idempotency-Key"), body=named)
        accepted = accept_entry(automation=automation, is_test=is_test, body=body, key=key, now=now)
        replayed = {"Idempotency-Replayed": "true"} if accepted.is_replay else None
        return json_response(entry_answer(body, automation_id, accepted.stored), ACCEPTED, replayed)


def _automations(view: ApiView) -> QuerySet[Automation]:
    return Automation.objects.filter(app=view.caller.app)


def _all_shown(automations: Sequence[Automation]) -> list[dict[str, Any]]:
    """Two queries, however many they are."""
    attach_counts(automations)
    return [
        {
            "id": one.pk,
            "name": one.name,
            "state": one.state,
            "trigger": one.trigger,
            "event": one.trigger_event or None,
            "segment_id": one.trigger_segment_id,
            "reentry": one.reentry,
            "activated_at": one.activated_at.isoformat() if one.activated_at else None,
            "stopped_at": one.stopped_at.isoformat() if one.stopped_at else None,
            "paused_reason": one.paused_reason or None,
            **one.counts,  # type: ignore[attr-defined]
        }
        for one in automations
    ]


def _shown(automation: Automation) -> dict[str, Any]:
    return _all_shown([automation])[0]
