"""The dry run: the real planner, rolled back."""

from datetime import datetime

from django.utils.translation import gettext as _

from apps.campaigns.models import Campaign
from apps.campaigns.services.handover import plan_arguments
from apps.campaigns.services.launch import refresh_segments
from apps.campaigns.services.readiness import NotReady, world_problems
from apps.core.problems import FieldProblem
from apps.deliveries.services.freeze import Waterfall
from apps.deliveries.services.plan import simulate_dispatch

# Without these there is no audience to plan; anything else a dry run can live with.
_IN_THE_WAY = ("audience_missing", "segment_broken", "unknown_segment")


def simulate_campaign(campaign: Campaign, now: datetime) -> Waterfall:
    """Who would be sent to and who not, why, if it were launched now. Touches only the members of its segments.

    Raises NotReady where it has no audience, or one that cannot be computed.
    """
    if campaign.timing == "api":
        message = _("it has no audience of its own: each trigger names its people")
        raise NotReady([FieldProblem("/include_segments", "audience_missing", message)])
    refresh_segments(campaign, now)
    problems = [problem for problem in world_problems(campaign) if problem.code in _IN_THE_WAY]
    if problems:
        raise NotReady(problems)
    return simulate_dispatch(**plan_arguments(campaign, now))
