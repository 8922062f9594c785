"""A repeating campaign: each of its times once, late ones once, and what became of every one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from django.db import connections
from django.test import Client

from apps.accounts.models import App, AuditEntry
from apps.campaigns.models import Approval, Campaign
from apps.campaigns.services import approvals, lifecycle
from apps.campaigns.services.launch import launch_due, launch_leased, take_lease
from apps.campaigns.services.readiness import readiness_problems
from apps.core.problems import Conflict
from apps.core.states import InvalidTransition
from apps.deliveries.models import Delivery, Dispatch
from tests.factories import make_app, make_people, make_ready_campaign, make_user

# A Monday, 07:30 in Warsaw.
START = datetime.fromisoformat("2027-01-04T06:30:00+00:00")
NINE = START + timedelta(minutes=90)
DAY = timedelta(days=1)


@pytest.fixture
def app(db: None) -> App:
    return make_app(time_zone="Europe/Warsaw", default_language="en")


def repeating(app: App, **fields) -> Campaign:
    """Every day at nine, from START on."""
    campaign = make_ready_campaign(app, **{"timing": "repeat", "repeat_every": "daily", **fields})
    return lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=START)


def told(campaign: Campaign) -> list[tuple[str, str]]:
    rows = campaign.occurrences.order_by("on_day").values_list("on_day", "outcome")
    return [(day.isoformat(), outcome) for day, outcome in rows]


def days_sent(campaign: Campaign) -> list[str]:
    return list(Dispatch.objects.filter(origin=campaign.origin).order_by("id").values_list("occurrence", flat=True))


def end_dispatches() -> None:
    Dispatch.objects.update(state="done", finished_at=START)


def test_each_day_is_a_dispatch_of_its_own(app):
    campaign = repeating(app)
    assert campaign.scheduled_at == NINE
    assert [launch_due(at) for at in (NINE - DAY / 24, NINE, NINE + DAY / 24, NINE + DAY)] == [0, 1, 0, 1]
    campaign.refresh_from_db()
    assert days_sent(campaign) == ["2027-01-04", "2027-01-05"]
    assert (campaign.state, campaign.scheduled_at) == ("scheduled", NINE + 2 * DAY)


def test_a_slow_launcher_does_not_launch_the_next_day_ahead(app):
    """Its lease ran out while it read the segments, another took over, and the campaign waits for tomorrow."""
    campaign = repeating(app)
    assert take_lease(campaign_id=campaign.pk, now=NINE)
    assert launch_due(NINE + timedelta(minutes=3)) == 1
    assert not launch_leased(campaign_id=campaign.pk, now=NINE)
    assert days_sent(campaign) == ["2027-01-04"]


def test_segments_are_read_again_each_time(app):
    campaign = repeating(app)
    launch_due(NINE)
    (device,) = make_people(app, 1)
    campaign.include_segments.get().memberships.create(customer=device.customer, joined_at=NINE)
    launch_due(NINE + DAY)
    people = Dispatch.objects.filter(origin=campaign.origin).order_by("id").values_list("planned_people", flat=True)
    assert list(people) == [3, 4]


def test_a_beat_that_was_away_launches_the_latest_and_tells_of_the_others(app):
    campaign = repeating(app)
    assert launch_due(NINE + 2 * DAY + DAY / 2) == 1
    assert told(campaign) == [("2027-01-04", "missed"), ("2027-01-05", "missed"), ("2027-01-06", "launched")]
    campaign.refresh_from_db()
    assert (days_sent(campaign), campaign.scheduled_at) == (["2027-01-06"], NINE + 3 * DAY)
    assert campaign.dispatch.expires_at == NINE + 3 * DAY


def test_what_had_expired_is_not_launched_at_all(app):
    campaign = repeating(app, expire_after_minutes=60)
    assert launch_due(NINE + timedelta(hours=2)) == 0
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at, told(campaign)) == (
        "scheduled",
        NINE + DAY,
        [("2027-01-04", "missed")],
    )


def test_nobody_there_costs_it_one_time(app):
    campaign = repeating(app)
    members = campaign.include_segments.get().memberships
    members.update(left_at=START)
    assert launch_due(NINE) == 0
    members.update(left_at=None)
    assert launch_due(NINE + DAY) == 1
    assert told(campaign) == [("2027-01-04", "skipped"), ("2027-01-05", "launched")]
    assert AuditEntry.objects.filter(action="campaign.occurrence_skipped").count() == 1


def test_a_broken_segment_ends_it_until_somebody_has_looked(app):
    campaign = repeating(app)
    campaign.include_segments.update(state="broken", broken_reason="no trait city")
    assert launch_due(NINE) == 0
    campaign.refresh_from_db()
    assert campaign.state == "draft"
    assert "no trait city" in campaign.launch_problem


def test_it_ends_after_so_many_launches(app):
    campaign = repeating(app, repeat_times=2)
    launch_due(NINE)
    launch_due(NINE + DAY)
    campaign.refresh_from_db()
    assert campaign.state == "launched"
    assert lifecycle.finish_done(NINE + DAY) == 0
    end_dispatches()
    assert lifecycle.finish_done(NINE + DAY) == 1


def test_it_is_not_finished_while_an_earlier_day_is_on_its_way(app):
    campaign = repeating(app, repeat_until=date(2027, 1, 5))
    launch_due(NINE)
    launch_due(NINE + DAY)
    Dispatch.objects.filter(occurrence="2027-01-05").update(state="done", finished_at=NINE)
    assert lifecycle.finish_done(NINE + DAY) == 0
    end_dispatches()
    assert lifecycle.finish_done(NINE + DAY) == 1
    campaign.refresh_from_db()
    assert campaign.state == "finished"


def test_a_pause_holds_what_runs_and_passes_over_what_comes(app):
    campaign = repeating(app)
    launch_due(NINE)
    lifecycle.pause(campaign=campaign, actor="mary", now=NINE)
    assert Dispatch.objects.get().state == "paused"
    assert launch_due(NINE + DAY) == 0
    lifecycle.resume(campaign=campaign, actor="mary", now=NINE + DAY + DAY / 2)
    assert Dispatch.objects.get().state == "sending"
    assert launch_due(NINE + 2 * DAY) == 1
    assert told(campaign) == [("2027-01-04", "launched"), ("2027-01-05", "skipped"), ("2027-01-06", "launched")]


def test_a_day_that_comes_later_since_the_app_moved_is_not_passed_over(app):
    campaign = repeating(app)
    lifecycle.pause(campaign=campaign, actor="mary", now=START)
    App.objects.filter(pk=app.pk).update(time_zone="America/New_York")
    lifecycle.resume(campaign=campaign, actor="mary", now=NINE + DAY / 24)
    assert told(campaign) == []
    assert [launch_due(NINE + hours * DAY / 24) for hours in (5, 6)] == [0, 1]
    assert told(campaign) == [("2027-01-04", "launched")]


def test_paused_twice_is_refused(app):
    campaign = repeating(app)
    lifecycle.pause(campaign=campaign, actor="mary", now=START)
    with pytest.raises(InvalidTransition):
        lifecycle.pause(campaign=campaign, actor="mary", now=START)


def test_cancelling_stops_every_day_that_is_on_its_way(app):
    campaign = repeating(app)
    launch_due(NINE)
    launch_due(NINE + DAY)
    lifecycle.cancel(campaign=campaign, actor="mary", now=NINE + DAY)
    assert set(Dispatch.objects.values_list("state", flat=True)) == {"cancelled"}
    assert launch_due(NINE + 2 * DAY) == 0
    assert Delivery.objects.count() == 6


def test_edited_and_scheduled_again_it_does_not_go_out_twice_on_a_day(app):
    campaign = repeating(app)
    launch_due(NINE)
    lifecycle.unschedule(campaign=campaign, actor="mary", now=NINE)
    Campaign.objects.update(repeat_time="18:00")
    campaign.refresh_from_db()
    again = lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=NINE)
    assert again.scheduled_at == NINE + DAY + timedelta(hours=9)


def test_it_is_not_launched_by_hand(app):
    campaign = repeating(app)
    with pytest.raises(Conflict, match="by itself"):
        lifecycle.launch_now(campaign=campaign, version=1, actor="mary", now=START)


def test_one_yes_holds_for_every_day_until_the_audience_drifts(app):
    app.approve_above, app.approve_drift_percent = 1, 20
    app.save()
    campaign = make_ready_campaign(app, people=10, timing="repeat", repeat_every="daily")
    asked = approvals.request_approval(campaign=campaign, version=1, actor="mary", note="", now=START)
    approvals.approve(approval=asked, fingerprint=asked.fingerprint, actor="ann", comment="", now=START)
    assert [launch_due(NINE + number * DAY) for number in range(4)] == [1, 1, 1, 1]
    members = campaign.include_segments.get().memberships
    members.filter(pk__in=members.values_list("pk", flat=True)[:5]).update(left_at=NINE)
    assert launch_due(NINE + 4 * DAY) == 0
    campaign.refresh_from_db()
    assert (campaign.state, Approval.objects.get().state) == ("draft", "void")
    assert "10 people to 5" in campaign.launch_problem


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"repeat_every": "weekly", "repeat_weekdays": []}, ("/repeat_weekdays", "required")),
        ({"repeat_every": "monthly", "repeat_day": 32}, ("/repeat_day", "range")),
        ({"repeat_times": 0}, ("/repeat_times", "range")),
        ({"repeat_until": date(2027, 1, 3)}, ("/repeat_until", "repeat_ended")),
    ],
)
def test_what_cannot_be_repeated_is_said_beside_its_field(app, fields, problem):
    campaign = make_ready_campaign(app, **{"timing": "repeat", "repeat_every": "daily", **fields})
    assert [(one.pointer, one.code) for one in readiness_problems(campaign, START)] == [problem]


def test_a_test_with_a_winner_is_for_one_launch(app):
    campaign = make_ready_campaign(app, timing="repeat", test_percent=50)
    campaign.variants.update(share=50)
    campaign.variants.create(position=1, share=50, texts={"en": {"title": "B", "body": "b"}})
    assert [one.code for one in readiness_problems(campaign, START)] == ["needs_one_launch"]


@pytest.mark.django_db(transaction=True)
def test_many_launchers_make_one_dispatch_a_day(app):
    repeating(app)
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(_launch_due, range(6))) == [0, 0, 0, 0, 0, 1]
    assert Dispatch.objects.count() == 1


def _launch_due(_number: int) -> int:
    launched = launch_due(NINE)
    connections.close_all()
    return launched


def test_screens_say_how_it_repeats_and_what_became_of_each_time(app):
    campaign = repeating(app)
    launch_due(NINE + 2 * DAY)
    client = Client()
    client.force_login(make_user(app, role="marketer"))
    address = f"/admin/campaigns/campaign/{campaign.pk}/change/"
    page = " ".join(client.get(address).content.decode().split())
    assert "Every day at 09:00" in page
    assert page.count("Missed") == 2
    assert "All times together" in page
    alone = client.get(f"{address}?launch={Dispatch.objects.get().pk}").content.decode()
    assert "Sent on 6 Jan 2027" in alone


def test_who_is_asked_sees_the_rhythm(app):
    campaign = make_ready_campaign(app, people=3, timing="repeat", repeat_every="monthly", repeat_day=31)
    approvals.request_approval(campaign=campaign, version=1, actor="mary", note="", now=START)
    client = Client()
    client.force_login(make_user(app, role="approver"))
    page = client.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").content.decode()
    assert "On day 31 of every month, or its last day, at 09:00" in page
    assert "One yes holds for every time" in page


def test_a_draft_that_was_sent_keeps_its_report_and_cannot_be_deleted(app):
    campaign = repeating(app)
    launch_due(NINE)
    lifecycle.unschedule(campaign=campaign, actor="mary", now=NINE)
    client = Client()
    client.force_login(make_user(app, role="owner"))
    assert (
        "It was sent 1 time before." in client.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").content.decode()
    )
    assert client.get(f"/admin/campaigns/campaign/{campaign.pk}/sent/").status_code == 200
    assert client.post(f"/admin/campaigns/campaign/{campaign.pk}/delete/", {"post": "yes"}).status_code == 403
