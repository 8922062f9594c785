"""What the states of devices and channels are called on screens, and in which tone they are shown."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from apps.core.words import Word
from apps.devices.models import Channel, Device

DEVICES: Mapping[str, Word] = {
    "active": Word(_("Active"), _("It can be sent to."), "good"),
    "stale": Word(_("Quiet"), _("Not seen for 30 days; it is still sent to."), "warn"),
    "dead": Word(_("Gone"), _("Its address works no more; it is not sent to."), "mute"),
    "quarantined": Word(_("Set aside"), _("Retired in a suspicious mass loss; look, and restore it."), "bad"),
}
CHANNELS: Mapping[str, Word] = {
    "active": Word(_("Open"), _("Messages go out."), "good"),
    "paused": Word(_("Stopped"), _("Nothing goes out; those waiting stay waiting."), "bad"),
}

_VENDOR = Word(_("Gone, says the vendor"), _("The app was uninstalled, or the browser took the permission back."))
DEATHS: Mapping[str, Word] = {
    "not_seen": Word(_("Not seen for 270 days"), _("Nobody opened the app there for so long.")),
    "replaced": Word(_("Replaced"), _("The same installation got a new address; nobody is lost.")),
    "removed": Word(_("Removed by your app"), _("At log-out, for instance.")),
    "too_many_devices": Word(_("One too many"), _("Their person has newer devices than the app allows in all.")),
    "erased": Word(_("Erased"), _("With the person, for good.")),
    "": Word(_("Not told"), _("Retired before reasons were kept.")),
}
_RESTING = Word(_("Resting"), _("It waits for the vendor, and goes on by itself."), "warn")


def state_of(device: Device) -> Word:
    """The word for a device's state."""
    return DEVICES[device.state]


def channel_state_of(channel: Channel) -> Word:
    """The word for a channel's state; one that only rests goes on by itself."""
    if channel.state == "paused" and channel.closed_by in ("breaker", "vendor"):
        return _RESTING
    return CHANNELS[channel.state]


def death_of(reason: str) -> Word:
    """Why a device was retired; a vendor's own words all mean the same."""
    return DEATHS.get(reason, _VENDOR)


def is_vendors(reason: str) -> bool:
    """The reason is a vendor's own word, not one of the house's."""
    return reason not in DEATHS
