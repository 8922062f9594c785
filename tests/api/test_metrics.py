"""`/metrics`: figures of the database in Prometheus' form, for this machine or for who has a key."""

from datetime import timedelta
from math import inf

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from apps.api.metrics import exposition
from apps.api.webhooks.services.recording import count_results
from apps.api.webhooks.services.sending import Try
from apps.campaigns.services.automations.faults import stop_automation
from apps.campaigns.services.automations.lifecycle import resume
from apps.campaigns.services.launch_faults import forget_fault, note_failure
from apps.campaigns.services.lifecycle import schedule
from apps.deliveries.models import HourCount, Meter
from apps.deliveries.states import OUTCOMES, PLATFORM_NUMBERS
from tests.factories import NOW, make_app, make_customer, make_device, make_ready_campaign
from tests.factories.api import ApiCaller, make_key
from tests.factories.automations import make_active

pytestmark = pytest.mark.django_db


def samples(text):
    families = text_string_to_metric_families(text if isinstance(text, str) else text.decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def count(app, outcome, number):
    HourCount.objects.create(
        app=app,
        kind="campaign",
        measure=OUTCOMES[outcome],
        platform=PLATFORM_NUMBERS["android"],
        hour=NOW,
        count=number,
    )


def test_deliveries_and_retired_tokens_are_counted(app):
    count(app, "accepted", 5)
    make_device(make_customer(app), state="dead", retired_reason="UNREGISTERED")
    found = samples(exposition(NOW))
    assert found["heliograph_deliveries_total", "shop", "fcm", "accepted"] == 5
    assert found["heliograph_tokens_retired_total", "fcm", "UNREGISTERED"] == 1
    assert found["heliograph_queue_age_seconds", "urgent"] == 0


def test_every_name_is_the_contracts(app):
    names = {name for name, *_labels in samples(exposition(NOW + timedelta(days=1)))}
    assert names >= {
        "heliograph_queue_age_seconds",
        "heliograph_segment_refresh_seconds_sum",
        "heliograph_beat_heartbeat_age_seconds",
    }


def test_this_machine_needs_no_key_but_a_forwarded_request_does(app):
    assert Client().get("/metrics").status_code == 200
    assert Client(headers={"X-Forwarded-For": "127.0.0.1"}).get("/metrics").status_code == 401
    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics").status_code == 401


def test_a_key_sees_its_own_app(app, api):
    count(app, "accepted", 5)
    count(make_app(slug="other"), "accepted", 7)
    found = samples(api.get("/metrics").content.decode())
    assert {labels[0] for name, *labels in found if name == "heliograph_deliveries_total"} == {"shop"}


def test_a_key_needs_the_scope(app):
    assert ApiCaller(make_key(app, "push:send")).get("/metrics").status_code == 403


def test_what_workers_metered_is_a_histogram_and_a_counter(app):
    for bucket, value in ((0.1, 3), (1.0, 2), (inf, 1)):
        Meter.objects.create(name="gateway_seconds", label="fcm", bucket=bucket, value=value)
    Meter.objects.create(name="gateway_seconds_sum", label="fcm", value=42.5)
    Meter.objects.create(name="accept_to_gateway_seconds", label="urgent", bucket=0.05, value=4)
    Meter.objects.create(name="maybe_duplicate", value=7)
    found = samples(exposition(NOW))
    assert found["heliograph_gateway_seconds_bucket", "fcm", "0.5"] == 3
    assert found["heliograph_gateway_seconds_count", "fcm"] == 6
    assert found["heliograph_gateway_seconds_sum", "fcm"] == 42.5
    assert found["heliograph_accept_to_gateway_seconds_bucket", "urgent", "0.05"] == 4
    assert found["heliograph_maybe_duplicate_total",] == 7


def test_tries_of_webhooks_are_counted_by_what_came_of_them(app):
    count_results([Try("delivered", 200), Try("delivered", 204), Try("no_answer")])
    found = samples(exposition(NOW))
    assert found["heliograph_webhook_attempts_total", "delivered"] == 2
    assert found["heliograph_webhook_attempts_total", "no_answer"] == 1


def test_automations_that_an_error_stopped_are_told(app):
    stopped = make_active(app)
    stop_automation(automation_id=stopped.pk, reason="step 1: its segment is gone", now=NOW)
    assert samples(exposition(NOW))["heliograph_automations_stopped", "shop"] == 1
    resume(automation=stopped, actor="mary", now=NOW)
    assert ("heliograph_automations_stopped", "shop") not in samples(exposition(NOW))


def test_campaigns_whose_launch_fails_are_told(app):
    campaign = schedule(campaign=make_ready_campaign(app), version=1, actor="mary", now=NOW)
    note_failure(campaign_id=campaign.pk, error=ValueError(), lease_until=NOW, now=NOW)
    assert samples(exposition(NOW))["heliograph_launches_failing", "shop"] == 1
    forget_fault(campaign.pk)
    assert ("heliograph_launches_failing", "shop") not in samples(exposition(NOW))
