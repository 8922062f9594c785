"""A repeating campaign on each person's clock: every day of it begins in the first zone, and no day goes out twice."""

from datetime import date, datetime, time, timedelta

import pytest
from django.test import Client

from apps.accounts.models import App
from apps.campaigns.calendar import entries_of
from apps.campaigns.models import Campaign
from apps.campaigns.queries import launched_waterfall
from apps.campaigns.services import approvals, lifecycle
from apps.campaigns.services.launch import launch_due
from apps.campaigns.services.readiness import readiness_warnings
from apps.campaigns.services.simulate import simulate_campaign
from apps.customers.models import Customer
from apps.deliveries.models import Batch, Dispatch
from tests.factories import make_app, make_ready_campaign, make_user

pytestmark = pytest.mark.django_db

# A Monday, 07:30 in Warsaw. Nine o'clock of the fifth comes first at UTC+14.
START = datetime.fromisoformat("2027-01-04T06:30:00+00:00")
NINE = START + timedelta(minutes=90)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST_ZONE = datetime.fromisoformat("2027-01-04T19:00:00+00:00")
ZONES = ("Pacific/Kiritimati", "Europe/Warsaw", "Pacific/Niue")


@pytest.fixture
def app() -> App:
    return make_app(time_zone="Europe/Warsaw", default_language="en")


def draft(app: App, **fields: object) -> Campaign:
    """Every day at nine on their own clocks, from the fifth on, to one person in each zone."""
    values = {"timing": "repeat", "repeat_every": "daily", "clock": "each", "repeat_from": date(2027, 1, 5), **fields}
    campaign = make_ready_campaign(app, people=len(ZONES), **values)
    people = campaign.include_segments.get().memberships.order_by("pk")
    for member, zone in zip(people, ZONES, strict=True):
        Customer.objects.filter(pk=member.customer_id).update(time_zone=zone)
    return campaign


def scheduled(app: App, **fields: object) -> Campaign:
    return lifecycle.schedule(campaign=draft(app, **fields), version=1, actor="mary", now=START)


def days_sent(campaign: Campaign) -> list[str]:
    return list(Dispatch.objects.filter(origin=campaign.origin).order_by("id").values_list("occurrence", flat=True))


def releases(campaign: Campaign) -> dict[str, datetime]:
    campaign.refresh_from_db()
    return dict(Batch.objects.filter(dispatch=campaign.dispatch).values_list("time_zone", "release_at"))


def test_every_day_begins_in_the_first_zone(app: App) -> None:
    campaign = scheduled(app)
    times = (FIRST_ZONE - HOUR, FIRST_ZONE, FIRST_ZONE + DAY / 2, NINE + DAY, FIRST_ZONE + DAY)
    assert [launch_due(at) for at in times] == [0, 1, 0, 0, 1]
    assert days_sent(campaign) == ["2027-01-05", "2027-01-06"]
    niue = datetime.fromisoformat("2027-01-06T20:00:00+00:00")
    expected = {"Pacific/Kiritimati": FIRST_ZONE + DAY, "Europe/Warsaw": NINE + 2 * DAY, "Pacific/Niue": niue}
    assert releases(campaign) == expected


def test_a_day_that_has_begun_goes_to_whom_it_is_still_ahead(app: App) -> None:
    campaign = draft(app, repeat_from=None)
    simulated = simulate_campaign(campaign, START)
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=START)
    assert launch_due(START) == 1
    assert days_sent(campaign) == ["2027-01-04"]
    assert set(releases(campaign)) == {"Europe/Warsaw", "Pacific/Niue"}
    assert launched_waterfall(campaign) == simulated
    assert simulated.excluded == {"missed_hour": (1, 1)}


def test_the_dry_run_of_a_draft_is_of_its_next_day(app: App) -> None:
    simulated = simulate_campaign(draft(app), START)
    assert [one.moment.opens_at for one in simulated.releases if one.time_zone == "Europe/Warsaw"] == [NINE + DAY]
    assert simulated.excluded == {}


def test_a_day_that_nobody_was_there_for_is_told_once(app: App) -> None:
    campaign = scheduled(app)
    campaign.include_segments.get().memberships.all().delete()
    assert [launch_due(FIRST_ZONE + timedelta(seconds=n)) for n in range(3)] == [0, 0, 0]
    assert list(campaign.occurrences.values_list("on_day", "outcome")) == [(date(2027, 1, 5), "skipped")]
    campaign.refresh_from_db()
    assert campaign.scheduled_at == NINE + 2 * DAY


def test_a_pause_that_ends_in_time_loses_only_the_zones_behind(app: App) -> None:
    campaign = scheduled(app)
    lifecycle.pause(campaign=campaign, actor="mary", now=START)
    back = NINE + DAY - HOUR
    assert launch_due(back) == 0
    lifecycle.resume(campaign=campaign, actor="mary", now=back)
    assert launch_due(back) == 1
    assert set(releases(campaign)) == {"Europe/Warsaw", "Pacific/Niue"}


def test_a_pause_past_its_time_passes_the_day_over(app: App) -> None:
    campaign = scheduled(app)
    lifecycle.pause(campaign=campaign, actor="mary", now=START)
    lifecycle.resume(campaign=campaign, actor="mary", now=NINE + DAY)
    assert list(campaign.occurrences.values_list("on_day", "outcome")) == [(date(2027, 1, 5), "skipped")]


def test_by_habit_it_begins_at_the_first_midnight(app: App) -> None:
    campaign = scheduled(app, clock="habit")
    midnight = datetime.fromisoformat("2027-01-04T10:00:00+00:00")
    assert [launch_due(midnight - HOUR), launch_due(midnight)] == [0, 1]
    assert days_sent(campaign) == ["2027-01-05"]


def test_one_yes_holds_for_every_day(app: App) -> None:
    App.objects.filter(pk=app.pk).update(approve_above=1)
    campaign = Campaign.objects.select_related("app").get(pk=draft(app).pk)
    asked = approvals.request_approval(campaign=campaign, version=1, actor="mary", note="", now=START)
    approvals.approve(approval=asked, fingerprint=asked.fingerprint, actor="ann", comment="", now=START)
    assert [launch_due(FIRST_ZONE + n * DAY) for n in range(3)] == [1, 1, 1]


def test_the_calendar_shows_the_day_it_is_for(app: App) -> None:
    scheduled(app)
    launch_due(FIRST_ZONE)
    found = entries_of(app, date(2027, 1, 4), date(2027, 1, 6), FIRST_ZONE)
    shown = [(one.at, one.is_local, bool(one.dispatch_id)) for one in found]
    assert shown == [(NINE + DAY, True, True), (NINE + 2 * DAY, True, False)]


def test_its_screens_say_whose_clock(app: App) -> None:
    client = Client()
    client.force_login(make_user(app, role="marketer"))
    page = f"/admin/campaigns/campaign/{draft(app).pk}"
    assert "Every day at 09:00</b> on each person&#x27;s clock" in client.get(f"{page}/change/").content.decode()
    assert "in the first zone" in client.get(f"{page}/review/").content.decode()


def test_an_hour_in_the_quiet_hours_is_said_beside_it(app: App) -> None:
    app.quiet_from, app.quiet_until = time(8), time(10)
    app.save()
    assert [found.pointer for found in readiness_warnings(draft(app))] == ["/repeat_time"]
