"""What the states and results of webhooks are called on screens, and in which tone they are shown."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from apps.core.words import Word

ENDPOINTS: Mapping[str, Word] = {
    "active": Word(_("Active"), _("It is told what happens."), "good"),
    "failing": Word(_("Failing"), _("It is tried now and then; everything else waits for it."), "bad"),
    "disabled": Word(_("Switched off"), _("Nothing is sent; what happens meanwhile is kept."), "mute"),
}
# Of one event, by told.STATES.
TOLD: Mapping[str, Word] = {
    "taken": Word(_("Taken"), _("It answered with 2xx."), "good"),
    "waiting": Word(_("Being tried"), _("It is on its way, or tried again."), "warn"),
    "given_up": Word(_("Given up"), _("It was not taken in three days. The webhook's page can try again."), "bad"),
    "to_come": Word(_("Still to come"), _("It is told in its turn, or once the webhook works again."), "mute"),
}
RESULTS: Mapping[str, Word] = {
    "delivered": Word(_("Taken"), _("It answered with 2xx."), "good"),
    "refused": Word(_("Refused"), _("It answered with 3xx or 4xx."), "bad"),
    "failed": Word(_("Failed"), _("It answered with 5xx."), "bad"),
    "no_answer": Word(_("No answer"), _("It could not be reached, or took longer than 15 seconds."), "bad"),
    "not_called": Word(_("Not called"), _("Its address may not be called any more."), "bad"),
}
