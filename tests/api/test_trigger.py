"""`POST /v2.1/campaigns/{id}/trigger`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.campaigns.models import Campaign
from apps.campaigns.services import lifecycle
from apps.campaigns.services.large_triggers import MOST_AT_ONCE, RETRY_AFTER, plan_triggers
from apps.deliveries.models import Batch, Content, Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.lifecycle import purge_contents
from apps.segments.models import Segment
from tests.factories import make_channel, make_people, make_ready_campaign, make_segment
from tests.factories.api import ApiCaller, codes_of, make_key

pytestmark = pytest.mark.django_db
TEXT = {"en": {"title": "Order {{ order }}", "body": "Thank you, {{ first_name | default: 'friend' }}."}}


@pytest.fixture
def people(app):
    """Three customers with a device each, by their external ids."""
    return [device.customer for device in make_people(app, 3)]


@pytest.fixture
def active(app):
    """A campaign that the API may trigger; each call brings `order`."""
    return make_active(app)


def make_active(app, **fields) -> Campaign:
    campaign = make_ready_campaign(app, timing="api", api_facts=["order"], texts=TEXT, **fields)
    return lifecycle.schedule(campaign=campaign, version=1, actor="mary", now=timezone.now())


def trigger(api, campaign, **body):
    headers = {"idempotency_key": body.pop("key")} if "key" in body else {}
    path = f"/v2.1/campaigns/{campaign.pk}/trigger"
    return api.post(path, {"traits": {"order": "17"}, **body}, **headers)


def test_each_trigger_is_a_dispatch_with_its_own_facts(api, active, people):
    names = [people[0].external_id, people[1].external_id]
    answer = trigger(api, active, customers=names).json()
    assert answer["data"] == [{"customer": name, "status": "queued"} for name in names]
    assert (answer["planned"], answer["sending"]) == ({"people": 2, "devices": 2}, {"people": 2, "devices": 2})
    again = trigger(api, active, customers=names, traits={"order": "18"}).json()
    facts = Content.objects.order_by("dispatch_id").values_list("dispatch_id", "facts")
    assert list(facts) == [(answer["dispatch_id"], {"order": "17"}), (again["dispatch_id"], {"order": "18"})]


def test_every_name_has_its_verdict(api, app, active, people):
    no, left_out, fine = people
    no.push_consent = False
    no.save()
    active.exclude_segments.add(make_segment(app, [left_out]))
    names = [no.external_id, left_out.external_id, "nobody", fine.external_id, fine.external_id]
    said = [one["status"] for one in trigger(api, active, customers=names).json()["data"]]
    assert said == ["no_consent", "excluded_segment", "unknown_customer", "queued", "duplicate"]


def test_nobody_known_is_no_dispatch(api, active):
    answer = trigger(api, active, customers=["a", "b"])
    assert (answer.status_code, answer.json()["dispatch_id"]) == (202, None)
    assert [one["status"] for one in answer.json()["data"]] == ["unknown_customer"] * 2
    assert not Dispatch.objects.exists()


def test_a_segment_is_counted_not_listed(api, app, active, people):
    segment = make_segment(app, people)
    answer = trigger(api, active, segment=segment.pk).json()
    assert (answer["planned"]["people"], answer["data"]) == (3, [])
    assert Dispatch.objects.get().lane == "bulk"


def test_a_large_segment_is_accepted_at_once_and_planned_once(api, app, active, people):
    segment = large(app, people)
    answers = [trigger(api, active, segment=segment.pk, key="k-9") for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    told = answers[0].json()
    assert (told["dispatch_id"], "planned" in told, Dispatch.objects.exists()) == (None, False, False)
    assert state_of(api, active, told)["state"] == "waiting"
    assert [plan_triggers(timezone.now()) for _ in range(2)] == [1, 0]
    after = state_of(api, active, told)
    assert (after["state"], after["planned"]["people"]) == ("planned", 3)
    assert after["dispatch_id"] == Dispatch.objects.get().pk
    assert Content.objects.get().facts == {"order": "17"}


def test_a_large_trigger_waits_for_the_end_of_a_pause_and_not_for_ever(api, app, active, people):
    told = trigger(api, active, segment=large(app, people).pk).json()
    lifecycle.pause(campaign=active, actor="mary", now=timezone.now())
    assert plan_triggers(timezone.now()) == 0
    lifecycle.resume(campaign=active, actor="mary", now=timezone.now())
    assert plan_triggers(timezone.now() + timedelta(days=2)) == 1
    assert [state_of(api, active, told)[word] for word in ("state", "code")] == ["refused", "trigger_expired"]


def test_a_large_trigger_of_a_cancelled_campaign_is_refused_with_the_reason(api, app, active, people):
    told = trigger(api, active, segment=large(app, people).pk).json()
    lifecycle.cancel(campaign=active, actor="mary", now=timezone.now())
    assert plan_triggers(timezone.now()) == 1
    assert [state_of(api, active, told)[word] for word in ("state", "code")] == ["refused", "campaign_inactive"]
    assert (Dispatch.objects.exists(), AuditEntry.objects.latest("id").action) == (False, "campaign.trigger_refused")


def test_a_large_trigger_above_the_limit_for_one_person_is_refused(api, app, active, people):
    app.approve_above = 1
    app.save()
    told = trigger(api, active, segment=large(app, people).pk).json()
    plan_triggers(timezone.now())
    assert state_of(api, active, told)["code"] == "approval_required"
    assert not Dispatch.objects.exists()


def test_a_large_segment_whose_rule_cannot_be_computed_is_refused(api, app, active):
    rule = {"match": "all", "rules": [{"field": "segment", "op": "in", "value": 0}]}
    unknown = make_segment(app, kind="dynamic", state="due", refreshed_at=None, rule=rule)
    told = trigger(api, active, segment=unknown.pk).json()
    assert plan_triggers(timezone.now()) == 1
    assert [state_of(api, active, told)[word] for word in ("state", "code")] == ["refused", "segment_broken"]


def test_a_large_segment_that_is_being_computed_is_waited_for(api, app, active, people):
    half_known = make_segment(app, people, kind="dynamic", state="refreshing", refreshed_at=None)
    itself = Segment.objects.filter(pk=half_known.pk)
    itself.update(leased_until=timezone.now() + timedelta(minutes=2))
    told = trigger(api, active, segment=half_known.pk).json()
    assert plan_triggers(timezone.now()) == 0
    itself.update(state="fresh", refreshed_at=timezone.now(), leased_until=None)
    assert plan_triggers(timezone.now()) == 1
    assert state_of(api, active, told)["planned"]["people"] == 3


def test_a_large_trigger_that_fails_holds_up_no_other_and_is_tried_again(api, app, active, people):
    told = trigger(api, active, segment=large(app, people).pk).json()
    sound = active.variants.get().texts
    active.variants.update(texts={"en": "of another version"})
    now = timezone.now()
    assert plan_triggers(now) == 0
    active.variants.update(texts=sound)
    assert [plan_triggers(now + wait) for wait in (RETRY_AFTER / 2, RETRY_AFTER)] == [0, 1]
    assert state_of(api, active, told)["state"] == "planned"


def large(app, people):
    """A list that says it has more members than a caller waits for."""
    segment = make_segment(app, people)
    Segment.objects.filter(pk=segment.pk).update(member_count=MOST_AT_ONCE + 1)
    return segment


def state_of(api, campaign, told):
    return api.get(f"/v2.1/campaigns/{campaign.pk}/triggers/{told['trigger_id']}").json()


def test_the_campaigns_own_rules_hold(api, app, people):
    app.cap_count, app.cap_days = 1, 7
    app.save()
    campaign = make_active(app)
    name = people[0].external_id
    said = [trigger(api, campaign, customers=[name]).json()["data"][0]["status"] for _ in range(2)]
    assert said == ["queued", "capped"]


def test_the_same_key_is_one_trigger_and_one_answer(api, active, people):
    names = [people[0].external_id]
    first = trigger(api, active, customers=names, key="k-1")
    lifecycle.cancel(campaign=active, actor="mary", now=timezone.now())
    second = trigger(api, active, customers=names, key="k-1")
    assert (second.status_code, second.content) == (202, first.content)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Dispatch.objects.count() == 1
    other = trigger(api, active, customers=["x"], key="k-1")
    assert (other.status_code, codes_of(other)) == (422, {"idempotency_key_reuse"})


def test_a_key_belongs_to_one_campaign(api, app, active, people):
    other, names = make_active(app), [people[0].external_id]
    trigger(api, active, customers=names, key="k-1")
    assert trigger(api, other, customers=names, key="k-1").status_code == 422


def test_what_takes_no_trigger_says_why(api, app, active, people):
    names = [people[0].external_id]
    lifecycle.pause(campaign=active, actor="mary", now=timezone.now())
    draft = make_ready_campaign(app, timing="api", api_facts=["order"], texts=TEXT)
    once = make_ready_campaign(app)
    answers = [trigger(api, one, customers=names) for one in (active, draft, once)]
    assert [codes_of(one) for one in answers] == [{"campaign_paused"}, {"campaign_inactive"}, {"not_by_api"}]
    assert {one.status_code for one in answers} == {409}
    assert not Dispatch.objects.exists()


def test_after_the_pause_it_goes_on_and_after_the_cancel_nothing_runs(api, active, people):
    names = [people[0].external_id]
    lifecycle.pause(campaign=active, actor="mary", now=timezone.now())
    lifecycle.resume(campaign=active, actor="mary", now=timezone.now())
    assert trigger(api, active, customers=names).status_code == 202
    lifecycle.cancel(campaign=active, actor="mary", now=timezone.now())
    assert Dispatch.objects.get().state == "cancelled"
    assert not Batch.objects.filter(state="waiting").exists()


def test_a_fact_that_no_text_can_do_without(api, active, people):
    answer = trigger(api, active, customers=[people[0].external_id], traits={})
    assert (answer.status_code, codes_of(answer)) == (422, {"missing_variables"})
    assert answer.json()["errors"][0]["pointer"] == "/traits/order"


def test_a_slip_of_the_pen_is_a_warning(api, active, people):
    answer = trigger(api, active, customers=[people[0].external_id], traits={"order": "1", "ordr": "1"}).json()
    assert [one["pointer"] for one in answer["warnings"]] == ["/traits/ordr"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "exactly_one_audience"),
        ({"customers": ["a"], "segment": 1}, 400, "exactly_one_audience"),
        ({"customers": []}, 400, "required"),
        ({"customers": ["a"] * 1001}, 413, "too_many_recipients"),
        ({"segment": 987654}, 404, "not_found"),
        ({"segment": "x"}, 400, "type"),
        ({"customers": ["a"], "wait": 1}, 400, "unknown_field"),
    ],
)
def test_bad_bodies(api, active, body, status, code):
    answer = trigger(api, active, **body)
    assert (answer.status_code, code in codes_of(answer) or answer.json()["code"] == code) == (status, True)


def test_too_many_people_need_a_campaign_that_somebody_approves(api, app, active, people):
    app.approve_above = 2
    app.save()
    segment = make_segment(app, people)
    answer = trigger(api, active, segment=segment.pk)
    assert (answer.status_code, codes_of(answer)) == (409, {"approval_required"})
    assert not Dispatch.objects.exists()


def test_a_test_key_reaches_no_phone_and_counts_in_no_report(app, active, people):
    answer = trigger(ApiCaller(make_key(app, kind="test")), active, customers=[people[0].external_id]).json()
    dispatch = Dispatch.objects.get(pk=answer["dispatch_id"])
    assert (dispatch.kind, Policy.from_json(dispatch.policy).is_test) == ("test", True)


def test_the_report_is_the_sum_of_all_triggers(api, active, people):
    for person in people:
        trigger(api, active, customers=[person.external_id])
    report = api.get(f"/v2.1/campaigns/{active.pk}/report").json()
    assert (report["state"], report["planned"]) == ("scheduled", {"people": 3, "devices": 3})
    assert [one["outcome"] for one in report["launches"]] == ["launched"] * 3


def test_activation_needs_no_segment_but_a_message(api, app):
    make_channel(app)
    campaign = make_ready_campaign(app, timing="api", texts=TEXT)
    campaign.include_segments.clear()
    answer = api.post(f"/v2.1/campaigns/{campaign.pk}/launch")
    assert (answer.status_code, codes_of(answer)) == (400, {"unknown_variable"})
    Campaign.objects.filter(pk=campaign.pk).update(api_facts=["order"])
    shown = api.post(f"/v2.1/campaigns/{campaign.pk}/launch").json()
    assert (shown["state"], shown["timing"], shown["scheduled_at"]) == ("scheduled", "api", None)


def test_a_dry_run_of_it_says_that_it_has_no_audience(api, active):
    answer = api.get(f"/v2.1/campaigns/{active.pk}/simulate")
    assert (answer.status_code, codes_of(answer)) == (409, {"audience_missing"})


def test_it_expires_counted_from_its_trigger(api, active, people):
    before = timezone.now()
    trigger(api, active, customers=[people[0].external_id])
    assert Dispatch.objects.get().expires_at >= before + timedelta(days=1)


def test_what_a_trigger_brought_is_forgotten_a_week_after_it_expired(api, active, people):
    now = timezone.now()
    trigger(api, active, customers=[people[0].external_id])
    kept = make_ready_campaign(active.app)
    lifecycle.launch_now(campaign=kept, version=1, actor="mary", now=now)
    assert purge_contents(now=now + timedelta(days=7)) == 0
    assert purge_contents(now=now + timedelta(days=9)) == 1
    assert Content.objects.get().dispatch.origin == kept.origin
