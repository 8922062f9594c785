"""What a campaign's state is called on screens. Once launched, its live state is its dispatch's."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from apps.campaigns.models import Campaign
from apps.core.words import Word

DRAFTED: Mapping[str, Word] = {
    "draft": Word(_("Draft"), _("Being written; nothing is sent.")),
    "awaiting_approval": Word(_("Waiting for approval"), _("An approver has to say yes."), "warn"),
    "scheduled": Word(_("Scheduled"), _("Launches by itself at its time."), "accent"),
    "launched": Word(_("Starting"), _("The audience is being worked out."), "accent"),
    "finished": Word(_("Sent"), _("Everybody in the audience has their outcome."), "good"),
    "cancelled": Word(_("Cancelled"), _("Stopped by a person.")),
}
SENT_BACK = Word(_("Not sent"), _("It could not go out, and is a draft again: its page says why."), "bad")
LIVE: Mapping[str, Word] = {
    "planning": Word(_("Starting"), _("The audience is being worked out."), "accent"),
    "sending": Word(_("Sending"), _("On its way."), "accent"),
    "paused": Word(_("Paused"), _("Nothing new is sent until it is resumed."), "warn"),
    "done": Word(_("Sent"), _("Everybody in the audience has their outcome."), "good"),
    "cancelled": Word(_("Cancelled"), _("What was not sent yet stays unsent.")),
    "failed": Word(_("Failed"), _("It could not be started; nobody was sent anything."), "bad"),
}
LASTING: Mapping[str, Word] = {
    "repeat": Word(_("Repeating"), _("Goes out again at its next time."), "accent"),
    "api": Word(_("Ready for the API"), _("Goes out whenever your systems ask for it."), "accent"),
}
RUNNING = ("planning", "sending", "paused")


def state_of(campaign: Campaign) -> Word:
    """The word for where a campaign stands now. Reads campaign.dispatch: select it."""
    if campaign.state == "scheduled" and campaign.is_lasting:
        return LIVE["paused"] if campaign.paused_at else LASTING[campaign.timing]
    if campaign.state == "launched" and campaign.dispatch:
        return LIVE[campaign.dispatch.state]
    if campaign.state == "draft" and campaign.launch_problem:
        return SENT_BACK
    return DRAFTED[campaign.state]


def is_running(campaign: Campaign) -> bool:
    """Launched and not yet at its end; of a repeating campaign its latest launch."""
    if campaign.state == "scheduled":
        return campaign.dispatch is not None and campaign.dispatch.state in RUNNING
    return campaign.state == "launched" and (campaign.dispatch is None or campaign.dispatch.state in RUNNING)
