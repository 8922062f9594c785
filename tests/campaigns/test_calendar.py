"""The calendar: what stands on which day, and who meets whom."""

from datetime import date, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.calendar import collisions, entries_of
from apps.campaigns.models import Campaign
from apps.campaigns.services import lifecycle
from apps.campaigns.services.launch import launch_due
from apps.deliveries.models import Delivery, Dispatch
from tests.factories import make_app, make_campaign, make_channel, make_people, make_segment, make_user

# A Monday, 07:30 in Warsaw.
START = datetime.fromisoformat("2027-01-04T06:30:00+00:00")
NINE = START + timedelta(minutes=90)
DAY = timedelta(days=1)


@pytest.fixture
def app(db: None) -> App:
    app = make_app(time_zone="Europe/Warsaw", default_language="en", slug="shop")
    make_channel(app)
    return app


@pytest.fixture
def people(app):
    return [device.customer for device in make_people(app, 6)]


def campaign_to(app: App, members, name: str, **fields) -> Campaign:
    campaign = make_campaign(app, name=name, **fields)
    campaign.include_segments.add(make_segment(app, members))
    return lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=START)


def daily(app, members, name="Daily"):
    return campaign_to(app, members, name, timing="repeat", repeat_every="daily")


def once(app, members, name="Sale", at=NINE + timedelta(hours=2)):
    return campaign_to(app, members, name, timing="at", scheduled_at=at)


def test_sent_set_and_repeating_stand_on_their_local_days(app, people):
    daily(app, people)
    launch_due(NINE)
    once(app, people, at=NINE + DAY)
    late = datetime.fromisoformat("2027-01-05T23:30:00+00:00")  # already the sixth in Warsaw
    once(app, people, name="Late", at=late)
    found = entries_of(app, date(2027, 1, 4), date(2027, 1, 6), NINE + timedelta(hours=1))
    shown = [(one.at.date().day, one.name, bool(one.dispatch_id), one.repeats) for one in found]
    assert shown[:3] == [(4, "Daily", True, False), (5, "Daily", False, True), (5, "Sale", False, False)]
    assert {one.name for one in entries_of(app, date(2027, 1, 6), date(2027, 1, 6), NINE)} == {"Daily", "Late"}


def test_its_header_says_calendar(client: Client, app: App) -> None:
    client.force_login(make_user(app, role="marketer"))
    shown = client.get("/admin/campaigns/campaign/calendar/").content.decode()
    assert '<span class="align-middle inline-block leading-5 min-w-0 truncate tracking-tight">Calendar</span>' in shown


def test_triggers_have_no_day(app, people):
    campaign = make_campaign(app, timing="api")
    lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=START)
    assert entries_of(app, date(2027, 1, 1), date(2027, 1, 31), START) == []


def test_people_in_common_are_counted_without_who_is_left_out(app, people):
    one, other = daily(app, people[:5]), once(app, people[2:])
    other.exclude_segments.add(make_segment(app, people[2:3]))
    found = collisions(app, entries_of(app, date(2027, 1, 4), date(2027, 1, 4), START), START)
    assert found.people == {one.pk: 5, other.pk: 3}
    assert [(met.one, met.other, met.people) for met in found.meetings] == [(one.pk, other.pk, 2)]


def test_the_cap_is_foreseen_from_what_was_sent_and_what_is_planned(app, people):
    app.cap_count, app.cap_days = 2, 7
    app.save()
    repeating = daily(app, people[:4])
    launch_due(NINE)
    dispatch = Dispatch.objects.get()
    Delivery.objects.bulk_create(_accepted(dispatch, person) for person in people[:3])
    sale = once(app, people, at=NINE + DAY + timedelta(hours=1))
    entries = entries_of(app, date(2027, 1, 5), date(2027, 1, 5), NINE + timedelta(hours=1))
    found = collisions(app, entries, NINE + timedelta(hours=1))
    assert found.capped == {sale.pk: 3}
    assert found.people == {repeating.pk: 4, sale.pk: 6}


def test_of_many_people_a_sample_is_counted(app, people):
    """Which people are looked at is the same each time, so what meets what still does."""
    one, other = daily(app, people), once(app, people)
    app.cap_count = 1
    app.save()
    entries = entries_of(app, date(2027, 1, 4), date(2027, 1, 4), START)
    found = collisions(app, entries, START, most_read=6)
    counted = found.people.get(one.pk, 0)  # one time in 64 the sample has nobody of six
    assert found.every == 2
    assert counted == found.people.get(other.pk, 0) == sum(met.people for met in found.meetings)
    assert counted % 2 == 0
    assert found.capped == ({other.pk: counted} if counted else {})


def _accepted(dispatch: Dispatch, person) -> Delivery:
    return Delivery(
        planned_on=dispatch.planned_on,
        dispatch_id=dispatch.pk,
        customer_id=person.pk,
        device_id=person.pk,
        app_id=dispatch.app_id,
        outcome=1,
        gateway=1,
        platform=1,
        variant=0,
        attempt=1,
        language="en",
        code="",
        vendor_message_id="",
        recorded_at=NINE,
    )


def test_the_page_shows_the_month_and_counts_later(app, people):
    client = Client()
    client.force_login(make_user(app, role="analyst"))
    at = timezone.now() + 2 * DAY
    for name in ("Sale", "Second"):
        campaign = make_campaign(app, name=name, timing="at", scheduled_at=at, state="scheduled")
        campaign.include_segments.add(make_segment(app, people))
    on = f"{at.astimezone(timezone.get_default_timezone()):%Y-%m-%d}"
    page = client.get(f"/admin/campaigns/campaign/calendar/?app=shop&on={on}")
    assert (page.status_code, "Sale" in page.content.decode()) == (200, True)
    assert "<b>6</b>" not in page.content.decode()


@pytest.mark.parametrize("asked", ["on=never", "on=0001-01-01", "on=9999-12-31", "app=nobody", ""])
def test_a_day_that_is_none_is_today(app, asked):
    client = Client()
    client.force_login(make_user(app, role="analyst"))
    assert client.get(f"/admin/campaigns/campaign/calendar/?{asked}").status_code == 200
    assert client.get(f"/admin/campaigns/campaign/calendar/day/?{asked}").status_code == 200
