"""People enter automations by what they do, go through each step once, and leave when they should."""

from datetime import datetime, timedelta

import pytest
from django.db import connection

from apps.accounts.models import App
from apps.campaigns.models import Automation, AutomationRun, AutomationSend
from apps.campaigns.services.automations.entering import enter_joined, take_arrivals
from apps.campaigns.services.automations.lifecycle import StepDraft, end, pause, resume
from apps.campaigns.services.automations.moving import move_due
from apps.customers.models import Customer, EventArrival
from apps.customers.services.events import EventDraft, ingest_events
from apps.customers.services.merging import merge_customers
from apps.deliveries.models import Batch, Delivery, Dispatch
from apps.deliveries.services.stop import stop_sending
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Device
from apps.segments.models import SegmentMember
from tests.factories import NOW, make_app, make_customer, make_people, make_segment
from tests.factories.automations import PUSH, did, make_active, wait

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def app() -> App:
    return make_app()


def people(app: App, number: int = 1) -> list[str]:
    """Their external ids; each has a phone."""
    return [str(device.customer.external_id) for device in make_people(app, number)]


def tick(now: datetime = NOW) -> None:
    """What beat does."""
    take_arrivals(now)
    enter_joined(now)
    move_due(now)


def where(automation: Automation) -> list[tuple[str, int, str]]:
    """State, position and reason of every run, in the order of entering."""
    return list(automation.runs.order_by("id").values_list("state", "position", "reason"))


def sent_to(automation: Automation) -> list[int]:
    """Everybody who is in the plan of a message, each as often as they are."""
    batches = Batch.objects.filter(dispatch__in=automation.sends.values("dispatch"))
    return sorted(customer for batch in batches for customer in batch.customer_ids)


def test_an_event_brings_people_in_and_the_message_to_them(app: App) -> None:
    automation = make_active(app)
    did(app, people(app, 3))
    tick()
    assert where(automation) == [("done", 1, "")] * 3
    assert len(sent_to(automation)) == 3
    dispatch = automation.sends.get().dispatch
    assert (dispatch.kind, dispatch.origin) == ("automation", f"automation:{automation.pk}:1")


def test_a_wait_ends_at_its_full_minute(app: App) -> None:
    automation = make_active(app, wait(60), PUSH)
    did(app, people(app))
    tick(NOW + timedelta(seconds=5))
    tick(NOW + HOUR + timedelta(seconds=59))
    assert where(automation) == [("inside", 0, "")]
    tick(NOW + HOUR + timedelta(minutes=1))
    assert where(automation) == [("done", 2, "")]


def test_a_wait_until_an_hour_ends_on_each_persons_clock(app: App) -> None:
    automation = make_active(app, wait(0, "18:00"), PUSH)
    for zone in ("Asia/Tokyo", "America/New_York"):
        (device,) = make_people(app, 1)
        Customer.objects.filter(pk=device.customer_id).update(time_zone=zone)
        did(app, [str(device.customer.external_id)])
    tick()
    due = [f"{run.due_at:%d %H:%M}" for run in automation.runs.order_by("id")]
    assert due == ["02 09:00", "01 22:00"]


def test_an_exit_event_takes_people_out_before_the_message(app: App) -> None:
    automation = make_active(app, wait(60), PUSH, exit_events=["purchase"])
    one, two = people(app, 2)
    did(app, [one, two])
    tick()
    did(app, [one], "purchase", now=NOW + HOUR)
    tick(NOW + 2 * HOUR)
    assert where(automation) == [("left", 0, "event:purchase"), ("done", 2, "")]
    assert len(sent_to(automation)) == 1


def test_an_exit_that_nobody_has_read_yet_already_holds_a_person_back(app: App) -> None:
    automation = make_active(app, wait(60), PUSH, exit_events=["purchase"])
    (one,) = people(app)
    did(app, [one])
    tick()
    did(app, [one], "purchase")
    move_due(NOW + 2 * HOUR)
    assert where(automation) == [("inside", 0, "")]
    assert not AutomationSend.objects.exists()


