"""The broker stops, forgets, hangs or repeats itself: it only ever made things prompt."""

import json
import signal
import urllib.request
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

import pytest
from django.utils import timezone

from apps.campaigns.models import Campaign
from apps.deliveries.models import Dispatch
from config.celery import app as celery_app
from config.commands import web
from config.queues import LANES
from tests.factories import make_ready_campaign
from tests.factories.api import make_key
from tests.faults.house import House
from tests.faults.proxy import Proxy
from tests.faults.valkey import Valkey, broker_and_cache
from tests.house import free_port, standing_house, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_f12_a_scheduled_campaign_is_sent_and_ended_without_broker_or_beat(alone: House) -> None:
    """F12. Launch, send, fold and finish, each found by a worker that looks by itself."""
    campaign = make_ready_campaign(alone.app, people=30, state="scheduled", scheduled_at=timezone.now(), timing="at")
    alone.start_worker(*LANES)
    row = Campaign.objects.filter(id=campaign.id)
    alone.until(row.filter(state="finished").exists, seconds=40, what="finished")
    alone.check()
    assert alone.outcomes() == {"accepted": 30}


@pytest.mark.long
def test_f12_the_api_accepts_at_once_while_the_broker_answers_nobody(alone: House, valkey: Valkey) -> None:
    """F12. A request is committed before a worker is woken, and never waits for the waking."""
    alone.people(1)
    valkey.start()
    with Proxy(valkey.port) as proxy:
        proxy.hang()
        port = free_port()
        alone.use(**broker_and_cache(proxy.port))
        alone.start(*web("127.0.0.1", port)[1:])
        wait_for(lambda: answers(port), 30)
        begun = monotonic()
        statuses = [push(port, make_key(alone.app)) for _ in range(5)]
        assert statuses == [202] * 5
        assert monotonic() - begun < 5 * 1.0
        assert proxy.held_bytes > 0
    assert Dispatch.objects.count() == 5
    valkey.stop()
    alone.start_worker("urgent", "upkeep")
    alone.until(lambda: alone.recorded() == 5, seconds=40, what="sent without a wake-up")
    alone.until(lambda: not Dispatch.objects.filter(finished_at=None).exists(), seconds=20, what="done")
    alone.check()
    assert alone.outcomes() == {"accepted": 5}


@pytest.mark.long
def test_f12_a_broker_away_costs_a_campaign_nothing(alone: House, valkey: Valkey) -> None:
    """F12. In mid-campaign the broker goes for as long as it likes; the workers find their work."""
    valkey.start()
    alone.people(2400)
    dispatch = alone.launch(throttle_per_second=60)
    alone.start_worker(*LANES)
    alone.start_beat()
    alone.until(lambda: alone.arrived() > 100, seconds=60, what="under way")
    valkey.stop()
    alone.until_done(dispatch, seconds=150)
    assert alone.check() == 0
    assert alone.outcomes() == {"accepted": 2400}


@pytest.mark.long
def test_f10_a_broker_that_restarts_costs_nothing_and_is_found_again(alone: House, valkey: Valkey) -> None:
    """F10, and F11: this Valkey keeps nothing, so every wake-up in it is gone."""
    valkey.start()
    alone.people(900)
    dispatch = alone.launch(throttle_per_second=300)
    alone.start_worker(*LANES)
    alone.start_beat()
    alone.until(lambda: alone.arrived() > 100, seconds=60, what="under way")
    valkey.stop()
    assert Dispatch.objects.get().state == "sending"
    valkey.start()
    alone.until_done(dispatch, seconds=30)
    assert alone.check() == 0
    assert alone.outcomes() == {"accepted": 900}
    alone.until(lambda: valkey.has_heartbeats(*LANES), seconds=60, what="beating through the new broker")


@pytest.mark.long
def test_f11_a_broker_that_forgets_everything_loses_nobody(alone: House, valkey: Valkey) -> None:
    """F11. FLUSHALL while wake-ups wait for workers that are busy, three times."""
    valkey.start()
    alone.people(900)
    dispatch = alone.launch(throttle_per_second=100)
    worker = alone.start_worker(*LANES)
    alone.start_beat()
    for round_ in range(3):
        alone.until(lambda least=100 * round_: alone.arrived() > least, seconds=60, what="under way")
        worker.send_signal(signal.SIGSTOP)
        alone.until(lambda: len(valkey.waiting(*LANES)) >= 5, seconds=30, what="waiting")
        valkey.flush()
        worker.send_signal(signal.SIGCONT)
    alone.until_done(dispatch, seconds=60)
    alone.until(lambda: valkey.has_heartbeats(*LANES), seconds=60, what="beating again")
    alone.check()
    assert alone.outcomes() == {"accepted": 900}


@pytest.mark.long
def test_f14_a_message_given_out_again_sends_nobody_twice(alone: House, valkey: Valkey, tmp_path: Path) -> None:
    """F14. The wake-up's slot is longer than the broker's visibility_timeout, so others get it meanwhile."""
    valkey.start()
    log = tmp_path / "begun"
    alone.people(1200)
    for _ in range(2):
        alone.start("-m", "tests.faults.forgetful_worker", str(log), *alone.worker_arguments(*LANES))
    dispatch = alone.launch(throttle_per_second=60)
    with celery_app.connection_for_write(broker_and_cache(valkey.port)["CELERY_BROKER_URL"]) as broker:
        # Unlike ours this one does not expire: our own, given out again, are thrown away as too old.
        sent = celery_app.send_task("deliveries.send", args=["bulk"], queue="bulk", connection=broker)
    alone.until_done(dispatch, seconds=90)
    assert Counter(log.read_text().splitlines())[sent.id] > 1, "it did not come twice"
    assert alone.check() == 0
    assert alone.outcomes() == {"accepted": 1200}


@pytest.mark.long
def test_f15_workers_that_the_network_forgot_hear_again_within_two_minutes(valkey: Valkey) -> None:
    """F15. Their connections stand and say nothing more, while the broker is well for everybody else."""
    valkey.start()
    with Proxy(valkey.port) as proxy, standing_house(**broker_and_cache(proxy.port)) as up:
        sleep(95)  # a young process is given time
        before = {pid for pid, command in up.processes().items() if "--hostname" in command}
        assert proxy.strand() >= len(before) > 0
        valkey.flush()
        begun = monotonic()
        wait_for(lambda: valkey.has_heartbeats(*LANES), 120)
        wait_for(up.is_ready, 120 - (monotonic() - begun))
        assert proxy.held_bytes > 0


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def push(port: int, key: str) -> int:
    """The status of a push to the first person."""
    body = json.dumps({"customers": ["android1"], "title": "Hello", "body": "There is news."}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v2.1/push", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(answer.status)
