"""Messages of an automation speak of the event that brought people in: known, with a fallback, to the right person."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import App
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.entering import take_arrivals
from apps.campaigns.services.automations.event_words import sample_facts, variables_of
from apps.campaigns.services.automations.lifecycle import StepDraft
from apps.campaigns.services.automations.moving import move_due
from apps.campaigns.services.automations.readiness import automation_problems
from apps.customers.models import EventType
from apps.customers.services.erasure import erase_customer
from apps.customers.services.events import EventDraft, ingest_events
from apps.deliveries.models import Dispatch, PersonalFacts
from apps.deliveries.services.contents import texts_of
from apps.devices.models import PairedDevice
from apps.devices.services.pairing import pair_device
from tests.factories import NOW, make_app, make_people, make_user
from tests.factories.automations import PUSH, make_active, make_automation, wait

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    app = make_app()
    EventType.objects.create(app=app, name="cart_updated", properties={"product": "text", "gift wrap": "boolean"})
    return app


def push(title: str) -> StepDraft:
    return StepDraft("push", {"texts": {"en": {"title": title, "body": "Come and see."}}})


SAYS = push('Still want {{ event.product | default: "it" }}?')


def put_into_cart(app: App, who: str, product: str, now: Any = NOW) -> None:
    draft = EventDraft(customer=who, name="cart_updated", properties={"product": product})
    assert not ingest_events(app=app, drafts=[draft], now=now).problems


def names(app: App, number: int) -> list[str]:
    return [str(device.customer.external_id) for device in make_people(app, number)]


def codes(automation: Automation) -> list[str]:
    return [problem.code for problem in automation_problems(automation)]


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ('{{ event.product | default: "it" }}', []),
        ('{{ event["gift wrap"] | default: "no" }}', []),
        ("{% if event.product %}Yours{% else %}Ours{% endif %}", []),
        ("{{ event.product }}", ["missing_fallback"]),
        ('{{ event.produkt | default: "it" }}', ["unknown_variable"]),
        ('{{ event | default: "it" }}', ["unknown_variable"]),
        ('{{ event.product.name | default: "it" }}', ["unknown_variable"]),
    ],
)
def test_a_text_asks_for_what_the_event_has_with_a_fallback(app: App, title: str, found: list[str]) -> None:
    assert codes(make_automation(app, push(title))) == found


def test_of_an_event_never_seen_any_property_will_do(app: App) -> None:
    assert codes(make_automation(app, SAYS, trigger_event="never_seen")) == []


def test_who_joined_a_segment_did_nothing_that_could_be_told(app: App) -> None:
    found = automation_problems(make_automation(app, SAYS, trigger="segment", trigger_event=""))
    assert "/steps/0/texts/en/title" in [problem.pointer for problem in found]


def test_the_menu_offers_what_has_a_plain_name(app: App) -> None:
    assert [name for name in variables_of(make_automation(app)) if "." in name] == ["event.product"]


def test_each_person_is_told_of_their_own_event(app: App) -> None:
    automation = make_active(app, wait(60), SAYS)
    one, two = names(app, 2)
    put_into_cart(app, one, "Lamp")
    put_into_cart(app, two, "Chair")
    take_arrivals(NOW)
    move_due(NOW)
    assert sorted(run.facts["product"] for run in automation.runs.all()) == ["Chair", "Lamp"]
    move_due(NOW + timedelta(hours=2))
    told = {facts.customer_id: facts.facts for facts in PersonalFacts.objects.all()}
    assert sorted(facts["event"]["product"] for facts in told.values()) == ["Chair", "Lamp"]
    assert set(automation.runs.values_list("facts", flat=True)) == {None}
    assert Dispatch.objects.get().policy["has_personal_facts"] is True


@pytest.mark.parametrize(("reentry", "product"), [("never", "Lamp"), ("always", "Chair")])
def test_of_two_events_at_once_the_one_that_counts_is_told(app: App, reentry: str, product: str) -> None:
    automation = make_active(app, wait(60), SAYS, reentry=reentry)
    (one,) = names(app, 1)
    put_into_cart(app, one, "Lamp")
    put_into_cart(app, one, "Chair")
    take_arrivals(NOW)
    assert automation.runs.get().facts == {"product": product}


def test_nothing_is_copied_where_no_text_says_it(app: App) -> None:
    automation = make_active(app, PUSH)
    put_into_cart(app, names(app, 1)[0], "Lamp")
    take_arrivals(NOW)
    move_due(NOW)
    assert (automation.runs.get().facts, PersonalFacts.objects.count()) == (None, 0)


def test_what_they_did_goes_with_the_erased(app: App) -> None:
    automation = make_active(app, wait(60), SAYS)
    (one,) = names(app, 1)
    put_into_cart(app, one, "Lamp")
    take_arrivals(NOW)
    erase_customer(app=app, external_id=one, actor="owner", now=NOW)
    assert automation.runs.get().facts is None


def test_the_preview_shows_the_newest_real_event_or_the_readers_own(app: App, client: Client) -> None:
    automation = make_automation(app, SAYS)
    one, two = names(app, 2)
    now = timezone.now()
    put_into_cart(app, one, "Lamp", now - timedelta(days=2))
    put_into_cart(app, two, "Chair", now - timedelta(days=1))
    assert sample_facts(automation, None, now) == {"event": {"product": "Chair"}}
    client.force_login(make_user(app, role="marketer"))
    page = client.get(f"/admin/campaigns/automation/{automation.pk}/change/").content.decode()
    assert "Still want Chair?" in page
    sent = {"name": "Cart", "trigger": "event", "trigger_event": "cart_updated", "version": "1"}
    typed = {f"text-en-{name}": text for name, text in SAYS.settings["texts"]["en"].items()}
    address = f"/admin/campaigns/automation/{automation.pk}/save/"
    answer = client.post(address, {**sent, **typed, "preview_customer": one}, headers={"HX-Request": "true"})
    assert "Still want Lamp?" in answer.content.decode()


@pytest.fixture
def phone(app: App) -> PairedDevice:
    return pair_device(device=make_people(app, 1)[0], name="Mine", user=None, now=NOW)


def title_sent() -> str:
    dispatch = Dispatch.objects.get(kind="test")
    (text,) = texts_of([dispatch.pk]).values()
    return text.bodies[0, ""].render(text.facts).title


def test_a_step_is_tried_on_a_test_device(app: App, phone: PairedDevice, client: Client) -> None:
    automation = make_automation(app, wait(60), SAYS)
    put_into_cart(app, names(app, 1)[0], "Lamp", timezone.now())
    client.force_login(make_user(app, role="marketer"))
    address = f"/admin/campaigns/automation/{automation.pk}/"
    dialog = client.get(f"{address}trial/?step=1").content.decode()
    assert 'name="step" value="1"' in dialog
    answer = client.post(f"{address}trial-send/", {"step": "1", "on": [phone.pk]}).content.decode()
    assert f"{address}trial-result/?dispatch=" in answer
    assert title_sent() == "Still want Lamp?"
    assert client.post(f"{address}trial-send/", {"step": "0", "on": [phone.pk]}).status_code == 404


def test_only_who_may_try_campaigns_may_try_a_step(app: App, phone: PairedDevice, client: Client) -> None:
    automation = make_automation(app, SAYS)
    client.force_login(make_user(app, role="analyst"))
    answer = client.post(f"/admin/campaigns/automation/{automation.pk}/trial-send/", {"step": "0", "on": [phone.pk]})
    assert answer.status_code == 403
