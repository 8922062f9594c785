"""Automations, written and activated by the real services."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Any

from apps.accounts.models import App
from apps.campaigns.models import Automation
from apps.campaigns.services.automations.lifecycle import StepDraft, activate, create_automation
from apps.customers.services.events import EventDraft, ingest_events
from apps.devices.models import Channel
from tests.factories.accounts import make_user
from tests.factories.people import NOW, make_channel

_numbers = count(1)

PUSH = StepDraft("push", {"texts": {"en": {"title": "Hello", "body": "Come and see."}}})


def wait(minutes: int = 60, until: str = "") -> StepDraft:
    return StepDraft("wait", {"minutes": minutes, "until": until})


def make_automation(app: App, *steps: StepDraft, **fields: Any) -> Automation:
    """A draft that may be activated: who put something into the cart gets a push, unless told otherwise."""
    if not Channel.objects.filter(app=app, gateway="fcm").exists():
        make_channel(app)
    values = {"name": f"automation {next(_numbers)}", "trigger_event": "cart_updated", **fields}
    return create_automation(app=app, author=make_user(app), now=NOW, steps=steps or [PUSH], **values)


def make_active(app: App, *steps: StepDraft, now: datetime = NOW, **fields: Any) -> Automation:
    return activate(automation=make_automation(app, *steps, **fields), version=1, actor="mary", now=now)


def did(app: App, customers: Sequence[str], name: str = "cart_updated", *, now: datetime = NOW) -> None:
    """These people do something, told through the door of events."""
    drafts = [EventDraft(customer=customer, name=name) for customer in customers]
    assert not ingest_events(app=app, drafts=drafts, now=now).problems
