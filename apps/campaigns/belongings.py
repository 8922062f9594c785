"""What this floor keeps about a person: which automations they went through."""

from datetime import datetime

from apps.campaigns.models import AutomationRun
from apps.campaigns.states import RUN_STATES
from apps.customers.belongings import Pairs, Rows


class AutomationBelongings:
    key = "automations"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """They leave; the rows stay as counts and name nobody."""
        runs = AutomationRun.objects.filter(customer=customer_id)
        RUN_STATES.move(runs, "left", ended_at=now, reason="erased")
        AutomationRun.objects.filter(customer=customer_id).update(facts=None)

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """One person is inside an automation once: of two, the row that was merged leaves. History moves."""
        people = dict(pairs)
        for half_id in AutomationRun.objects.filter(customer__in=people).values_list("customer", flat=True).distinct():
            theirs = AutomationRun.objects.filter(customer=half_id)
            twice = AutomationRun.objects.filter(customer=people[half_id], state="inside").values("automation")
            RUN_STATES.move(theirs.filter(automation__in=twice), "left", ended_at=now, reason="merged", facts=None)
            theirs.update(customer=people[half_id])

    def disclose(self, *, customer_id: int) -> Rows:
        runs = AutomationRun.objects.filter(customer=customer_id).select_related("automation").order_by("id")
        return [
            {
                "automation": run.automation.name,
                "state": run.state,
                "entered_at": run.entered_at.isoformat(),
                "event": run.facts,
                "ended_at": run.ended_at.isoformat() if run.ended_at else None,
            }
            for run in runs
        ]
