"""Receipts: what the app on the phone says about a delivery."""

from typing import ClassVar

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from apps.api.base import ApiView, json_response
from apps.api.batch import PROBLEM, batch_shape, read_batch, shown_problems
from apps.api.calls import NUMBER, Answer, Call, list_of, record
from apps.api.refusals import refuse_fields
from apps.api.shapes import Choice, Moment, Record, Text
from apps.deliveries.services.receipts import ReceiptDraft, store
from apps.deliveries.states import RECEIPT_TYPES

MOST_AT_ONCE = 500
RECEIPT = Record(
    {
        "delivery_id": Text(least=1, most=255, about="As the notification brought it (`nid`)."),
        "type": Choice(list(RECEIPT_TYPES)),
        "at": Moment("Now, unless told; the server's clock corrects wild ones."),
        "action": Text(most=60, about="The id of the tapped button."),
    },
    required=("delivery_id", "type"),
)


class ReceiptsView(ApiView):
    """/v2.1/receipts"""

    for_browsers = True
    calls: ClassVar = {
        "POST": Call(
            "sendReceipts",
            "events:write",
            f"Store up to {MOST_AT_ONCE} receipts.\n\nAlways 202 for what is well-formed: forged, foreign and repeated"
            " ids are dropped in silence, so nobody can learn from the answer which deliveries exist.",
            {202: Answer("Taken", record({"received": NUMBER, "refused": NUMBER, "errors": list_of(PROBLEM)}))},
            body=batch_shape("receipts", RECEIPT, MOST_AT_ONCE),
        )
    }

    def post(self, request: Request) -> HttpResponse:
        batch = read_batch(self.body()["receipts"], "receipts", RECEIPT, MOST_AT_ONCE)
        if not batch.sound:
            raise refuse_fields(batch.problems)
        now = timezone.now()
        drafts = [
            ReceiptDraft(said["delivery_id"], said["type"], said.get("at", now), said.get("action", ""))
            for said in batch.sound
        ]
        store(receipts=drafts, app_id=self.caller.app.pk, now=now)
        refused = batch.total - len(batch.sound)
        answer = {"received": len(batch.sound), "refused": refused, "errors": shown_problems(batch.problems)}
        return json_response(answer, 202)
