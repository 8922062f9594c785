"""A set time on each person's clock: when it is launched, whom it reaches, and what is said about it beforehand."""

from datetime import datetime, time, timedelta

import pytest

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.campaigns.queries import launched_waterfall
from apps.campaigns.services import lifecycle
from apps.campaigns.services.launch import launch_due
from apps.campaigns.services.local_time import begins_at
from apps.campaigns.services.readiness import NotReady, readiness_problems, readiness_warnings
from apps.campaigns.services.simulate import simulate_campaign
from apps.customers.models import Customer
from apps.deliveries.models import Batch
from tests.factories import NOW, make_app, make_ready_campaign

pytestmark = pytest.mark.django_db

# NOW is 1 June 2026, 12:00 UTC. In Warsaw nine o'clock is 07:00 UTC; the first zone has it 14 hours before.
NINE = NOW.replace(day=3, hour=7)
FIRST_ZONE = NOW.replace(day=2, hour=19)


@pytest.fixture
def app() -> App:
    return make_app(time_zone="Europe/Warsaw")


def local_campaign(app: App, *zones: str, at: datetime = NINE, **fields: object) -> Campaign:
    """A draft to one person in each zone."""
    campaign = make_ready_campaign(
        app, people=len(zones), **{"timing": "at", "clock": "each", "scheduled_at": at, **fields}
    )
    people = campaign.include_segments.get().memberships.order_by("pk")
    for member, zone in zip(people, zones, strict=True):
        Customer.objects.filter(pk=member.customer_id).update(time_zone=zone)
    return campaign


def released(campaign: Campaign) -> dict[str, datetime]:
    campaign.refresh_from_db()
    return dict(Batch.objects.filter(dispatch=campaign.dispatch).values_list("time_zone", "release_at"))


def test_it_is_launched_as_the_first_zone_begins(app: App) -> None:
    campaign = local_campaign(app, "Pacific/Kiritimati", "Europe/Warsaw", "Pacific/Niue")
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launch_due(FIRST_ZONE - timedelta(seconds=1)) == 0
    assert launch_due(FIRST_ZONE) == 1
    niue = NOW.replace(day=3, hour=20)
    assert released(campaign) == {"Pacific/Kiritimati": FIRST_ZONE, "Europe/Warsaw": NINE, "Pacific/Niue": niue}


def test_the_dry_run_is_of_its_own_time(app: App) -> None:
    campaign = local_campaign(app, "Asia/Tokyo", "Europe/Warsaw")
    simulated = simulate_campaign(campaign, NOW)
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    launch_due(FIRST_ZONE)
    assert simulated == launched_waterfall(Campaign.objects.get(pk=campaign.pk))
    assert {one.time_zone: one.moment.opens_at for one in simulated.releases} == released(campaign)


def test_a_dry_run_of_one_moment_counts_the_night_at_that_moment(app: App) -> None:
    App.objects.filter(pk=app.pk).update(quiet_from=time(22), quiet_until=time(8))
    at_night = NOW.replace(day=2, hour=23)
    campaign = local_campaign(app, "Europe/Warsaw", at=at_night, clock="app", expire_after_minutes=60)
    campaign.app.refresh_from_db()
    assert simulate_campaign(campaign, NOW).excluded == {"quiet_hours_past_expiry": (1, 1)}


@pytest.mark.parametrize(("choice", "excluded"), [("skip", {"missed_hour": (1, 1)}), ("next_day", {})])
def test_hours_that_have_passed_show_in_the_dry_run_and_so_go_out(
    app: App, choice: str, excluded: dict[str, tuple[int, int]]
) -> None:
    today = NOW.replace(hour=7)  # nine in Warsaw, five hours ago; ahead in New York
    campaign = local_campaign(app, "Europe/Warsaw", "America/New_York", at=today, missed_hour=choice)
    assert simulate_campaign(campaign, NOW).excluded == excluded
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launch_due(NOW) == 1
    assert released(campaign)["America/New_York"] == NOW.replace(hour=13)
    assert launched_waterfall(campaign).excluded == excluded


def test_a_time_that_has_passed_everywhere_is_refused(app: App) -> None:
    campaign = local_campaign(app, "Europe/Warsaw", at=NOW - timedelta(hours=26))
    assert "schedule_in_past" in {problem.code for problem in readiness_problems(campaign, NOW)}
    with pytest.raises(NotReady):
        lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)


def test_one_that_nothing_launched_in_time_says_that_it_was_missed(app: App) -> None:
    campaign = local_campaign(app, "Europe/Warsaw")
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    assert launch_due(NINE + timedelta(days=1)) == 0
    campaign.refresh_from_db()
    assert (campaign.state, campaign.launch_problem.split(":")[0]) == ("draft", "it was missed")


def test_launching_ahead_of_its_time_sends_to_all_at_once(app: App) -> None:
    campaign = local_campaign(app, "Asia/Tokyo", "America/New_York")
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NOW)
    lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=NOW)
    assert set(released(campaign).values()) == {NOW}


def test_usual_hours_are_launched_before_the_first_midnight(app: App) -> None:
    campaign = local_campaign(app, "Europe/Warsaw", clock="habit")
    assert begins_at(campaign, NOW) == NOW.replace(day=2, hour=10)


def test_a_local_hour_in_the_quiet_hours_is_said(app: App) -> None:
    app.quiet_from, app.quiet_until = time(22), time(9, 30)
    app.save()
    campaign = local_campaign(app, "Europe/Warsaw")
    assert "in_quiet_hours" in {found.code for found in readiness_warnings(campaign)}
    Campaign.objects.update(respects_quiet_hours=False)
    assert not readiness_warnings(Campaign.objects.get(pk=campaign.pk))
