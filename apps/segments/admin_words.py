"""What a segment's state is called on screens."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from apps.core.words import Word
from apps.segments.models import Segment

STATES: Mapping[str, Word] = {
    "fresh": Word(_("Up to date"), _("Its people are those of the last look."), "good"),
    "due": Word(_("Being counted"), _("It is looked at again in a moment."), "accent"),
    "refreshing": Word(_("Being counted"), _("It is being looked at right now."), "accent"),
    "broken": Word(_("Broken"), _("It cannot be computed, so campaigns that use it do not send."), "bad"),
}


def state_of(segment: Segment) -> Word:
    """The word for where a segment stands."""
    return STATES[segment.state]
