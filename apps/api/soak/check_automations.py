"""Automations, against what people did: nobody is lost, nobody is in a step twice, nobody is told after the way out."""

from collections import Counter
from collections.abc import Iterable, Iterator

from apps.api.soak.journal import Journal, ban_at
from apps.api.soak.shoppers import CART, WELCOME
from apps.campaigns.models import Automation, AutomationRun, AutomationSend
from apps.customers.models import Customer
from apps.deliveries.models import Delivery

type Step = tuple[int, int, int]
"""Automation, position of a message step, customer."""
type Arrived = tuple[int, float]
"""A push that a gateway took: its dispatch, and when (Unix seconds)."""


def broken_automations(journal: Journal, arrivals: Iterable[Arrived], grace: float) -> Iterator[str]:
    """Each broken promise in words."""
    events = dict(Automation.objects.values_list("trigger_event", "id"))
    if not events:
        return
    yield from _entered(journal, events)
    yield from _moved()
    yield from _reminded(journal, events[CART], grace)
    yield from _paused(journal, arrivals, grace)


def _entered(journal: Journal, events: dict[str, int]) -> Iterator[str]:
    """Whoever came is in, and through; nobody else is."""
    erased = set(Customer.objects.exclude(erased_at=None).values_list("id", flat=True))
    runs = Counter(AutomationRun.objects.values_list("automation", "customer"))
    through = set(AutomationRun.objects.filter(state="done").values_list("automation", "customer"))
    for customer, deeds in journal.came.items():
        for event in {one.event for one in deeds if one.is_sure} if customer not in erased else ():
            place = (events[event], customer)
            if not runs[place]:
                yield f"customer {customer} did {event}, and never entered"
            elif event == WELCOME and place not in through:
                yield f"customer {customer} did {event}, and did not come to the end"
    asked = {(events[one.event], customer) for customer, deeds in journal.came.items() for one in deeds}
    for place, count in runs.items():
        if place not in asked:
            yield f"customer {place[1]} entered automation {place[0]} without a reason"
        if place[0] == events[WELCOME] and count > 1:
            yield f"customer {place[1]} was welcomed {count} times"
    for run in AutomationRun.objects.filter(state="inside"):
        yield f"customer {run.customer_id} stands in automation {run.automation_id} at {run.position} for ever"


def _moved() -> Iterator[str]:
    """Each run past a message step has that message planned for its person, once."""
    sends = AutomationSend.objects.values_list("dispatch", "automation", "position")
    step_of = {dispatch: (automation, position) for dispatch, automation, position in sends}
    found = Delivery.objects.filter(dispatch_id__in=step_of).values_list("dispatch_id", "customer_id").distinct()
    planned = Counter[Step]((*step_of[dispatch], customer) for dispatch, customer in found)
    messages = {(one.automation_id, one.position) for one in AutomationSend.objects.all()}
    passed = Counter[Step](
        (automation, position, customer)
        for automation, customer, reached in AutomationRun.objects.values_list("automation", "customer", "position")
        for other, position in messages
        if other == automation and reached > position
    )
    for step in planned.keys() | passed.keys():
        if planned[step] != passed[step]:
            yield f"{passed[step]} runs went past {step}, and {planned[step]} messages were planned"


def _reminded(journal: Journal, automation_id: int, grace: float) -> Iterator[str]:
    """Nobody who has ordered since."""
    sends = AutomationSend.objects.filter(automation=automation_id).values_list("dispatch", "at")
    planned_at = {dispatch: at.timestamp() for dispatch, at in sends}
    found = Delivery.objects.filter(dispatch_id__in=planned_at).values_list("dispatch_id", "customer_id").distinct()
    for dispatch, customer in found:
        if ban := ban_at(journal.ordered.get(customer, ()), planned_at[dispatch], grace):
            later = planned_at[dispatch] - ban.begins
            yield f"customer {customer} was reminded by dispatch {dispatch}, {later:.1f} s after they had ordered"


def _paused(journal: Journal, arrivals: Iterable[Arrived], grace: float) -> Iterator[str]:
    """Nothing from one that is paused."""
    automation_of = dict(AutomationSend.objects.values_list("dispatch", "automation"))
    for dispatch, at in arrivals:
        automation = automation_of.get(dispatch)
        if automation and (ban := ban_at(journal.paused.get(automation, ()), at, grace)):
            yield f"a push of dispatch {dispatch} arrived {at - ban.begins:.1f} s after: {ban.why}"
