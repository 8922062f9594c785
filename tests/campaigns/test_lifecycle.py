"""From draft to the end: every step once, by one door, written into the audit log."""

from datetime import timedelta

import pytest

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Campaign
from apps.campaigns.services import lifecycle
from apps.campaigns.services.launch import launch_due
from apps.campaigns.services.readiness import NotReady
from apps.core.states import InvalidTransition
from apps.deliveries.models import Dispatch
from apps.deliveries.services.stop import SendingStopped, resume_sending, stop_sending
from tests.factories import NOW, make_app, make_campaign, make_ready_campaign, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def campaign(app: App) -> Campaign:
    return make_ready_campaign(app)


@pytest.fixture
def launched(campaign: Campaign) -> Campaign:
    return lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)


def state(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).state


def dispatch_state(campaign: Campaign) -> str:
    return Dispatch.objects.get(pk=campaign.dispatch_id).state


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_now_means_the_moment_of_scheduling(campaign: Campaign) -> None:
    scheduled = lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert (scheduled.state, scheduled.scheduled_at) == ("scheduled", NOW)


def test_a_set_time_is_kept(app: App) -> None:
    at = NOW + timedelta(days=1)
    campaign = make_ready_campaign(app, timing="at", scheduled_at=at)
    assert lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW).scheduled_at == at


def test_what_was_not_reviewed_is_not_scheduled(campaign: Campaign) -> None:
    Campaign.objects.update(version=2)
    with pytest.raises(lifecycle.StaleVersion) as stale:
        lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert (stale.value.wanted, stale.value.current) == (1, 2)
    assert state(campaign) == "draft"


def test_what_is_not_ready_is_not_scheduled(app: App) -> None:
    with pytest.raises(NotReady) as refused:
        lifecycle.schedule(campaign=make_campaign(app), version=1, actor="mary", now=NOW)
    assert {problem.code for problem in refused.value.problems} == {"audience_missing", "channel_missing"}


def test_scheduling_twice_is_refused(campaign: Campaign) -> None:
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    with pytest.raises(InvalidTransition):
        lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)


def test_a_scheduled_campaign_may_become_a_draft_again(campaign: Campaign) -> None:
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert lifecycle.unschedule(campaign=campaign, actor="mary", now=NOW).state == "draft"
    assert launch_due(NOW) == 0


def test_launch_now_plans_before_it_returns(launched: Campaign) -> None:
    assert launched.state == "launched"
    assert launched.launched_at == NOW
    assert launched.dispatch is not None
    assert (launched.dispatch.origin, launched.dispatch.planned_people) == (f"campaign:{launched.pk}", 3)


def test_launch_now_does_not_wait_for_a_set_time(app: App) -> None:
    campaign = make_ready_campaign(app, timing="at", scheduled_at=NOW + timedelta(days=1))
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW).state == "launched"


def test_launching_twice_is_refused(launched: Campaign) -> None:
    with pytest.raises(InvalidTransition):
        lifecycle.launch_now(campaign=launched, version=1, actor="mary", now=NOW)
    assert Dispatch.objects.count() == 1


def test_pause_and_resume_are_the_dispatchs(launched: Campaign) -> None:
    lifecycle.pause(campaign=launched, actor="mary", now=NOW)
    assert dispatch_state(launched) == "paused"
    lifecycle.resume(campaign=launched, actor="mary", now=NOW)
    assert dispatch_state(launched) == "sending"
    assert actions()[-2:] == ["campaign.paused", "campaign.resumed"]


@pytest.mark.parametrize("step", [lifecycle.pause, lifecycle.resume])
def test_a_draft_has_nothing_to_pause(campaign: Campaign, step: object) -> None:
    with pytest.raises(InvalidTransition):
        step(campaign=campaign, actor="mary", now=NOW)  # type: ignore[operator]


def test_pausing_twice_is_refused(launched: Campaign) -> None:
    lifecycle.pause(campaign=launched, actor="mary", now=NOW)
    with pytest.raises(InvalidTransition):
        lifecycle.pause(campaign=launched, actor="mary", now=NOW)


def test_cancel_stops_a_running_campaign(launched: Campaign) -> None:
    assert lifecycle.cancel(campaign=launched, actor="mary", now=NOW).state == "cancelled"
    assert dispatch_state(launched) == "cancelled"


def test_cancel_stops_a_scheduled_campaign_before_it_begins(campaign: Campaign) -> None:
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    lifecycle.cancel(campaign=campaign, actor="mary", now=NOW)
    assert launch_due(NOW) == 0
    assert Dispatch.objects.count() == 0


@pytest.mark.parametrize("ended", ["finished", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(launched: Campaign, ended: str) -> None:
    Campaign.objects.update(state=ended)
    with pytest.raises(InvalidTransition) as refused:
        lifecycle.cancel(campaign=launched, actor="mary", now=NOW)
    assert (refused.value.current, refused.value.allowed) == (ended, ())


@pytest.mark.parametrize(("of_dispatch", "of_campaign"), [("done", "finished"), ("cancelled", "cancelled")])
def test_a_campaign_ends_with_its_dispatch(launched: Campaign, of_dispatch: str, of_campaign: str) -> None:
    Dispatch.objects.update(state=of_dispatch)
    assert lifecycle.finish_done(NOW) == 1
    assert state(launched) == of_campaign


def test_a_sending_campaign_is_not_finished(launched: Campaign) -> None:
    assert lifecycle.finish_done(NOW) == 0
    assert state(launched) == "launched"


def test_a_copy_is_a_fresh_draft_of_the_same(launched: Campaign, app: App) -> None:
    mary = make_user(app)
    copy = lifecycle.duplicate(campaign=launched, actor=mary, now=NOW)
    assert (copy.state, copy.version, copy.dispatch, copy.created_by) == ("draft", 1, None, mary)
    assert copy.name == f"Copy of {launched.name}"
    assert list(copy.include_segments.all()) == list(launched.include_segments.all())
    assert copy.variants.get().texts == launched.variants.get().texts
    assert state(launched) == "launched"


def test_every_step_is_audited(campaign: Campaign, app: App) -> None:
    mary = make_user(app, username="mary")
    lifecycle.schedule(campaign=campaign, version=1, actor=mary, now=NOW)
    launch_due(NOW)
    lifecycle.cancel(campaign=campaign, actor=mary, now=NOW)
    assert actions() == ["campaign.scheduled", "campaign.launched", "campaign.cancelled"]
    first = AuditEntry.objects.earliest("id")
    assert (first.actor, first.subject, first.app) == ("mary", f"campaign:{campaign.pk}", app)


def test_nothing_is_launched_while_the_emergency_stop_is_on(app: App, campaign: Campaign) -> None:
    stop_sending(scope="marketing", reason="wrong price", actor="olga", now=NOW)
    for verb in (lifecycle.launch_now, lifecycle.schedule):
        with pytest.raises(SendingStopped):
            verb(campaign=campaign, version=1, actor="mary", now=NOW)
    assert state(campaign) == "draft"


def test_what_falls_due_during_a_stop_is_launched_after_it(app: App) -> None:
    at = NOW + timedelta(minutes=1)
    campaign = make_ready_campaign(app, timing="at", scheduled_at=at)
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    stop_sending(scope="marketing", reason="wrong price", actor="olga", now=NOW)
    assert (launch_due(at), state(campaign)) == (0, "scheduled")
    resume_sending(scope="marketing", actor="olga", now=at)
    assert (launch_due(at), state(campaign)) == (1, "launched")
