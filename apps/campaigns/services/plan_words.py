"""Why an audience could not be planned, for the marketer who has to do something about it."""

from django.utils.translation import gettext as _

from apps.deliveries.services.freeze import AUDIENCE_MILLISECONDS


def plan_failed_words(reason: str) -> str:
    """reason: of the failed dispatch."""
    if reason == "audience_timeout":
        return _("its audience takes longer to work out than %d seconds: make the rules of its segments simpler") % (
            AUDIENCE_MILLISECONDS // 1000
        )
    if reason == "planning_crashed":
        return _("the system was stopped again and again while it worked out the audience: try it once more")
    return _("its audience could not be worked out: %s") % reason
