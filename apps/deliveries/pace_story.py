"""The pace story: why a dispatch is slow or stopped, in one sentence, and what to do about it.

Every reason that holds is found; the heaviest is the one that is shown. Whatever slows or stops the engine has its
sentence here: a new brake without one is not finished.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Func, IntegerField, Min, Q, Sum
from django.db.models.expressions import F
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.deliveries.models import Batch, Dispatch, PaceBucket, Retry, SendingStop
from apps.deliveries.policy import Policy
from apps.deliveries.services.claim import USUAL_QUOTA_PER_MINUTE
from apps.deliveries.services.guard import canary_size
from apps.deliveries.states import GATEWAY_WORDS
from apps.devices.models import Channel
from apps.devices.standing import Standing, standing_of

# Work that nobody has taken up for so long waits for us, not for a vendor.
UNTOUCHED_FOR = timedelta(seconds=20)
# A bucket so empty, so lately, is what holds us: whoever is held asks it again within a token's time, or a tenth of a
# second. One that was emptied longer ago has filled up since: a process took its part ahead and lives on that.
SPENT_SHARE = 0.1
ASKED_WITHIN_SECONDS, ASKED_WITHIN_TOKENS = 1.0, 3.0
_OPEN_STATES = ["waiting", "leased"]


def pace_story(dispatch: Dispatch, *, now: datetime) -> Standing | None:
    """The one reason to show; None where it goes as fast as it can, and when it is over. Cost: 3 ms, 1M devices."""
    return next(iter(pace_stories(dispatch, now=now)), None)


def pace_stories(dispatch: Dispatch, *, now: datetime) -> list[Standing]:
    """Every reason that holds, the heaviest first."""
    if dispatch.state in ("planning", "sending", "paused") and (stop := _stop(dispatch)):
        return [stop]
    match dispatch.state:
        case "planning":
            text = _("The audience is being counted and frozen.")
            return [Standing("planning", "", "hourglass", text, _("It begins to send as soon as that is done."))]
        case "paused":
            return [_paused(dispatch), *_channels(dispatch, now)]
        case "sending":
            return [*_channels(dispatch, now), *_sending(dispatch, now)]
        case _:
            return []


def _stop(dispatch: Dispatch) -> Standing | None:
    stop = SendingStop.objects.filter(kinds__contains=[dispatch.kind]).first()
    if stop is None:
        return None
    text = _("The emergency stop is on: %(who)s stopped all sending (%(why)s).")
    text %= {"who": stop.stopped_by, "why": stop.reason.rstrip(".")}
    advice = _("It goes on exactly where it was as soon as an owner takes the stop off.")
    return Standing("stopped_for_all", "bad", "front_hand", text, advice)


def _paused(dispatch: Dispatch) -> Standing:
    if dispatch.guard == "stopped":
        advice = _(
            "See below what went wrong. Resume to go on all the same (it then does not stop again), or cancel it."
        )
        return Standing("stopped_for_errors", "bad", "error", dispatch.reason, advice)
    text = dispatch.reason or _("It is paused.")
    return Standing("paused", "warn", "pause_circle", text, _("Resume it to go on where it stopped."))


def _channels(dispatch: Dispatch, now: datetime) -> list[Standing]:
    """Of the channels that this dispatch still needs.

    One statement, because a device goes from a batch to Retry and back.
    """
    left = Batch.objects.filter(dispatch=dispatch, state__in=_OPEN_STATES).values_list("gateway")
    again = Retry.objects.filter(dispatch=dispatch).values_list("gateway")
    gateways = [GATEWAY_WORDS[number] for (number,) in left.union(again)]
    channels = Channel.objects.filter(app=dispatch.app_id, gateway__in=gateways)
    channels = channels.defer("credentials").select_related("app").order_by("state", "gateway")
    told = [standing for channel in channels if (standing := standing_of(channel, now=now))]
    return sorted(told, key=lambda standing: standing.tone != "bad")


def _sending(dispatch: Dispatch, now: datetime) -> Iterator[Standing]:
    open_batches = Batch.objects.filter(dispatch=dispatch, state__in=_OPEN_STATES)
    due = Q(state="waiting", release_at__lte=now)
    if dispatch.guard == "canary":
        yield _canary(dispatch)
    elif open_batches.filter(due, release_at__lte=now - UNTOUCHED_FOR).exists() and not _is_moving(dispatch, now):
        text = _("Its messages are due, and no worker takes them up.")
        advice = _("Ask whoever runs this installation to look at the workers and the database (/readyz says which).")
        yield Standing("no_worker", "bad", "engineering", text, advice)
    if dispatch.slowed_to_per_second is not None:
        words = {"why": dispatch.slowed_reason, "pace": f"{dispatch.slowed_to_per_second:,.0f}"}
        text = _("Your own server is not well (%(why)s), so it goes out at %(pace)s a second.") % words
        yield Standing(
            "health", "warn", "speed", text, _("It speeds up by itself as soon as that server answers well.")
        )
    yield from _quiet(dispatch, now, is_all=not open_batches.exclude(release_at__gt=now).exists())
    yield from _undecided(dispatch)
    yield from _limits(dispatch, now)
    again = Retry.objects.filter(dispatch=dispatch).count()
    if again:
        text = _("%(count)s could not be reached for the moment.") % {"count": f"{again:,}"}
        yield Standing("retrying", "", "refresh", text, _("Nothing to do: they are tried again by themselves."))


def _canary(dispatch: Dispatch) -> Standing:
    count = canary_size(dispatch.kind, Policy.from_json(dispatch.policy), dispatch.planned_devices)
    text = _("About %(count)s go out before the rest, to see whether all is well.") % {"count": f"{count:,}"}
    return Standing("canary", "", "science", text, _("Nothing to do: if they go well, the rest follows by itself."))


def _is_moving(dispatch: Dispatch, now: datetime) -> bool:
    """A throttled dispatch may leave work untouched for long, and yet go on."""
    leased = Batch.objects.filter(dispatch=dispatch, state="leased", leased_until__gt=now)
    wait = timedelta(seconds=2 / dispatch.throttle_per_second) if dispatch.throttle_per_second else timedelta(0)
    bucket = PaceBucket.objects.filter(owner=f"dispatch:{dispatch.pk}", refilled_at__gt=now - UNTOUCHED_FOR - wait)
    return leased.exists() or bucket.exists()


def _quiet(dispatch: Dispatch, now: datetime, *, is_all: bool) -> Iterator[Standing]:
    later = Batch.objects.filter(dispatch=dispatch, state="waiting", release_at__gt=now)
    size = Func(F("device_ids"), function="cardinality", output_field=IntegerField())
    waiting = later.aggregate(devices=Sum(size - F("recorded")), at=Min("release_at"))
    if not waiting["devices"]:
        return
    local = waiting["at"].astimezone(ZoneInfo(dispatch.app.time_zone))
    words = {"count": f"{waiting['devices']:,}", "at": date_format(local, "j M, H:i"), "zone": local.tzname()}
    text = _("%(count)s wait for their hour; the next go out at %(at)s (%(zone)s).") % words
    if is_all:
        text = _("All %(count)s that are left wait for their hour; the next go out at %(at)s (%(zone)s).") % words
    advice = _("Nothing to do: it is night where they are, or they were planned for later.")
    yield Standing("quiet_hours", "", "bedtime", text, advice)


def _undecided(dispatch: Dispatch) -> Iterator[Standing]:
    size = Func(F("device_ids"), function="cardinality", output_field=IntegerField())
    held = Batch.objects.filter(dispatch=dispatch, state="held").aggregate(devices=Sum(size))["devices"]
    if held:
        text = _("%(count)s wait until it is decided which variant is better.") % {"count": f"{held:,}"}
        yield Standing("undecided", "", "science", text, _("See the A/B test below: when it is decided, and by whom."))


def _limits(dispatch: Dispatch, now: datetime) -> Iterator[Standing]:
    """What we were asked to keep to; only what really holds it back is worth saying."""
    if dispatch.throttle_per_second:
        text = _("Held to the pace you asked for: %(pace)s a second.") % {"pace": f"{dispatch.throttle_per_second:g}"}
        yield Standing("throttle", "", "speed", text, _("Nothing to do: that is how the campaign was set."))
    mine = Channel.objects.filter(app=dispatch.app_id, state="active").exclude(gateway="sms").defer("credentials")
    for channel in mine:
        quota = USUAL_QUOTA_PER_MINUTE if channel.quota_per_minute is None else channel.quota_per_minute
        if channel.project and quota and _is_spent(f"project:{channel.project}", quota / 60, now):
            words = {"channel": channel.get_gateway_display(), "project": channel.project, "quota": f"{quota:,}"}
            text = _("The %(channel)s project %(project)s is at its quota of %(quota)s a minute.") % words
            advice = _("It goes on at just that pace. If Google has granted more, say so on the channel's page.")
            yield Standing("project_quota", "", "speed", text, advice)
        if channel.pace_per_second and _is_spent(f"channel:{channel.pk}", channel.pace_per_second, now):
            words = {"channel": channel.get_gateway_display(), "pace": f"{channel.pace_per_second:g}"}
            text = _("%(channel)s is held to %(pace)s a second, for all campaigns together.") % words
            advice = _("Nothing to do, or change “Most messages a second” on the channel's page.")
            yield Standing("channel_pace", "", "speed", text, advice)


def _is_spent(owner: str, per_second: float, now: datetime) -> bool:
    within = timedelta(seconds=max(ASKED_WITHIN_SECONDS, ASKED_WITHIN_TOKENS / per_second))
    bucket = PaceBucket.objects.filter(owner=owner, refilled_at__gt=now - within).first()
    return bucket is not None and bucket.tokens < max(1.0, SPENT_SHARE * per_second)
