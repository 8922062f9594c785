"""History for the demo world: a planned dispatch is answered as if it had been sent in the past."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Func, IntegerField

from apps.core.sql import execute
from apps.deliveries.models import Batch, Dispatch


@dataclass(frozen=True, slots=True)
class Engagement:
    """How people took it, in thousandths of the accepted."""

    displayed: int = 780
    opened: int = 160
    clicked: int = 60


def answer_dispatch(*, dispatch: Dispatch, engagement: Engagement, sending_seconds: int) -> None:
    """Give every planned device an outcome and some of them receipts, and close the dispatch.

    Only for a dispatch planned in the past and in this transaction, so that no worker ever saw it. Touches batches,
    ledger, receipts, ledger pages.
    """
    started_at: datetime = dispatch.created_at
    execute(
        "deliveries",
        "demo_answers",
        {"dispatch_id": dispatch.pk, "started_at": started_at, "seconds": sending_seconds},
    )
    execute(
        "deliveries",
        "demo_receipts",
        {
            "dispatch_id": dispatch.pk,
            "displayed": engagement.displayed,
            "opened": engagement.opened,
            "clicked": engagement.clicked,
        },
    )
    execute("deliveries", "demo_pages", {"dispatch_id": dispatch.pk})
    size = Func(F("device_ids"), function="cardinality", output_field=IntegerField())
    Batch.objects.filter(dispatch=dispatch).update(state="done", opened=size, recorded=size)
    ended_at = started_at + timedelta(seconds=sending_seconds)
    Dispatch.objects.filter(pk=dispatch.pk).update(state="done", finished_at=ended_at)
