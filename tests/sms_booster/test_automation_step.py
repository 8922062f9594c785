"""An SMS as a step of an automation: planned with the move, sent by the same road as the booster's."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.lifecycle import StepDraft, end
from apps.campaigns.services.automations.moving import move_due
from apps.campaigns.services.automations.readiness import automation_problems
from apps.customers.models import Customer, EventType, Topic
from apps.customers.services.events import EventDraft, ingest_events
from apps.deliveries.models import Delivery
from apps.deliveries.states import OUTCOMES
from apps.gateways.contract import Endpoints
from apps.sms_booster.models import SmsMessage
from apps.sms_booster.services.automation_step import SmsStep
from apps.sms_booster.services.send import Way, send_due
from apps.sms_booster.services.spare import spare
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_user
from tests.factories.automations import PUSH, did, make_active, make_automation, wait

pytestmark = pytest.mark.django_db
SAYS = StepDraft("sms", {"text": '{{ event.product | default: "It" }} waits'})
SMS = StepDraft("sms", {"text": 'Hi {{ first_name | default: "you" }}, your cart waits. STOP to end'})


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app, "sms")
    return app


def brought_in(app: App, *people: Customer) -> Automation:
    automation = make_active(app, SMS)
    did(app, [str(one.external_id) for one in people])
    take_arrivals(NOW)
    move_due(NOW)
    return automation


def test_who_agreed_gets_one_and_the_others_go_on_without(app: App) -> None:
    agreed = make_customer(app, phone="+48600100200", sms_consent=True)
    automation = brought_in(app, agreed, make_customer(app, phone="+48600100201"), make_customer(app, sms_consent=True))
    message = SmsMessage.objects.get()
    assert (message.customer_id, message.state) == (agreed.pk, "planned")
    assert message.body == "Hi Ada, your cart waits. STOP to end"
    assert message.source_name == automation.name
    assert list(automation.runs.values_list("state", flat=True)) == ["done"] * 3


def test_each_is_told_of_what_they_did_themselves(app: App) -> None:
    """As the last step, after a wait: what brought them in has been kept until then, and is forgotten with it."""
    automation = make_active(app, wait(60), SAYS)
    for number, product in enumerate(("Lamp", "Chair")):
        person = make_customer(app, phone=f"+4860010020{number}", sms_consent=True)
        draft = EventDraft(customer=str(person.external_id), name="cart_updated", properties={"product": product})
        ingest_events(app=app, drafts=[draft], now=NOW)
    take_arrivals(NOW)
    move_due(NOW)
    move_due(NOW + timedelta(hours=2))
    assert sorted(SmsMessage.objects.values_list("body", flat=True)) == ["Chair waits", "Lamp waits"]
    assert set(automation.runs.values_list("facts", flat=True)) == {None}


def test_the_card_shows_it_as_the_reader_would_get_it(app: App, client: Client) -> None:
    person = make_customer(app)
    draft = EventDraft(customer=str(person.external_id), name="cart_updated", properties={"product": "Lamp"})
    ingest_events(app=app, drafts=[draft], now=timezone.now())
    automation = make_automation(app, SAYS)
    client.force_login(make_user(app, role="marketer"))
    assert "Lamp waits" in client.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    sent = {"name": "Cart", "trigger": "event", "trigger_event": "cart_updated", "version": "1"}
    typed = {"s0-text": 'Hi {{ first_name | default: "you" }}', "preview_customer": person.external_id}
    address = f"/admin/campaigns/automation/{automation.pk}/save/"
    answer = client.post(address, {**sent, **typed}, headers={"HX-Request": "true"}).content.decode()
    assert ">Hi Ada</p>" in answer
    assert "As Ada" in answer


def test_two_people_with_one_phone_get_one(app: App) -> None:
    brought_in(app, *(make_customer(app, phone="+48600100200", sms_consent=True) for _twice in range(2)))
    assert SmsMessage.objects.count() == 1


def test_one_that_ended_sends_no_more(app: App) -> None:
    automation = brought_in(app, make_customer(app, phone="+48600100200", sms_consent=True))
    assert spare([SmsMessage.objects.get()], NOW) == set()
    end(automation=automation, actor="mary", now=NOW)
    spare([SmsMessage.objects.get()], NOW)
    assert (SmsMessage.objects.get().state, SmsMessage.objects.get().code) == ("spared", "stopped")


def test_an_opt_out_after_the_planning_holds(app: App) -> None:
    person = make_customer(app, phone="+48600100200", sms_consent=True)
    brought_in(app, person)
    Customer.objects.filter(pk=person.pk).update(sms_consent=False)
    spare([SmsMessage.objects.get()], NOW)
    assert SmsMessage.objects.get().code == "no_consent"


def test_the_hold_out_of_its_pushes_gets_no_sms_either(app: App) -> None:
    """Drawn alike: whom a push of the automation would leave out has no SMS, everybody else has one."""
    people = [make_customer(app, phone=f"+486001002{n:02}", sms_consent=True) for n in range(30)]
    automation = make_active(app, SMS, PUSH, holdout_percent=50)
    for one in people:
        make_device(one)
    did(app, [str(one.external_id) for one in people])
    take_arrivals(NOW)
    move_due(NOW)
    held_out = set(Delivery.objects.filter(outcome=OUTCOMES["excluded:holdout"]).values_list("customer_id", flat=True))
    told = set(SmsMessage.objects.filter(step__automation=automation).values_list("customer_id", flat=True))
    assert held_out
    assert told == {one.pk for one in people} - held_out


def test_leaving_the_topic_after_the_planning_holds(app: App) -> None:
    Topic.objects.create(app=app, key="offers", name="Offers")
    person = make_customer(app, phone="+48600100200", sms_consent=True, topics=["offers"])
    make_active(app, SMS, topic="offers")
    did(app, [str(person.external_id)])
    take_arrivals(NOW)
    move_due(NOW)
    assert spare([SmsMessage.objects.get()], NOW) == set()
    Customer.objects.filter(pk=person.pk).update(topics=[])
    spare([SmsMessage.objects.get()], NOW)
    assert SmsMessage.objects.get().code == "no_consent"


def test_it_waits_for_the_end_of_quiet_hours(app: App) -> None:
    """12:00 UTC is 14:00 in Warsaw, where the number is."""
    App.objects.update(quiet_from="13:00", quiet_until="15:00")
    brought_in(app, make_customer(app, phone="+48600100200", sms_consent=True))
    assert send_due(way=Way(Endpoints(), "http://127.0.0.1:1"), now=NOW) == 0
    message = SmsMessage.objects.get()
    assert (message.state, message.due_at) == ("planned", NOW + timedelta(hours=1))


def test_the_funnel_counts_its_people(app: App) -> None:
    automation = brought_in(app, make_customer(app, phone="+48600100200", sms_consent=True))
    SmsMessage.objects.update(state="delivered")
    numbers = SmsStep().numbers(step=automation.steps.get())
    assert [count for _label, count in numbers] == [1, 1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        ("{{ gone }}", "unknown_variable"),
        ("x" * 1601, "too_long"),
        ("{{ event.product }}", "missing_fallback"),
        ('{{ event.produkt | default: "it" }}', "unknown_variable"),
    ],
)
def test_what_is_wrong_with_its_text_is_said_before_the_start(text: str, code: str, app: App) -> None:
    EventType.objects.create(app=app, name="cart_updated", properties={"product": "text"})
    automation = make_automation(app, StepDraft("sms", {"text": text}))
    assert [one.code for one in automation_problems(automation) if one.pointer == "/steps/0/text"] == [code]


def test_without_a_provider_it_cannot_start() -> None:
    automation = make_automation(make_app(), SMS)
    assert "channel_missing" in [one.code for one in automation_problems(automation)]
