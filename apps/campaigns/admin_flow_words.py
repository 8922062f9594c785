"""What an automation's states, steps and reasons are called on screens."""

from collections.abc import Mapping

from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.campaigns.admin_flow_forms import ConditionForm, in_units
from apps.campaigns.models import Automation, AutomationStep
from apps.campaigns.services.automations.steps import CONDITION, OPENED, PUSH, WAIT
from apps.core.problems import InvalidInput
from apps.core.words import Word, spoken
from apps.segments.rules import explain_rule

_MOST_TEXT = 120
STATES: Mapping[str, Word] = {
    "draft": Word(gettext_lazy("Draft"), gettext_lazy("Being written; nobody enters.")),
    "active": Word(gettext_lazy("Active"), gettext_lazy("People enter and go on."), "good"),
    "paused": Word(gettext_lazy("Paused"), gettext_lazy("Nobody enters or goes on."), "warn"),
    "ended": Word(gettext_lazy("Ended"), gettext_lazy("Over for good.")),
}


def state_word(state: str) -> Word:
    return STATES[state]


def reason_words(reason: str) -> str:
    """Why people left."""
    if reason.startswith("event:"):
        return _("did “%(event)s”") % {"event": spoken(reason.removeprefix("event:"))}
    known = {
        "condition": _("not meant by a condition"),
        "ended": _("the automation was ended"),
        "merged": _("became one with another person"),
        "erased": _("were erased"),
    }
    return known.get(reason, reason)


def trigger_words(automation: Automation) -> str:
    """Who enters."""
    if automation.trigger == "segment":
        name = automation.trigger_segment.name if automation.trigger_segment else "–"
        return _("Joins the segment “%(name)s”") % {"name": name}
    return _("Does “%(event)s”") % {"event": spoken(automation.trigger_event) or "–"}


def step_words(step: AutomationStep, automation: Automation) -> str:
    """A step in one line."""
    words = {WAIT: _wait, CONDITION: _condition, PUSH: _push}.get(step.kind)
    return words(step, automation) if words else Truncator(str(step.settings.get("text", ""))).chars(_MOST_TEXT)


def _wait(step: AutomationStep, automation: Automation) -> str:
    amount, unit = in_units(int(step.settings.get("minutes") or 0))
    until = step.settings.get("until")
    spans = {
        "minutes": ngettext("%(count)d minute", "%(count)d minutes", amount),
        "hours": ngettext("%(count)d hour", "%(count)d hours", amount),
        "days": ngettext("%(count)d day", "%(count)d days", amount),
    }
    span = spans[unit] % {"count": amount}
    if until and amount:
        return _("%(span)s, then until %(time)s on their clock") % {"span": span, "time": until}
    return _("until %(time)s on their clock") % {"time": until} if until else span


def _condition(step: AutomationStep, automation: Automation) -> str:
    ask = step.settings.get("ask")
    if ask in OPENED:
        return str(dict(ConditionForm.ASKS)[ask])
    try:
        return str(explain_rule(step.settings.get("rule"), automation.app))
    except InvalidInput:
        return _("a rule that cannot be asked any more")


def _push(step: AutomationStep, automation: Automation) -> str:
    """Of what no code of this version can read, too: the page that shows it says why it stopped."""
    texts = step.settings.get("texts")
    text = texts.get(automation.app.default_language) if isinstance(texts, Mapping) else None
    return str((text or {}).get("title") or _("Nothing written yet"))
