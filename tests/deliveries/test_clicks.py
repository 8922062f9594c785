"""Counted links: browsers get them where a campaign asks for it, and they lead where the frozen content says."""

from typing import Any

import pytest
from django.conf import settings

from apps.accounts.models import App
from apps.customers.models import Customer
from apps.customers.services.merging import merge_customers
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.models import Content, Receipt
from apps.deliveries.services.clicks import follow_link
from apps.deliveries.services.plan import ContentDraft
from apps.devices.models import Device
from tests.deliveries.conftest import Worker
from tests.deliveries.phones import Phones
from tests.factories import NOW, make_app, make_channel, make_customer, make_device, make_dispatch

pytestmark = pytest.mark.django_db(transaction=True)

SHOP = "https://shop.example/{{ city }}?a=1#top"


@pytest.fixture
def app() -> App:
    app = make_app()
    make_channel(app)
    make_channel(app, gateway="webpush")
    return app


def browser(customer: Customer) -> Device:
    return make_device(customer, gateway="webpush")


def text(link: str = SHOP, **more: Any) -> ContentDraft:
    return ContentDraft(0, "", {"title": "t", "body": "b", "link": link, "counts_clicks": True, **more})


def sent_id(app: App, phones: Phones, run_lane: Worker, content: ContentDraft) -> str:
    make_dispatch(app, contents=[content])
    run_lane()
    return phones.inbox[-1].notification_id


def follow(delivery_id: str) -> str:
    return follow_link(delivery_id=delivery_id, is_person=True, now=NOW)


def test_a_browser_gets_the_counted_link_and_an_app_its_own(app: App, phones: Phones, run_lane: Worker) -> None:
    ada = make_customer(app, traits={"city": "Ulm"})
    browser(ada)
    make_device(ada)
    make_dispatch(app, contents=[text()])
    run_lane()
    web, fcm = sorted(phones.inbox, key=lambda message: message.content.link)
    assert web.content.link == f"{settings.PUBLIC_URL}/c/{web.notification_id}"
    assert fcm.content.link == "https://shop.example/Ulm?a=1#top"


def test_without_the_switch_a_browser_gets_the_link_itself(app: App, phones: Phones, run_lane: Worker) -> None:
    browser(make_customer(app, traits={"city": "Ulm"}))
    delivery_id = sent_id(app, phones, run_lane, text(counts_clicks=False))
    assert phones.inbox[0].content.link == "https://shop.example/Ulm?a=1#top"
    assert follow(delivery_id) == ""


def test_it_leads_to_the_persons_own_page_and_counts_once(app: App, phones: Phones, run_lane: Worker) -> None:
    browser(make_customer(app, traits={"city": "Ulm"}))
    delivery_id = sent_id(app, phones, run_lane, text(link_tags={"utm_source": "x"}))
    assert {follow(delivery_id), follow(delivery_id)} == {"https://shop.example/Ulm?a=1&utm_source=x#top"}
    assert sorted(Receipt.objects.values_list("type", flat=True)) == [3, 4]


def test_the_sealed_address_stands_open_in_a_text_and_its_link(app: App, phones: Phones, run_lane: Worker) -> None:
    browser(make_customer(app, email="ada@example.com"))
    delivery_id = sent_id(app, phones, run_lane, text("https://shop.example/{{ email }}", body="For {{ email }}"))
    assert phones.inbox[0].content.body == "For ada@example.com"
    assert "/ada" in follow(delivery_id)


def test_it_works_before_the_ledger_knows(app: App) -> None:
    device = browser(make_customer(app, traits={"city": "Ulm"}))
    dispatch = make_dispatch(app, contents=[text()])
    early = make_delivery_id(planned_on=NOW.date(), dispatch_id=dispatch.pk, device_id=device.pk)
    assert follow(early) == "https://shop.example/Ulm?a=1#top"


def test_it_works_after_a_merge(app: App, phones: Phones, run_lane: Worker) -> None:
    half, kept = make_customer(app, external_id=None, traits={"city": "Ulm"}), make_customer(app, traits={})
    browser(half)
    delivery_id = sent_id(app, phones, run_lane, text())
    merge_customers(customer=half, into=kept, actor="mia", now=NOW)
    assert follow(delivery_id) == "https://shop.example/Ulm?a=1#top"


def test_who_got_the_device_later_is_not_told_of(app: App, phones: Phones, run_lane: Worker) -> None:
    device = browser(make_customer(app, traits={"city": "Ulm"}))
    personal = sent_id(app, phones, run_lane, text())
    common = sent_id(app, phones, run_lane, text("https://shop.example/"))
    Device.objects.filter(pk=device.pk).update(customer=make_customer(app, traits={"city": "Bonn"}))
    assert (follow(personal), follow(common)) == ("", "https://shop.example/")


def test_a_purged_text_leads_nowhere(app: App, phones: Phones, run_lane: Worker) -> None:
    browser(make_customer(app))
    delivery_id = sent_id(app, phones, run_lane, text("https://shop.example/"))
    Content.objects.all().delete()
    assert follow(delivery_id) == ""
    assert not Receipt.objects.exists()
