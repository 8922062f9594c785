"""Dispatches: counts by outcome, and every delivery as CSV."""

from typing import ClassVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.calls import TEXT, Answer, Call
from apps.api.query import flag
from apps.api.views.reports import REPORT, with_pace
from apps.deliveries.models import Dispatch
from apps.deliveries.queries import report
from apps.deliveries.services.export import delivery_csv
from apps.sms_booster.queries import sms_columns


class DispatchView(ApiView):
    """/v2.1/dispatches/{id}"""

    calls: ClassVar = {
        "GET": Call("readDispatch", "reports:read", "Counts by outcome.", {200: Answer("The report", REPORT)})
    }

    def get(self, request: Request, dispatch_id: int) -> HttpResponse:
        dispatch = _dispatch_of(self, dispatch_id)
        return json_response(with_pace(report(dispatch).as_json(), dispatch, timezone.now()))


class DeliveriesView(ApiView):
    """/v2.1/dispatches/{id}/deliveries.csv"""

    calls: ClassVar = {
        "GET": Call(
            "exportDeliveries",
            "reports:read",
            "One line per planned device, and per person without one, streamed.\n\nEach has a `delivery_id` of its own."
            " `unknown_outcome` may have arrived: a try got no answer, and `code` is what a later one was told, such as"
            " `UNREGISTERED` where the address was gone by then.",
            {200: Answer("RFC 4180, UTC, formula-safe", TEXT, media="text/csv")},
            parameters={"bom": flag("begin with a byte order mark, for spreadsheets")},
        )
    }

    def get(self, request: Request, dispatch_id: int) -> HttpResponseBase:
        dispatch = _dispatch_of(self, dispatch_id)
        lines = delivery_csv(dispatch=dispatch, extras=sms_columns(dispatch.pk), bom=self.parameters.get("bom", False))
        name = f"deliveries-{dispatch.pk}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _dispatch_of(view: ApiView, dispatch_id: int) -> Dispatch:
    return get_object_or_404(Dispatch, app=view.caller.app, pk=dispatch_id)
