"""Campaigns that ran, with a booster behind them."""

from itertools import count
from typing import Any

from apps.accounts.models import App
from apps.campaigns.models import Campaign
from apps.customers.models import Customer
from apps.deliveries.models import Delivery, Dispatch, Receipt
from apps.deliveries.states import GATEWAY_NUMBERS, OUTCOMES, PLATFORM_NUMBERS, RECEIPT_TYPES
from apps.devices.models import Channel, Device
from apps.sms_booster.models import BoostRule
from tests.factories.campaigns import make_campaign
from tests.factories.deliveries import HELLO, make_dispatch
from tests.factories.people import NOW, make_channel, make_customer, make_device

_numbers = count(1)


def make_reachable(app: App, **fields: Any) -> Customer:
    """A customer who takes SMS, with a Polish mobile number of their own."""
    phone = f"+48500{next(_numbers):06}"
    return make_customer(app, **{"phone": phone, "sms_consent": True, **fields})


def make_boost(app: App, **fields: Any) -> BoostRule:
    """A finished campaign whose push was accepted for everybody of the app, with a rule that waits no more.

    Call it after making the people. `fields` are the rule's.
    """
    if not Channel.objects.filter(app=app, gateway="sms").exists():
        make_channel(app, "sms")
    dispatch = make_dispatch(app, contents=[HELLO])
    Dispatch.objects.filter(pk=dispatch.pk).update(state="done", finished_at=NOW)
    for device in Device.objects.filter(app=app):
        deliver(dispatch, device)
    campaign = make_campaign(app, state="finished", dispatch=dispatch, launched_at=NOW)
    return BoostRule.objects.create(
        campaign=campaign, **{"is_enabled": True, "wait_minutes": 60, "text": "Come back", **fields}
    )


def deliver(dispatch: Dispatch, device: Device, outcome: str = "accepted") -> None:
    """The ledger's row of one device, unless planning wrote one already."""
    Delivery.objects.get_or_create(
        planned_on=dispatch.planned_on,
        dispatch_id=dispatch.pk,
        customer_id=device.customer_id,
        device_id=device.pk,
        defaults={
            "app_id": dispatch.app_id,
            "outcome": OUTCOMES[outcome],
            "gateway": GATEWAY_NUMBERS[device.gateway],
            "platform": PLATFORM_NUMBERS[device.platform],
            "variant": 0,
            "attempt": 1,
            "language": "en",
            "code": "",
            "vendor_message_id": "",
            "recorded_at": NOW,
        },
    )


def receive(campaign: Campaign, customer: Customer, kind: str = "opened", **fields: Any) -> None:
    """A receipt from the customer's first device."""
    assert campaign.dispatch is not None
    Receipt.objects.create(
        planned_on=campaign.dispatch.planned_on,
        dispatch_id=campaign.dispatch_id,
        device_id=customer.devices.earliest("id").pk,
        type=RECEIPT_TYPES[kind],
        **{"at": NOW, "received_at": NOW, "action": "", **fields},
    )


def make_unopened(app: App, number: int = 1, **fields: Any) -> list[Customer]:
    """People who take SMS, each with a device."""
    people = [make_reachable(app, **fields) for _ in range(number)]
    for customer in people:
        make_device(customer)
    return people