def test_entering_and_leaving_at_once_is_told_apart_by_their_order(app: App) -> None:
    automation = make_active(app, exit_events=["purchase"])
    bought, came_back = people(app, 2)
    drafts = [(bought, "cart_updated"), (bought, "purchase"), (came_back, "purchase"), (came_back, "cart_updated")]
    ingest_events(app=app, drafts=[EventDraft(customer=who, name=name) for who, name in drafts], now=NOW)
    tick()
    assert sorted(where(automation)) == [("done", 1, ""), ("left", -1, "event:purchase")]


def test_an_event_told_late_counts_when_it_arrives(app: App) -> None:
    automation = make_active(app)
    draft = EventDraft(customer=people(app)[0], name="cart_updated", occurred_at=NOW - timedelta(days=300))
    ingest_events(app=app, drafts=[draft], now=NOW)
    tick()
    assert where(automation) == [("done", 1, "")]


def test_what_happened_before_the_activation_or_elsewhere_brings_nobody_in(app: App) -> None:
    did(app, people(app))
    other = make_app()
    automation = make_active(app)
    did(other, people(other))
    did(app, people(app), "looked")
    tick()
    assert where(automation) == []


@pytest.mark.parametrize(
    ("reentry", "after_days", "entries"),
    [("never", 100, 1), ("after", 20, 1), ("after", 31, 2), ("always", 0, 2)],
)
def test_reentry(app: App, reentry: str, after_days: int, entries: int) -> None:
    automation = make_active(app, reentry=reentry, reentry_days=30)
    (one,) = people(app)
    did(app, [one])
    tick()
    did(app, [one])
    tick(NOW + timedelta(days=after_days))
    assert len(where(automation)) == entries == len(sent_to(automation))


def test_nobody_enters_twice_at_once(app: App) -> None:
    automation = make_active(app, wait(60), PUSH, reentry="always")
    (one,) = people(app)
    for _again in range(3):
        did(app, [one, one])
        tick()
    assert where(automation) == [("inside", 0, "")]


def test_joining_a_segment_brings_people_in(app: App) -> None:
    members = [device.customer for device in make_people(app, 2)]
    segment = make_segment(app, members[:1])
    later = NOW + HOUR
    automation = make_active(app, trigger="segment", trigger_segment=segment, now=later)
    tick(later)
    SegmentMember.objects.create(segment=segment, customer=members[1], joined_at=later)
    tick(later + timedelta(minutes=1))
    tick(later + timedelta(minutes=2))
    assert sent_to(automation) == [members[1].pk]


def test_those_who_are_in_the_segment_already_enter_where_wanted(app: App) -> None:
    member = make_people(app, 1)[0].customer
    segment = make_segment(app, [member])
    automation = make_active(
        app, trigger="segment", trigger_segment=segment, takes_present=True, now=NOW + timedelta(days=9)
    )
    tick(NOW + timedelta(days=9))
    assert sent_to(automation) == [member.pk]


def condition(otherwise: str) -> StepDraft:
    language = {"field": "language", "op": "is", "value": "pl"}
    return StepDraft(
        "condition", {"ask": "rule", "rule": {"match": "all", "rules": [language]}, "otherwise": otherwise}
    )


def test_who_is_not_meant_by_a_condition_leaves(app: App) -> None:
    automation = make_active(app, condition("leave"), PUSH)
    one, two = make_people(app, 2)
    Customer.objects.filter(pk=one.customer_id).update(language="pl")
    did(app, [str(one.customer.external_id), str(two.customer.external_id)])
    tick()
    assert sorted(where(automation)) == [("done", 2, ""), ("left", 0, "condition")]
    assert sent_to(automation) == [one.customer_id]


def test_or_skips_the_next_step(app: App) -> None:
    automation = make_active(app, condition("skip"), PUSH, PUSH)
    did(app, people(app))
    tick()
    assert where(automation) == [("done", 3, "")]
    assert [send.position for send in automation.sends.all()] == [2]


def opened(automation: Automation, device: Device) -> None:
    """They got the last message of the automation on this device, and opened it."""
    dispatch = automation.sends.latest("number").dispatch
    common = {"planned_on": dispatch.planned_on, "dispatch_id": dispatch.pk, "device_id": device.pk}
    Delivery.objects.create(
        **common, customer_id=device.customer_id, app_id=dispatch.app_id, outcome=OUTCOMES["accepted"], gateway=1,
        platform=1, variant=0, attempt=1, language="", code="", vendor_message_id="", recorded_at=NOW,
    )  # fmt: skip
    receipt = "insert into deliveries_receipt (planned_on, dispatch_id, device_id, type, at, received_at, action)"
    with connection.cursor() as cursor:
        values = [dispatch.planned_on, dispatch.pk, device.pk, NOW, NOW]
        cursor.execute(f"{receipt} values (%s, %s, %s, 3, %s, %s, '')", values)


