"""What a person was sent, and was not sent and why, on their page."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.admin_panels import Panel
from apps.customers.models import Customer
from apps.deliveries.admin_words import KIND_LABELS, PLATFORM_LABELS, outcome_label, receipt_label
from apps.deliveries.explanation import Reason, explain_rows
from apps.deliveries.log_search import InvalidCursor, LogFilters, ledger_page
from apps.deliveries.models import Dispatch
from apps.deliveries.states import OUTCOMES

MOST = 12
# What the card can be narrowed to: {word: (label, outcomes)}; nothing = all.
_REACHED = ("accepted", "unknown_outcome")
SHOWN: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "": (_("All"), ()),
    "sent": (_("Sent"), _REACHED),
    "not": (_("Not sent"), tuple(word for word in OUTCOMES if word not in _REACHED)),
}


def messages_of_person(customer: Customer, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A page of them, each with its reason and what the person did with it. Cost: five queries, more where capped.

    parameters: `show`, `cursor`; nonsense in them counts as the first page of all.
    """
    asked = parameters or {}
    show = asked.get("show", "") if asked.get("show", "") in SHOWN else ""
    filters = LogFilters(customer_id=customer.pk, outcomes=SHOWN[show][1])
    try:
        found, cursor = _page(customer, filters, asked.get("cursor") or None)
    except InvalidCursor:
        found, cursor = _page(customer, filters, None)
    dispatches = Dispatch.objects.in_bulk({row.dispatch_id for row in found})
    reasons = explain_rows(rows=found, dispatches=dispatches, customer=customer)
    pairs = zip(found, reasons, strict=True)
    alike = groupby(pairs, key=lambda pair: (pair[0].dispatch_id, pair[1].status, pair[1].text))
    return {
        "messages": [
            _line(dispatches[dispatch_id], [reason for _row, reason in rows]) for (dispatch_id, *_same), rows in alike
        ],
        "next_cursor": cursor,
        "show": show,
        "choices": [(word, label) for word, (label, _outcomes) in SHOWN.items()],
        "is_first": not asked.get("cursor"),
    }


def _page(customer: Customer, filters: LogFilters, cursor: str | None) -> Any:
    return ledger_page(app_ids=[customer.app_id], filters=filters, cursor=cursor, limit=MOST)


def _line(dispatch: Dispatch, reasons: Sequence[Reason]) -> dict[str, Any]:
    """Devices of one message of which the same is to be said stand on one line, each a link to its own story."""
    first = reasons[0]
    seen = dict.fromkeys(word for one in reasons for word, _at in one.receipts)
    return {
        "reason": first,
        "name": dispatch.name or KIND_LABELS.get(dispatch.kind, dispatch.kind),
        "kind": KIND_LABELS.get(dispatch.kind, dispatch.kind),
        "devices": [(one.delivery_id, PLATFORM_LABELS.get(one.platform, "")) for one in reasons if one.device_id],
        "word": outcome_label(first.status),
        "receipts": [receipt_label(word) for word in seen],
    }


PANEL = Panel(
    key="messages",
    title=_("What was sent, and what was not"),
    template="deliveries/panel.html",
    context=messages_of_person,
    permission="deliveries.view_delivery",
    order=20,
    page=messages_of_person,
    page_template="deliveries/panel_page.html",
)
