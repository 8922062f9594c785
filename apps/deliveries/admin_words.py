"""What the engine's words are called on screens, and in which tone they are shown. A marketer reads only these."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.words import Word
from apps.deliveries.unclear import UNCLEAR

OUTCOME_LABELS: dict[str, Word] = {
    "accepted": Word(_("Sent"), _("Handed over to Apple, Google or the browser."), "good"),
    "token_dead": Word(_("App removed"), _("The app is gone from that device; it is not tried again."), "warn"),
    "message_bad": Word(_("Refused"), _("The text could not be made for this person, or was refused."), "bad"),
    "expired": Word(_("Expired"), _("Could not be shown in time."), "warn"),
    "cancelled": Word(_("Cancelled"), _("Stopped before it was sent.")),
    "gave_up": Word(_("Gave up"), _("Not reached after several tries."), "bad"),
    "unknown_outcome": Word(_("Unclear"), UNCLEAR, "warn"),
    "excluded:no_consent": Word(_("Said no to push"), _("They opted out.")),
    "excluded:no_live_device": Word(_("No device to reach"), _("No device with the app, or push is off on it.")),
    "excluded:capped": Word(
        _("Had enough pushes lately"), _("The frequency cap of the app, or of the topic, was reached.")
    ),
    "excluded:quiet_hours_past_expiry": Word(_("Quiet hours too long"), _("It would have expired before morning.")),
    "excluded:holdout": Word(_("Held out"), _("Kept without a message, for comparison.")),
    "excluded:duplicate_device": Word(_("Second entry of a device"), _("The same device is sent to once.")),
    "excluded:moved": Word(_("Device changed hands"), _("Somebody else logged in on it meanwhile.")),
    "excluded:erased": Word(_("Erased"), _("The person asked to be forgotten.")),
    "excluded:left_segment": Word(_("Left the audience"), _("No longer in the segment when it was their turn.")),
    "excluded:missed_hour": Word(
        _("Their hour had passed"), _("It was that hour on their clock before it was launched.")
    ),
    "excluded:stale": Word(_("Not seen for long"), _("The app was not opened on that device for 30 days.")),
}

RECEIPT_LABELS: dict[str, Word] = {
    "received": Word(_("Received"), _("Arrived on the device.")),
    "displayed": Word(_("Displayed"), _("Shown on the device."), "accent"),
    "opened": Word(_("Opened"), _("Tapped."), "good"),
    "clicked": Word(_("Clicked"), _("A button or link was tapped."), "good"),
    "dismissed": Word(_("Dismissed"), _("Swiped away.")),
}

PLATFORM_LABELS: dict[str, str] = {"ios": "iOS", "android": "Android", "web": "Web", "": "–"}
GATEWAY_LABELS: dict[str, str] = {"apns": "Apple (APNs)", "fcm": "Google (FCM)", "webpush": "Web Push", "": "–"}
KIND_LABELS: dict[str, Any] = {
    "campaign": _("Campaign"),
    "transactional": _("By your backend"),
    "automation": _("Automation"),
    "test": _("Test"),
}

# A person in one of these could not have been reached by any campaign.
UNREACHABLE = ("no_consent", "no_live_device", "erased")
_UNKNOWN = Word(_("Other"), "")


def outcome_label(word: str) -> Word:
    return OUTCOME_LABELS.get(word, _UNKNOWN)


def exclusion_label(reason: str) -> Word:
    """For a reason as waterfalls name it, without `excluded:`."""
    return OUTCOME_LABELS.get(f"excluded:{reason}", _UNKNOWN)


def receipt_label(word: str) -> Word:
    return RECEIPT_LABELS.get(word, _UNKNOWN)