ASKS_WHO_OPENED = (PUSH, wait(60), StepDraft("condition", {"ask": "opened"}), PUSH)


def test_who_opened_the_message_before_goes_on(app: App) -> None:
    automation = make_active(app, *ASKS_WHO_OPENED)
    one, two = make_people(app, 2)
    did(app, [str(one.customer.external_id), str(two.customer.external_id)])
    tick()
    opened(automation, one)
    tick(NOW + 2 * HOUR)
    assert sorted(where(automation)) == [("done", 4, ""), ("left", 2, "condition")]


def test_what_they_opened_the_time_before_does_not_count(app: App) -> None:
    automation = make_active(app, *ASKS_WHO_OPENED, reentry="always")
    (one,) = make_people(app, 1)
    for begin in (NOW, NOW + 3 * HOUR):
        did(app, [str(one.customer.external_id)], now=begin)
        tick(begin)
        if begin == NOW:
            opened(automation, one)
        tick(begin + 2 * HOUR)
    assert where(automation) == [("done", 4, ""), ("left", 2, "condition")]


def test_what_was_opened_before_a_log_in_counts_for_the_person(app: App) -> None:
    automation = make_active(app, *ASKS_WHO_OPENED)
    (one,) = make_people(app, 1)
    did(app, [str(one.customer.external_id)])
    tick()
    opened(automation, one)
    Customer.objects.filter(pk=one.customer_id).update(external_id=None)
    merge_customers(customer=one.customer, into=make_customer(app), actor="mary", now=NOW)
    tick(NOW + 2 * HOUR)
    assert where(automation) == [("done", 4, "")]


def test_one_that_fails_holds_up_no_other(app: App) -> None:
    broken, fine = make_active(app, PUSH, trigger_event="order_placed"), make_active(app)
    broken.steps.update(settings={"texts": "of another version"})
    (name,) = people(app)
    did(app, [name], "order_placed")
    did(app, [name])
    tick()
    assert (where(broken), where(fine)) == ([("inside", 0, "")], [("done", 1, "")])


def test_an_exit_counts_whatever_number_the_membership_had(app: App) -> None:
    segment = make_segment(app)
    automation = make_active(
        app, wait(60), PUSH, trigger="segment", trigger_segment=segment, trigger_event="", exit_events=["order_placed"]
    )
    (name,) = people(app)
    values = {"source_id": 10**9, "position": 0, "due_at": NOW + HOUR, "entered_at": NOW}
    AutomationRun.objects.create(automation=automation, customer=Customer.objects.get(external_id=name), **values)
    did(app, [name], "order_placed")
    take_arrivals(NOW)
    assert where(automation) == [("left", 0, "event:order_placed")]


def test_a_condition_that_cannot_be_asked_any_more_pauses_the_automation(app: App) -> None:
    automation = make_active(app, condition("leave"), PUSH)
    step = automation.steps.get(position=0)
    step.settings["rule"]["rules"][0]["field"] = "trait.gone"
    step.save()
    did(app, people(app))
    tick()
    automation.refresh_from_db()
    assert automation.state == "paused"
    assert "step 1" in automation.paused_reason
    assert where(automation) == [("inside", 0, "")]


def test_quiet_hours_hold_people_before_the_message_where_an_exit_still_finds_them(app: App) -> None:
    app.quiet_from, app.quiet_until, app.time_zone = "11:00", "15:00", "UTC"
    app.save()
    automation = make_active(app, exit_events=["purchase"])
    stays, buys = people(app, 2)
    did(app, [stays, buys])
    tick()
    assert where(automation) == [("inside", 0, "")] * 2
    did(app, [buys], "purchase", now=NOW + HOUR)
    tick(NOW + 3 * HOUR)
    assert sorted(where(automation)) == [("done", 1, ""), ("left", 0, "event:purchase")]


