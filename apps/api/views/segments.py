"""Segments: read them, count them, compute them again."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import NULLABLE_TEXT, NULLABLE_TIME, NUMBER, TEXT, Answer, Call, listing, record
from apps.api.paging import each, page_response
from apps.api.query import PAGE, choice
from apps.api.refusals import Refusal
from apps.segments.models import Segment
from apps.segments.queries import segments_of
from apps.segments.services.refresh import SegmentBroken, refresh_segment
from apps.segments.states import SEGMENT_STATES

_SEGMENT = record(
    {
        "id": NUMBER,
        "name": TEXT,
        "description": TEXT,
        "kind": {"type": "string", "enum": ["dynamic", "static"]},
        "state": {"type": "string", "enum": SEGMENT_STATES.words},
        "broken_reason": NULLABLE_TEXT,
        "member_count": NUMBER,
        "refreshed_at": NULLABLE_TIME,
    }
)


class SegmentsView(ApiView):
    """/v2.1/segments"""

    calls: ClassVar = {
        "GET": Call(
            "listSegments",
            "segments:read",
            "The app's segments, newest first.",
            {200: listing(_SEGMENT, "A page")},
            parameters={"kind": choice(["dynamic", "static"], "only these"), **PAGE},
        )
    }

    def get(self, request: Request) -> HttpResponse:
        found = segments_of([self.caller.app.pk])
        if "kind" in self.parameters:
            found = found.filter(kind=self.parameters["kind"])
        return page_response(found, self.parameters, each(_shown))


class OneSegmentView(ApiView):
    """/v2.1/segments/{id}"""

    calls: ClassVar = {
        "GET": Call("readSegment", "segments:read", "One segment.", {200: Answer("The segment", _SEGMENT)})
    }

    def get(self, request: Request, segment_id: int) -> HttpResponse:
        return json_response(_shown(segment_of(self, segment_id)))


class RefreshSegmentView(ApiView):
    """/v2.1/segments/{id}/refresh"""

    calls: ClassVar = {
        "POST": Call(
            "refreshSegment",
            "segments:write",
            "Compute the members of a segment now, and answer with the new count.",
            {200: Answer("The segment", _SEGMENT)},
            refusals=(409, 422),
        )
    }

    def post(self, request: Request, segment_id: int) -> HttpResponse:
        segment = segment_of(self, segment_id)
        try:
            refresh_segment(segment_id=segment.pk, now=timezone.now())
        except SegmentBroken as broken:
            raise Refusal("segment_broken", str(broken), status=422) from None
        return json_response(_shown(segment_of(self, segment_id)))


def segment_of(view: ApiView, segment_id: int) -> Segment:
    """The segment of the caller's app. Raises Http404."""
    return get_object_or_404(Segment, app=view.caller.app, pk=segment_id)


def _shown(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.pk,
        "name": segment.name,
        "description": segment.description,
        "kind": segment.kind,
        "state": segment.state,
        "broken_reason": segment.broken_reason or None,
        "member_count": segment.member_count,
        "refreshed_at": segment.refreshed_at.isoformat() if segment.refreshed_at else None,
    }
