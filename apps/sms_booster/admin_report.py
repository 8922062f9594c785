"""The booster's part of a campaign's report, line by line: where everybody went, so that each sum can be checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.campaigns.models import Campaign
from apps.core.words import Word
from apps.sms_booster.queries import BoosterReport

# Why people of the campaign were not chosen, in the order in which they are asked (sql/settle_choice.sql).
LEFT_OUT: Mapping[str, Word] = {
    "not_sent": Word(_("Not sent the push"), _("Left out of the campaign, or it did not reach them: see above.")),
    "unclear": Word(_("Unclear whether the push came"), _("No answer came back: it may have arrived.")),
    "opened": Word(_("Opened the push"), _("Tapped it, or one of its buttons, on any device."), "good"),
    "opens_unseen": Word(
        _("Their device reports no openings"), _("They may have opened it: nobody is reminded on a guess.")
    ),
    "no_phone": Word(_("No mobile number"), _("None is known of them.")),
    "no_consent": Word(_("No yes to SMS"), _("They did not agree to SMS, or said no later.")),
    "same_phone": Word(_("Number of somebody chosen"), _("One SMS for each number.")),
    "erased": Word(_("Erased"), _("The person asked to be forgotten.")),
}
# Why somebody who was chosen got none after all (services/spare.py, belongings.py).
SPARED: Mapping[str, Word] = {
    "opened": Word(_("Opened the push just before"), _("Seen at the last look before sending."), "good"),
    "no_consent": Word(_("Said no to SMS just before"), _("Seen at the last look before sending.")),
    "no_phone": Word(_("Number changed just before"), _("It is another one by now, or none.")),
    "too_late": Word(_("Too late"), _("It had waited for a day, and is not sent any more."), "warn"),
    "stopped": Word(_("Booster stopped"), _("It was switched off before their turn.")),
    "merged": Word(_("Counted twice"), _("Two entries turned out to be one person, who gets one SMS.")),
    "erased": Word(_("Erased"), _("The person asked to be forgotten.")),
}
_OTHER = Word(_("Other"), "")


@dataclass(frozen=True, slots=True)
class Line:
    """role: "of" is a whole, "less" is taken from it, "is" is what is left; "in" is a part of the line above."""

    word: Word
    count: int
    role: str

    @property
    def tone(self) -> str:
        return self.word.tone or "mute"


def booster_shown(campaign: Campaign, found: BoosterReport) -> dict[str, Any] | None:
    """For sms_booster/report.html; None where there is nothing to report."""
    if not found.is_enabled and not found.chosen_at and not found.chosen:
        return None
    return {
        "booster": found,
        "is_cancelled": campaign.dispatch is not None and campaign.dispatch.state == "cancelled",
        "lines": [*_choosing(found), *_sending(found)],
    }


def _choosing(found: BoosterReport) -> Iterator[Line]:
    """From everybody in the campaign down to those who were chosen."""
    if found.people is None or found.left_out is None:
        return
    yield Line(Word(_("People in the audience"), ""), found.people, "of")
    for reason in [*LEFT_OUT, *(found.left_out.keys() - LEFT_OUT.keys())]:
        if count := found.left_out.get(reason, 0):
            yield Line(LEFT_OUT.get(reason, _OTHER), count, "less")
    yield Line(Word(_("Chosen for an SMS"), "", "accent"), found.chosen, "is")


def _sending(found: BoosterReport) -> Iterator[Line]:
    """From those who were chosen down to what became of what was sent."""
    if not found.chosen:
        return
    if found.people is None:
        yield Line(Word(_("Chosen for an SMS"), "", "accent"), found.chosen, "of")
    less = [
        (Word(_("Over the limit of this booster"), _("As many as it allows had been chosen.")), found.over_budget),
        *((SPARED.get(code, _OTHER), count) for code, count in sorted(found.spared_why.items())),
        (Word(_("Failed"), _("The provider refused it, or its text could not be made."), "bad"), found.failed),
        (Word(_("Still to be sent"), _("Waiting for the end of quiet hours, say."), "accent"), found.waiting),
    ]
    yield from (Line(word, count, "less") for word, count in less if count)
    yield Line(Word(_("Sent"), _("Handed to the SMS provider.")), found.sent, "is")
    unreported = found.sent - found.delivered - found.undelivered - found.unknown
    became = [
        (Word(_("Delivered"), _("The provider reports that it arrived."), "good"), found.delivered),
        (Word(_("Not delivered"), _("The provider reports that it did not arrive."), "warn"), found.undelivered),
        (Word(_("No report yet"), _("The provider took it and has not said more."), "accent"), unreported),
        (Word(_("Unclear"), _("No answer came back; never sent a second time."), "warn"), found.unknown),
    ]
    yield from (Line(word, count, "in") for word, count in became if count)
