"""Standing: in one sentence whether a channel goes, how fast, why not faster, and what to do about it."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.devices.models import Channel


@dataclass(frozen=True, slots=True)
class Standing:
    """kind: a word for machines. tone, icon: how it is shown. advice: what a person may do, or that they need not.

    channel_id: whose page has the remedy.
    """

    kind: str
    tone: str
    icon: str
    text: str
    advice: str
    channel_id: int | None = None

    def as_json(self) -> dict[str, str]:
        """For machines."""
        return {"kind": self.kind, "text": self.text, "advice": self.advice}


def standing_of(channel: Channel, *, now: datetime) -> Standing | None:
    """The one thing to know about a channel; None where it goes as fast as it can, or as was asked."""
    if channel.state == "paused":
        return replace(_closed(channel, now), channel_id=channel.pk)
    if channel.deaths_doubted_until is not None and channel.deaths_doubted_until > now:
        return replace(_mass_death(channel), channel_id=channel.pk)
    if channel.slowed_to_per_second is not None:
        return replace(_slowed(channel), channel_id=channel.pk)
    return None


def clock(channel: Channel, at: datetime | None, now: datetime) -> str:
    """A time on the app's clock; with its day where that is not today."""
    if at is None:
        return "–"
    local, today = (moment.astimezone(ZoneInfo(channel.app.time_zone)) for moment in (at, now))
    return date_format(local, "H:i:s" if local.date() == today.date() else "j M, H:i")


def _closed(channel: Channel, now: datetime) -> Standing:
    words = {
        "channel": channel.get_gateway_display(),
        "why": channel.paused_reason.rstrip(".") or "–",
        "since": clock(channel, channel.closed_at, now),
        "until": clock(channel, channel.probe_after, now),
    }
    by_itself = _("Nothing to do: it goes on by itself. Nobody is lost, and those waiting stay in line.")
    match channel.closed_by:
        case "vendor":
            text = _("%(channel)s asked us to wait until %(until)s (%(why)s).") % words
            return Standing("retry_after", "warn", "hourglass", text, by_itself)
        case "breaker":
            text = _("%(channel)s does not answer as it should since %(since)s (%(why)s).") % words
            advice = _("The next try, with one message, is at %(until)s. ") % words + by_itself
            return Standing("breaker_open", "bad", "cell_tower", text, advice)
        case "credentials":
            text = _("%(channel)s refuses our credentials since %(since)s: %(why)s.") % words
            advice = _("Put them right on the channel's page. It then goes on by itself; nobody is lost.")
            return Standing("credentials_refused", "bad", "key_off", text, advice)
        case _:
            text = _("%(channel)s was stopped: %(why)s.") % words
            advice = _("Open it again on the channel's page. Those waiting stay in line.")
            return Standing("channel_stopped", "bad", "cell_tower", text, advice)


def _mass_death(channel: Channel) -> Standing:
    words = {"channel": channel.get_gateway_display(), "why": channel.trouble or _("a mass of addresses called dead")}
    text = _("%(channel)s calls too many addresses dead to be believed: %(why)s.") % words
    advice = _("Check project, key and environment, then restore the devices set aside on the channel's page.")
    return Standing("mass_death", "bad", "heart_broken", text, advice)


def _slowed(channel: Channel) -> Standing:
    words = {
        "channel": channel.get_gateway_display(),
        "to": f"{channel.slowed_to_per_second or 0:,.0f}",
        "from": f"{channel.slowed_from_per_second or 0:,.0f}",
    }
    text = _("%(channel)s told us to slow down: %(to)s a second now, %(from)s before.") % words
    advice = _("Nothing to do: it speeds up again by itself, a little every second.")
    return Standing("throttled", "warn", "speed", text, advice)
