"""A trigger: a campaign that was activated goes to the people whom an API call names, as a dispatch of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.queries import waterfall_of
from apps.campaigns.services.four_eyes import ApprovalRequired, needs_approval
from apps.campaigns.services.handover import plan_arguments
from apps.campaigns.services.plan_words import plan_failed_words
from apps.campaigns.services.readiness import NotReady, known_names, world_problems
from apps.core.problems import Conflict
from apps.core.sql import Compiled
from apps.deliveries.models import Batch, Delivery, Dispatch
from apps.deliveries.rendering import compile_body
from apps.deliveries.services.freeze import Waterfall
from apps.deliveries.services.plan import plan_dispatch
from apps.deliveries.services.stop import require_sending
from apps.deliveries.states import OUTCOME_WORDS
from apps.segments.services.audience import compile_audience, compile_people

# Of a person who is in none of the dispatch's rows: a segment under "but not to" has taken them out.
LEFT_OUT = "excluded_segment"


@dataclass(frozen=True, slots=True)
class Triggered:
    """What one trigger made. verdicts: of the named people by customer id, "queued" or the reason of the exclusion."""

    dispatch: Dispatch
    waterfall: Waterfall
    verdicts: Mapping[int, str]


class NotTriggered(Conflict):
    """The campaign takes no trigger now: `not_by_api`, `campaign_inactive`, `campaign_paused`."""


def trigger_people(
    *,
    campaign: Campaign,
    customer_ids: Sequence[int],
    facts: Mapping[str, Any],
    occurrence: str,
    is_test: bool,
    now: datetime,
) -> Triggered:
    """Send it to these people of the app. occurrence: the trigger's own name; facts win over the profile's.

    Raises NotTriggered, NotReady, SendingStopped, ApprovalRequired.
    """
    with transaction.atomic():
        fresh = _ready(campaign, now)
        exclude = list(fresh.exclude_segments.values_list("pk", flat=True))
        audience = compile_people(customer_ids=customer_ids, exclude_ids=exclude)
        dispatch = _plan(fresh, audience, "urgent", facts, occurrence, is_test=is_test, now=now)
        return Triggered(dispatch, waterfall_of(dispatch), _verdicts(dispatch, customer_ids))


def trigger_segment(
    *,
    campaign: Campaign,
    segment_id: int,
    facts: Mapping[str, Any],
    occurrence: str,
    is_test: bool,
    now: datetime,
    due_at: datetime | None = None,
) -> Triggered:
    """Send it to the members of a segment, as they were last computed. due_at: when it was asked for, if not now.

    Raises as `trigger_people`, and InvalidInput.
    """
    with transaction.atomic():
        fresh = _ready(campaign, now)
        exclude = list(fresh.exclude_segments.values_list("pk", flat=True))
        audience = compile_audience(app=fresh.app, include_ids=[segment_id], exclude_ids=exclude)
        dispatch = _plan(fresh, audience, "bulk", facts, occurrence, is_test=is_test, due_at=due_at, now=now)
        return Triggered(dispatch, waterfall_of(dispatch), {})


def require_triggerable(campaign: Campaign) -> None:
    """Raises NotTriggered with what stands in the way."""
    if campaign.timing != "api":
        raise NotTriggered("not_by_api", _("its time is not “when the API asks”"))
    if campaign.state != "scheduled":
        message = _("it is %(state)s: a trigger needs an active campaign") % {"state": campaign.get_state_display()}
        raise NotTriggered("campaign_inactive", message)
    if campaign.paused_at is not None:
        raise NotTriggered("campaign_paused", _("it is paused until somebody resumes it"))


def missing_facts(campaign: Campaign, facts: Collection[str]) -> list[str]:
    """What its texts ask for without a fallback, and neither the trigger nor any profile has."""
    asked = {
        name
        for variant in campaign.variants.all()
        for body in variant.texts.values()
        for name in compile_body(body).bare_names
    }
    return sorted(asked - {*facts} - profile_names(campaign))


def profile_names(campaign: Campaign) -> set[str]:
    """The facts that a profile may have; what only a trigger brings is not among them."""
    return {*known_names(campaign)} - {*campaign.api_facts}


def unknown_facts(campaign: Campaign, facts: Collection[str]) -> list[str]:
    """What a trigger brings that the campaign does not know: most often a slip of the pen."""
    return sorted({*facts} - {*known_names(campaign)})


def _ready(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign, held as it is: a pause or cancel comes before the trigger, or stops what it has planned."""
    with connection.cursor() as cursor:
        cursor.execute("select from campaigns_campaign where id = %s for share", [campaign.pk])
    fresh = Campaign.objects.select_related("app").get(pk=campaign.pk)
    require_triggerable(fresh)
    require_sending("campaign")
    if problems := world_problems(fresh):
        raise NotReady(problems)
    return fresh


def _plan(
    campaign: Campaign,
    audience: Compiled,
    lane: str,
    facts: Mapping[str, Any],
    occurrence: str,
    *,
    is_test: bool,
    now: datetime,
    due_at: datetime | None = None,
) -> Dispatch:
    arguments = plan_arguments(campaign, now, audience=audience)
    arguments |= {"occurrence": occurrence, "lane": lane, "due_at": due_at}
    arguments["contents"] = [replace(content, facts=facts) for content in arguments["contents"]]
    if is_test:
        policy = replace(arguments["policy"], is_test=True)
        arguments |= {"kind": "test", "origin": f"trial:{campaign.pk}", "policy": policy}
    dispatch = plan_dispatch(**arguments)
    if dispatch.state == "failed":
        raise Conflict("launch_failed", plan_failed_words(dispatch.reason))
    _require_few(campaign.app, dispatch)
    return dispatch


def _require_few(app: App, dispatch: Dispatch) -> None:
    """Above the app's limit a second person decides, and nobody could be asked about a trigger."""
    if app.approve_above is None or not needs_approval(app, dispatch.planned_people):
        return
    people = waterfall_of(dispatch).sending_people
    if needs_approval(app, people):
        words = {"people": f"{people:,}", "most": f"{app.approve_above:,}"}
        raise ApprovalRequired(
            _("it would go to %(people)s people; above %(most)s it has to be a campaign that somebody approves") % words
        )


def _verdicts(dispatch: Dispatch, customer_ids: Sequence[int]) -> dict[int, str]:
    verdicts = dict.fromkeys(customer_ids, LEFT_OUT)
    ledger = Delivery.objects.filter(planned_on=dispatch.planned_on, dispatch_id=dispatch.pk)
    for customer_id, outcome in ledger.values_list("customer_id", "outcome"):
        verdicts[customer_id] = OUTCOME_WORDS[outcome].removeprefix("excluded:")
    for people in Batch.objects.filter(dispatch=dispatch).values_list("customer_ids", flat=True):
        verdicts |= dict.fromkeys(people, "queued")
    return verdicts
