"""Whether a campaign has anybody to talk to and a way to reach them."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.core.problems import FieldProblem
from apps.core.sql import Compiled, rows
from apps.devices.models import GATEWAYS, PLATFORMS, Channel, Device
from apps.segments.services.audience import compile_audience

# The first gateway of a platform is the usual one; the others may carry it too.
_GATEWAYS_OF = {"android": ("fcm",), "ios": ("apns", "fcm"), "web": ("webpush", "fcm")}


def audience_of(campaign: Campaign) -> Compiled:
    """The campaign's audience as a query of customer_id, from the segments' members."""
    return compile_audience(
        app=campaign.app,
        include_ids=list(campaign.include_segments.values_list("pk", flat=True)),
        exclude_ids=list(campaign.exclude_segments.values_list("pk", flat=True)),
    )


def is_empty_audience(campaign: Campaign) -> bool:
    """Whether nobody would be planned. A segment that was never computed gets the benefit of the doubt."""
    if campaign.include_segments.filter(kind="dynamic", refreshed_at=None).exists():
        return False
    ((has_people,),) = rows("campaigns", "audience_has_people", {}, audience=audience_of(campaign))
    return not has_people


def channel_problems(campaign: Campaign) -> list[FieldProblem]:
    """Chosen platforms that no open channel reaches. A platform on which the app has no device needs none."""
    rows = Channel.objects.filter(app=campaign.app_id).exclude(gateway="sms")
    channels = {channel.gateway: channel for channel in rows}
    if not channels:
        message = _("the app has no push gateway yet: store its credentials under Channels")
        return [FieldProblem("/platforms", "channel_missing", message)]
    found = (_platform_problem(campaign, platform, channels) for platform in campaign.platforms)
    return list(dict.fromkeys(filter(None, found)))


def _platform_problem(campaign: Campaign, platform: str, channels: Mapping[str, Channel]) -> FieldProblem | None:
    usual, *others = _GATEWAYS_OF.get(platform, ("fcm",))
    able = [channels[gateway] for gateway in (usual, *others) if gateway in channels]
    if any(channel.state == "active" for channel in able):
        return None
    if able:
        message = _("%(gateway)s is paused: %(reason)s") % {
            "gateway": able[0].get_gateway_display(),
            "reason": able[0].paused_reason,
        }
        return FieldProblem("/platforms", "channel_paused", message)
    if not Device.objects.filter(app=campaign.app_id, platform=platform).exists():
        return None
    message = _("%(platform)s devices are reached through %(usual)s: it has no credentials yet") % {
        "platform": dict(PLATFORMS)[platform],
        "usual": dict(GATEWAYS)[usual],
    }
    return FieldProblem("/platforms", "channel_missing", message)
