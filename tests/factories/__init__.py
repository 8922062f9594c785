"""Rows for tests: plain functions, one per noun, each with sensible defaults and keyword overrides."""

from tests.factories.accounts import make_app, make_user
from tests.factories.campaigns import make_campaign, make_counted_dispatch, make_ready_campaign
from tests.factories.deliveries import HELLO, everybody, make_dispatch, make_plan, wait_for_feed
from tests.factories.people import (
    NOW,
    make_channel,
    make_crowd,
    make_crowd_with_phones,
    make_customer,
    make_device,
    make_event,
    make_people,
    make_segment,
)

__all__ = [
    "HELLO",
    "NOW",
    "everybody",
    "make_app",
    "make_campaign",
    "make_channel",
    "make_counted_dispatch",
    "make_crowd",
    "make_crowd_with_phones",
    "make_customer",
    "make_device",
    "make_dispatch",
    "make_event",
    "make_people",
    "make_plan",
    "make_ready_campaign",
    "make_segment",
    "make_user",
    "wait_for_feed",
]
