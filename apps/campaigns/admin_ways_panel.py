"""Which automations a person is in or went through, on their page: at which step, until when, and why they left."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.campaigns.admin_flow_words import reason_words, step_words, trigger_words
from apps.campaigns.models import AutomationRun, AutomationStep
from apps.core.words import Word
from apps.customers.admin_panels import Panel
from apps.customers.models import Customer

MOST = 12
_STATES = {
    "inside": Word(_("Inside"), _("On their way through it."), "accent"),
    "done": Word(_("Through"), _("Went through every step."), "good"),
    "left": Word(_("Left"), _("Went out before the end.")),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One run as its line says it. number: of the step they stand at, or left before, from 1; None = at neither end.

    is_still: nobody goes on, for the automation is paused.
    """

    run: AutomationRun
    word: Word
    enters: str
    number: int | None
    step: str
    reason: str
    is_still: bool


def ways_of_person(customer: Customer) -> dict[str, Any]:
    """The latest first; one more than MOST is only told of. Cost: two queries."""
    runs = AutomationRun.objects.filter(customer=customer).order_by("-entered_at", "-pk")
    found = list(runs.select_related("automation__app", "automation__trigger_segment")[: MOST + 1])
    steps = AutomationStep.objects.filter(automation__in={run.automation_id for run in found})
    at = {(step.automation_id, step.position): step for step in steps}
    return {
        "ways": [_way(run, at.get((run.automation_id, run.position))) for run in found[:MOST]],
        "has_more": len(found) > MOST,
    }


def _way(run: AutomationRun, step: AutomationStep | None) -> Way:
    automation = run.automation
    return Way(
        run=run,
        word=_STATES[run.state],
        enters=trigger_words(automation),
        number=step.position + 1 if step and run.state != "done" else None,
        step=step_words(step, automation) if step and run.state != "done" else "",
        reason=reason_words(run.reason),
        is_still=run.state == "inside" and automation.state == "paused",
    )


PANEL = Panel(
    key="automations",
    title=_("Automations"),
    template="campaigns/flow/ways.html",
    context=ways_of_person,
    permission="campaigns.view_automation",
    order=30,
)
