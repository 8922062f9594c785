"""What this floor keeps about a person: what was sent to them, and the texts of messages made for them alone."""

from datetime import datetime

from apps.customers.belongings import Pairs, Rows
from apps.customers.models import Customer
from apps.deliveries.models import Content, Delivery, Dispatch
from apps.deliveries.queries import LogFilters, delivery_log

AT_ONCE = 500


class DeliveryBelongings:
    key = "deliveries"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """The texts of finished transactional pushes go at once instead of a week later; the ledger holds no text."""
        theirs = Delivery.objects.filter(customer_id=customer_id).values("dispatch_id")
        finished = Dispatch.objects.filter(pk__in=theirs, kind="transactional", state__in=["done", "cancelled"])
        Content.objects.filter(dispatch__in=finished).delete()

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """Nothing moves: the ledger and the plan are never rewritten, and both are read through the merged row."""

    def disclose(self, *, customer_id: int) -> Rows:
        app_id = Customer.objects.values_list("app_id", flat=True).get(pk=customer_id)
        told: Rows = []
        cursor: str | None = ""
        while cursor is not None:
            page = delivery_log(
                app_ids=[app_id], filters=LogFilters(customer_id=customer_id), cursor=cursor or None, limit=AT_ONCE
            )
            told += [
                {
                    "message": row.dispatch_name or row.kind,
                    "device_id": row.device_id,
                    "outcome": row.outcome,
                    "code": row.code,
                    "at": row.recorded_at.isoformat(),
                }
                for row in page.rows
            ]
            cursor = page.next_cursor
        return told
