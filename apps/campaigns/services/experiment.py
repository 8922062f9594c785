"""An A/B test's end: the winner goes to the rest, by itself at its time or by hand. Every decision is audited.

Whoever decides holds the campaign's row, then the dispatch's (as pausing does); of two, one wins (deliveries.winner).
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.audit import write_audit
from apps.campaigns.experiments.standing import Standing, interval_json, standing_of
from apps.campaigns.experiments.statistics import FEWEST_PEOPLE
from apps.campaigns.models import Campaign
from apps.campaigns.states import CAMPAIGN_STATES
from apps.core.problems import Conflict, FieldProblem, InvalidInput
from apps.core.states import InvalidTransition
from apps.deliveries.models import Batch, Dispatch
from apps.deliveries.services.winner import Decision, UnknownVariant, choose_winner

# So long before the rest expires it is decided in any case, also where the test is still on its way.
LAST_CALL = timedelta(minutes=15)
AUTOMATIC = "automatic"


def decide_due(now: datetime) -> int:
    """Decide every test whose time has come; returns how many. Any number may run at once."""
    waiting = Campaign.objects.filter(
        state="launched", decides="auto", test_percent__lt=100, dispatch__state="sending", dispatch__decided_at=None
    )
    due = [one.pk for one in waiting.select_related("dispatch") if _is_due(one, now)]
    return sum(_decide(campaign_id, now) for campaign_id in due)


def decides_at(campaign: Campaign) -> datetime | None:
    """When it decides by itself: so many hours after the last of the test could go out; None where nothing waits.

    Never so late that the rest would expire. The test may wait for the morning; the hours count from there.
    """
    dispatch = campaign.dispatch
    if dispatch is None or not Batch.objects.filter(dispatch=dispatch, state="held").exists():
        return None
    tested = Batch.objects.filter(dispatch=dispatch, tries=0).exclude(state="held")
    begun = tested.aggregate(at=Max("release_at"))["at"] or dispatch.created_at
    wanted: datetime = begun + timedelta(hours=campaign.decide_after_hours)
    return min(wanted, dispatch.expires_at - LAST_CALL)


def choose(*, campaign: Campaign, variant: int | None, actor: User | str, now: datetime) -> Decision:
    """By hand: the rest gets this variant, or nothing (None).

    Raises InvalidInput (`unknown_variant`), Conflict (`already_decided`, `nothing_held`), InvalidTransition.
    """
    with transaction.atomic():
        fresh = _locked(campaign.pk)
        if fresh is None or fresh.state != "launched" or fresh.dispatch is None:
            raise InvalidTransition(CAMPAIGN_STATES, campaign.state, "decided")
        if fresh.dispatch.decided_at is None and not _holds(fresh.dispatch):
            raise Conflict("nothing_held", _("nobody waits for a decision: everybody was in the test"))
        name = actor if isinstance(actor, str) else actor.get_username()
        try:
            decided = choose_winner(dispatch_id=fresh.dispatch.pk, variant=variant, by=name, now=now)
        except UnknownVariant as error:
            problem = FieldProblem("/variant", "unknown_variant", _("there is no such variant"), str(variant))
            raise InvalidInput([problem]) from error
        if decided.at == now:
            _write(fresh, "hand", decided, standing_of(fresh), actor, now)
    return decided


def decision_of(campaign: Campaign, standing: Standing) -> tuple[int, str]:
    """Which variant the rest gets, and why (a word of Campaign.DECISIONS)."""
    verdict = standing.verdict
    if verdict.word == "better":
        return verdict.leader, "winner"
    if verdict.word == "guarded":
        return verdict.leader, "guarded"
    is_allowed = 0 <= campaign.fallback < len(standing.variants) and campaign.fallback not in verdict.guarded
    chosen = campaign.fallback if is_allowed else verdict.leader
    too_few = any(one.people < FEWEST_PEOPLE for one in standing.variants)
    return chosen, "too_few" if too_few else "no_difference"


def _decide(campaign_id: int, now: datetime) -> int:
    with suppress(Conflict, InvalidTransition), transaction.atomic():
        fresh = _locked(campaign_id)
        if fresh is None or fresh.dispatch is None or not _is_due(fresh, now):
            return 0
        standing = standing_of(fresh)
        variant, how = decision_of(fresh, standing)
        decided = choose_winner(dispatch_id=fresh.dispatch.pk, variant=variant, by=AUTOMATIC, now=now)
        if decided.at == now:
            _write(fresh, how, decided, standing, "system", now)
            return 1
    return 0


def _is_due(campaign: Campaign, now: datetime) -> bool:
    dispatch = campaign.dispatch
    if dispatch is None or dispatch.state != "sending" or dispatch.decided_at is not None:
        return False
    at = decides_at(campaign)
    if at is None or now < at:
        return False
    is_sent = not Batch.objects.filter(dispatch=dispatch, state__in=["waiting", "leased"]).exists()
    return is_sent or now >= dispatch.expires_at - LAST_CALL


def _holds(dispatch: Dispatch) -> bool:
    return Batch.objects.filter(dispatch=dispatch, state="held").exists()


def _locked(campaign_id: int) -> Campaign | None:
    """The row as it is now, held until the transaction ends; its dispatch is read after the lock."""
    held = Campaign.objects.select_for_update(of=("self",)).filter(pk=campaign_id).first()
    return Campaign.objects.select_related("app", "dispatch").get(pk=campaign_id) if held else None


def _write(
    campaign: Campaign, how: str, decided: Decision, standing: Standing, actor: User | str, now: datetime
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(decided_how=how)
    margin = standing.verdict.margin
    details: dict[str, Any] = {
        "variant": decided.variant,
        "how": how,
        "verdict": standing.verdict.word,
        "devices": decided.devices,
        "people": [one.people for one in standing.variants],
        "hits": [one.opened if standing.metric == "opened" else one.clicked for one in standing.variants],
        "difference": interval_json(margin) if margin else None,
    }
    write_audit(
        app=campaign.app,
        actor=actor,
        action="campaign.test_decided",
        subject=f"campaign:{campaign.pk}",
        details=details,
        now=now,
    )
