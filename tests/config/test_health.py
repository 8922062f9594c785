"""The two health pages without a house around them: no worker, no beat."""

import time

import pytest
from django.core.cache import cache
from django.test import Client

from config import heartbeat
from config.queues import LANES


def test_healthz_answers_without_the_database(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_is_only_read_refuses_other_methods_in_json(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert (answer.headers["Content-Type"], answer.json()["code"]) == ("application/problem+json", "method_not_allowed")


@pytest.mark.django_db
def test_readyz_says_who_is_missing(client: Client) -> None:
    cache.clear()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert (checks["database"], checks["migrations"], checks["broker"]) == ("ok", "ok", "ok")
    assert checks["beat"] == checks["worker_urgent"] == "no heartbeat"


@pytest.mark.django_db
def test_readyz_is_ready_when_every_lane_beats(client: Client) -> None:
    for lane in LANES:
        heartbeat.heartbeat(lane)
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_a_silent_lane_is_named(client: Client) -> None:
    cache.clear()
    for lane in LANES[1:]:
        heartbeat.heartbeat(lane)
    checks = client.get("/readyz").json()["checks"]
    assert [name for name, outcome in checks.items() if outcome != "ok"] == [f"worker_{LANES[0]}"]


def test_an_old_heartbeat_has_its_age() -> None:
    cache.clear()
    heartbeat.heartbeat(LANES[0])
    ages = heartbeat.ages(now=time.time() + 100)
    assert 99 < (ages[LANES[0]] or 0) < 300
    assert ages[LANES[1]] is None


def test_the_bare_address_leads_to_the_console(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