def test_who_did_the_goal_counts_once(app: App) -> None:
    automation = make_active(app, goal_event="purchase", goal_days=7)
    in_time, too_late = people(app, 2)
    did(app, [in_time, too_late])
    tick()
    did(app, [in_time, in_time], "purchase")
    tick(NOW + HOUR)
    did(app, [too_late], "purchase")
    tick(NOW + timedelta(days=8))
    assert automation.runs.exclude(goal_at=None).count() == 1


def test_paused_nobody_enters_or_moves_but_exits_count(app: App) -> None:
    automation = make_active(app, wait(60), PUSH, exit_events=["purchase"])
    waits, buys, new = people(app, 3)
    did(app, [waits, buys])
    tick()
    pause(automation=automation, actor="mary", now=NOW)
    did(app, [new])
    did(app, [buys], "purchase")
    tick(NOW + 2 * HOUR)
    assert where(automation) == [("inside", 0, ""), ("left", 0, "event:purchase")]
    resume(automation=automation, actor="mary", now=NOW + 2 * HOUR)
    tick(NOW + 2 * HOUR)
    assert where(automation)[0] == ("done", 2, "")


def test_pausing_stops_what_is_on_its_way_and_ending_cancels_it(app: App) -> None:
    automation = make_active(app, PUSH, wait(60), PUSH)
    did(app, people(app))
    tick()
    pause(automation=automation, actor="mary", now=NOW)
    assert Dispatch.objects.get().state == "paused"
    end(automation=automation, actor="mary", now=NOW)
    assert Dispatch.objects.get().state == "cancelled"
    assert where(automation) == [("left", 1, "ended")]


def test_events_that_nobody_waits_for_leave_no_arrival(app: App) -> None:
    automation = make_active(app)
    did(app, people(app), "looked")
    assert not EventArrival.objects.exists()
    end(automation=automation, actor="mary", now=NOW)
    did(app, people(app))
    assert not EventArrival.objects.exists()


def test_the_emergency_stop_holds_people_before_the_message(app: App) -> None:
    automation = make_active(app)
    stop_sending(scope="marketing", reason="wrong price", actor="mary", now=NOW)
    did(app, people(app))
    tick()
    assert where(automation) == [("inside", 0, "")]


def test_people_without_consent_are_left_out_with_the_reason(app: App) -> None:
    automation = make_active(app)
    (device,) = make_people(app, 1)
    Customer.objects.filter(pk=device.customer_id).update(push_consent=False)
    did(app, [str(device.customer.external_id)])
    tick()
    assert Delivery.objects.get().outcome == OUTCOMES["excluded:no_consent"]
    assert where(automation) == [("done", 1, "")]


def test_someone_merged_meanwhile_enters_as_the_person_they_are_now(app: App) -> None:
    automation = make_active(app)
    half, kept = make_people(app, 2)
    did(app, [str(half.customer.external_id)])
    Customer.objects.filter(pk=half.customer_id).update(merged_into=kept.customer_id, merged_at=NOW)
    tick()
    assert sent_to(automation) == [kept.customer_id]


def test_the_erased_do_not_enter(app: App) -> None:
    make_active(app)
    gone, stays = (make_customer(app), make_customer(app))
    did(app, [str(gone.external_id), str(stays.external_id)])
    Customer.objects.filter(pk=gone.pk).update(erased_at=NOW, external_id=None, erased_key=b"1" * 32)
    tick()
    assert AutomationRun.objects.get().customer_id == stays.pk


def test_of_two_rows_that_become_one_person_one_stays_inside(app: App) -> None:
    automation = make_active(app, wait(60), PUSH)
    half, kept = make_customer(app, external_id=None), make_customer(app)
    for place, one in enumerate((half, kept)):
        values = {"source_id": place, "due_at": NOW, "entered_at": NOW}
        AutomationRun.objects.create(automation=automation, customer=one, position=0, **values)
    merge_customers(customer=half, into=kept, actor="mary", now=NOW)
    assert where(automation) == [("left", 0, "merged"), ("inside", 0, "")]
    assert {run.customer_id for run in automation.runs.all()} == {kept.pk}


def test_a_cap_counts_pushes_of_automations_and_holds_them_back(app: App) -> None:
    app.cap_count, app.cap_days = 1, 7
    app.save()
    automation = make_active(app, PUSH, PUSH)
    did(app, people(app))
    tick()
    assert len(sent_to(automation)) == 1
    assert Delivery.objects.get().outcome == OUTCOMES["excluded:capped"]
