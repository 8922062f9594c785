"""What this floor keeps about a person: what was sent to them, and the texts of messages made for them alone."""

from collections.abc import Sequence
from datetime import datetime

from apps.customers.belongings import Pairs, Rows
from apps.customers.models import Customer
from apps.customers.queries import ids_of_people
from apps.deliveries.explanation import explain_rows
from apps.deliveries.log_search import LogFilters, ledger_page
from apps.deliveries.models import Content, Delivery, Dispatch, OpeningHour, PersonalFacts

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
        customer = Customer.objects.get(pk=customer_id)
        told: Rows = []
        cursor: str | None = ""
        while cursor is not None:
            found, cursor = ledger_page(
                app_ids=[customer.app_id],
                filters=LogFilters(customer_id=customer_id),
                cursor=cursor or None,
                limit=AT_ONCE,
            )
            told += _told(customer, found)
        return told


class OpeningHourBelongings:
    """What is inferred about a person counts as theirs, too."""

    key = "usual_opening_hour"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        OpeningHour.objects.filter(customer_id=customer_id).delete()

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """The half's row goes; what the whole person opened is learnt anew."""
        OpeningHour.objects.filter(customer_id__in=[half_id for half_id, _whole_id in pairs]).delete()

    def disclose(self, *, customer_id: int) -> Rows:
        return [
            {"hour": habit.hour, "opens": habit.opens, "computed_at": habit.computed_at.isoformat()}
            for habit in OpeningHour.objects.filter(customer_id=customer_id)
        ]


class PersonalFactsBelongings:
    """What texts said to one person alone stands under the id they were sent to as."""

    key = "facts_in_messages"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        PersonalFacts.objects.filter(customer_id=customer_id).delete()

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """Nothing moves: the plan still has the half's id."""

    def disclose(self, *, customer_id: int) -> Rows:
        given = PersonalFacts.objects.filter(customer_id__in=ids_of_people([customer_id])).select_related("dispatch")
        return [{"message": one.dispatch.name, "facts": one.facts} for one in given.order_by("dispatch")]


def _told(customer: Customer, found: Sequence[Delivery]) -> Rows:
    """What was sent and what was not, with the reason as the person may read it."""
    dispatches = Dispatch.objects.in_bulk({row.dispatch_id for row in found})
    reasons = explain_rows(rows=found, dispatches=dispatches, customer=customer)
    return [
        {
            "message": dispatches[row.dispatch_id].name or dispatches[row.dispatch_id].kind,
            "delivery_id": reason.delivery_id,
            "device_id": row.device_id,
            "outcome": reason.status,
            "code": row.code,
            "reason": reason.text,
            "at": row.recorded_at.isoformat(),
            "receipts": [{"type": word, "at": at.isoformat()} for word, at in reason.receipts],
        }
        for row, reason in zip(found, reasons, strict=True)
    ]
