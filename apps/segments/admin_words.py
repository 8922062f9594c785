"""What a segment's state is called on screens."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.problems import FieldProblem
from apps.core.words import Word
from apps.segments.models import Segment
from apps.segments.rules.read import whole_contacts_only

STATES: Mapping[str, Word] = {
    "fresh": Word(_("Up to date"), _("Its people are those of the last look."), "good"),
    "due": Word(_("Being counted"), _("It is looked at again in a moment."), "accent"),
    "refreshing": Word(_("Being counted"), _("It is being looked at right now."), "accent"),
    "broken": Word(_("Broken"), _("It cannot be computed, so campaigns that use it do not send."), "bad"),
}


# What a rule may lose after it was saved: code of the problem -> in a marketer's words.
_LOST: Mapping[str, Any] = {
    "unknown_field": _("The rule asks about “%(what)s”, which nobody has any more."),
    "unknown_event": _("The rule asks about the event “%(what)s”, which the app does not know any more."),
    "unknown_segment": _("The rule asks about a segment that was deleted."),
    "wrong_operator": _("What the rule asks about is of another kind now, so the comparison no longer fits."),
}


def lost(problem: FieldProblem) -> str:
    """Why a saved rule does not hold any more, for who has to mend it."""
    said = _LOST.get(problem.code)
    if said is None or problem.message == whole_contacts_only():
        return problem.message[:1].upper() + problem.message[1:]
    return str(said) % {"what": problem.came.removeprefix("trait.")}


def state_of(segment: Segment) -> Word:
    """The word for where a segment stands."""
    return STATES[segment.state]
