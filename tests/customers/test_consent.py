"""Consent is an append-only ledger, mirrored on the customer."""

from datetime import timedelta

import pytest

from apps.core.problems import InvalidInput
from apps.customers.models import Consent
from apps.customers.services.consent import record_consent
from tests.factories import NOW, make_app, make_customer

pytestmark = pytest.mark.django_db


def test_an_answer_is_logged_and_mirrored() -> None:
    anna, other = make_customer(make_app()), make_customer(make_app())
    stored = record_consent(
        customer_ids=[anna.pk], channel="sms", granted=True, source="admin", wording="By phone", now=NOW
    )
    anna.refresh_from_db()
    other.refresh_from_db()
    assert (stored, anna.sms_consent, anna.push_consent, other.sms_consent) == (1, True, None, None)


def test_every_answer_stays_in_the_ledger() -> None:
    anna = make_customer(make_app())
    for days, granted in enumerate([True, False, False]):
        record_consent(
            customer_ids=[anna.pk], channel="push", granted=granted, source="api", now=NOW + timedelta(days=days)
        )
    anna.refresh_from_db()
    assert anna.push_consent is False
    assert list(Consent.objects.order_by("id").values_list("granted", flat=True)) == [True, False, False]


def test_an_answer_to_a_topic_changes_the_topics_alone() -> None:
    anna = make_customer(make_app(), topics=["news", "offers"])
    record_consent(customer_ids=[anna.pk], channel="push", granted=False, topic="offers", source="preferences", now=NOW)
    record_consent(customer_ids=[anna.pk], channel="push", granted=True, topic="alerts", source="preferences", now=NOW)
    anna.refresh_from_db()
    assert (anna.topics, anna.push_consent) == (["alerts", "news"], None)


def test_the_erased_are_left_alone() -> None:
    gone = make_customer(make_app(), erased_at=NOW)
    assert record_consent(customer_ids=[gone.pk], channel="push", granted=True, source="api", now=NOW) == 0


def test_an_unknown_channel_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        record_consent(customer_ids=[], channel="fax", granted=True, source="api", now=NOW)
    assert [problem.code for problem in refusal.value.problems] == ["channel_unknown"]
