"""What a person was sent, and was not sent and why, on their page."""

from collections import defaultdict
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.admin_panels import Panel
from apps.customers.models import Customer
from apps.deliveries.admin_words import KIND_LABELS, PLATFORM_LABELS, outcome_label, receipt_label
from apps.deliveries.delivery_ids import read_delivery_id
from apps.deliveries.models import Receipt
from apps.deliveries.queries import LogFilters, LogRow, delivery_log
from apps.deliveries.states import RECEIPT_WORDS

MOST = 15


def messages_of_person(customer: Customer) -> dict[str, Any]:
    """The latest, each with what became of it and what the person did with it. Cost: four queries."""
    page = delivery_log(app_ids=[customer.app_id], filters=LogFilters(customer_id=customer.pk), cursor=None, limit=MOST)
    seen = _receipts(page.rows)
    return {
        "messages": [
            {
                "row": row,
                "name": row.dispatch_name or KIND_LABELS.get(row.kind, row.kind),
                "platform": PLATFORM_LABELS.get(row.platform, ""),
                "word": outcome_label(row.outcome),
                "receipts": [receipt_label(word) for word in seen.get((row.dispatch_id, row.device_id), ())],
            }
            for row in page.rows
        ],
        "has_more": page.next_cursor is not None,
    }


def _receipts(rows: Any) -> dict[tuple[int, int], list[str]]:
    """{(dispatch, device): receipt words in order} of these rows, by the key's days so that few partitions are read."""
    shown: list[LogRow] = [row for row in rows if row.device_id]
    days = {key.planned_on for row in shown if (key := read_delivery_id(row.delivery_id))}
    found = Receipt.objects.filter(
        planned_on__in=days,
        dispatch_id__in={row.dispatch_id for row in shown},
        device_id__in={row.device_id for row in shown},
    )
    words: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for one in found.order_by("type"):
        words[one.dispatch_id, one.device_id].append(RECEIPT_WORDS[one.type])
    return words


PANEL = Panel(
    key="messages",
    title=_("What was sent, and what was not"),
    template="deliveries/panel.html",
    context=messages_of_person,
    permission="deliveries.view_delivery",
    order=20,
)
