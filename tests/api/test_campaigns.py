"""`/v2.1/campaigns` and `/v2.1/dispatches`."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.campaigns.services.approvals import approve
from apps.campaigns.services.lifecycle import launch_now
from apps.customers.models import Customer
from apps.deliveries.models import Delivery
from apps.devices.models import Channel
from tests.factories import make_campaign, make_ready_campaign, make_user
from tests.factories.api import codes_of

pytestmark = pytest.mark.django_db
CAMPAIGNS = "/v2.1/campaigns"


@pytest.fixture
def launched(app):
    """A campaign to five people, launched; nobody sends it in these tests."""
    campaign = make_ready_campaign(app)
    return launch_now(campaign=campaign, version=campaign.version, actor="test", now=timezone.now())


def test_campaigns_are_listed_newest_first(api, app):
    made = [make_campaign(app).pk for _ in range(3)]
    first = api.get(f"{CAMPAIGNS}?limit=2").json()
    second = api.get(f"{CAMPAIGNS}?limit=2&cursor={first['next_cursor']}").json()
    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert api.get(f"{CAMPAIGNS}?state=launched").json()["data"] == []
    assert set(first["data"][0]) == {"id", "name", "state", "timing", "is_paused", "dispatch_id", "scheduled_at"}


def test_a_dry_run_says_what_the_launch_then_does(api, app):
    campaign = make_ready_campaign(app)
    dry = api.get(f"{CAMPAIGNS}/{campaign.pk}/simulate").json()
    launch_now(campaign=campaign, version=campaign.version, actor="test", now=timezone.now())
    report = api.get(f"{CAMPAIGNS}/{campaign.pk}/report").json()
    assert dry["planned"] == report["planned"]
    assert dry["excluded"] == report["excluded"]
    assert dry["planned"]["devices"] > 0


def test_a_dry_run_says_which_zone_goes_when(api, app):
    at = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=3)
    campaign = make_ready_campaign(app, timing="at", clock="each", scheduled_at=at)
    tokyo, *others = Customer.objects.filter(app=app)
    Customer.objects.filter(pk=tokyo.pk).update(time_zone="Asia/Tokyo")
    releases = api.get(f"{CAMPAIGNS}/{campaign.pk}/simulate").json()["releases"]
    first = {"at": f"{at.date()}T00:00:00+00:00", "time_zone": "Asia/Tokyo", "hour": None, "excluded": None}
    assert releases[0] == {**first, "devices": tokyo.devices.count()}
    assert sum(one["devices"] for one in releases[1:]) == len(others)


def test_a_draft_has_an_empty_report(api, app):
    report = api.get(f"{CAMPAIGNS}/{make_campaign(app).pk}/report").json()
    assert (report["state"], report["dispatch_id"], report["planned"]) == ("draft", None, {"people": 0, "devices": 0})


def test_a_second_persons_yes_is_asked_for_read_and_withdrawn(api, app):
    campaign = make_ready_campaign(app)
    path = f"{CAMPAIGNS}/{campaign.pk}/approval"
    assert api.get(path).status_code == 404
    asked = api.post(path, {"note": "The price is new"})
    assert (asked.status_code, asked.json()["state"], asked.json()["people"]) == (201, "waiting", 3)
    assert (asked.json()["note"], asked.json()["decided_by"]) == ("The price is new", "")
    again = api.post(path, {"note": "Asked twice"})
    assert (again.status_code, again.json()) == (200, asked.json())
    assert AuditEntry.objects.filter(action="campaign.approval_requested").count() == 1
    assert [api.delete(path).json()["state"] for _twice in range(2)] == ["withdrawn"] * 2
    assert AuditEntry.objects.filter(action="campaign.approval_withdrawn").count() == 1
    assert api.get(f"{CAMPAIGNS}/{campaign.pk}").json()["state"] == "draft"


def test_the_yes_of_a_person_is_read_by_the_asker(api, app):
    campaign = make_ready_campaign(app)
    path = f"{CAMPAIGNS}/{campaign.pk}/approval"
    fingerprint = api.post(path, {}).json()["fingerprint"]
    paul = make_user(app, role="approver", username="paul")
    approve(approval=campaign.approvals.get(), fingerprint=fingerprint, actor=paul, comment="Good", now=timezone.now())
    read = api.get(path).json()
    assert (read["state"], read["decided_by"], read["comment"]) == ("approved", "paul", "Good")
    too_late = api.delete(path)
    assert (too_late.status_code, too_late.json()["code"]) == (409, "invalid_transition")


def test_a_campaign_is_paused_resumed_and_cancelled(api, launched):
    path = f"{CAMPAIGNS}/{launched.pk}"
    assert api.post(f"{path}/pause").json()["is_paused"] is True
    assert api.get(f"{path}/report").json()["state"] == "paused"
    assert api.post(f"{path}/resume").json()["is_paused"] is False
    assert api.post(f"{path}/cancel").json()["state"] == "cancelled"
    assert AuditEntry.objects.filter(action="campaign.cancelled", actor__startswith="key:hg_live_").exists()


@pytest.mark.parametrize("steps", [("pause",), ("pause", "resume"), ("cancel",)])
def test_a_step_whose_answer_was_lost_may_be_asked_again(api, launched, steps):
    path = f"{CAMPAIGNS}/{launched.pk}"
    first = [api.post(f"{path}/{step}").json() for step in steps][-1]
    entries = AuditEntry.objects.count()
    again = api.post(f"{path}/{steps[-1]}")
    assert (again.status_code, again.json()) == (200, first)
    assert AuditEntry.objects.count() == entries, "nothing happened twice"


@pytest.mark.parametrize("step", ["pause", "resume"])
def test_80_a_step_out_of_order_is_409_with_what_is_allowed(api, app, step):
    answer = api.post(f"{CAMPAIGNS}/{make_campaign(app).pk}/{step}")
    assert (answer.status_code, codes_of(answer)) == (409, {"invalid_transition"})
    assert "draft" in answer.json()["detail"]
    assert "allowed" in answer.json()["detail"]


def test_80_what_is_cancelled_stays_so(api, launched):
    path = f"{CAMPAIGNS}/{launched.pk}"
    api.post(f"{path}/cancel")
    assert {api.post(f"{path}/{step}").status_code for step in ("pause", "resume", "launch")} == {409}


def test_a_dispatch_has_the_same_report(api, launched):
    by_campaign = api.get(f"{CAMPAIGNS}/{launched.pk}/report").json()
    by_dispatch = api.get(f"/v2.1/dispatches/{launched.dispatch_id}").json()
    assert by_dispatch.items() <= by_campaign.items()


def test_the_csv_has_a_line_for_each_planned_device(api, launched):
    api.post(f"{CAMPAIGNS}/{launched.pk}/cancel")
    answer = api.get(f"/v2.1/dispatches/{launched.dispatch_id}/deliveries.csv?bom=true")
    text = b"".join(answer.streaming_content)
    lines = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert text.startswith(b"\xef\xbb\xbf")
    assert len(lines) == Delivery.objects.filter(dispatch_id=launched.dispatch_id).count() > 0
    assert list(lines[0])[:3] == ["delivery_id", "dispatch_id", "campaign_id"]


def test_a_report_says_what_holds_it_back(api, app, launched):
    Channel.objects.update(state="paused", closed_by="breaker", paused_reason="503")
    campaign = api.get(f"{CAMPAIGNS}/{launched.pk}/report").json()
    dispatch = api.get(f"/v2.1/dispatches/{campaign['dispatch_id']}").json()
    assert campaign["pace"]["kind"] == dispatch["pace"]["kind"] == "breaker_open"
    assert set(campaign["pace"]) == {"kind", "text", "advice"}
