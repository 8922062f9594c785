"""Requests that come together share a transaction: each keeps its own verdict, record and answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from apps.api.models import IdempotencyRecord
from apps.api.services import pushes
from apps.deliveries.models import Batch, Content, Dispatch
from tests.factories import make_customer, make_device, make_people
from tests.factories.api import ApiCaller, codes_of

pytestmark = pytest.mark.django_db(transaction=True)
PUSH = "/v2.1/push"
TEXTS = {"title": "Your code", "body": "123456"}


def sent_together(api: ApiCaller, requests: list[tuple[Any, dict[str, str]]]) -> list[Any]:
    """Their answers. The first request's group is kept waiting by a lock until all others stand in the queue."""
    together = pushes._together

    def send(body: Any, headers: dict[str, str]) -> Any:
        try:
            return ApiCaller(api.key, Client(raise_request_exception=False)).post(PUSH, body, **headers)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(requests) + 1) as pool, connection.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("lock table deliveries_dispatch in access exclusive mode")
        ahead = pool.submit(send, {"customers": ["nobody"], **TEXTS}, {})
        wait_until(lambda: together._has_leader and not together._waiting)
        begun = [pool.submit(send, body, headers) for body, headers in requests]
        wait_until(lambda: len(together._waiting) == len(requests))
        cursor.execute("rollback")
        assert ahead.result(120).status_code == 202
        return [one.result(120) for one in begun]


def wait_until(is_so: Any) -> None:
    pause = threading.Event()
    for _ in range(6_000):
        if is_so():
            return
        pause.wait(0.01)
    raise TimeoutError


def test_twenty_pushes_of_one_group_keep_their_devices_keys_and_texts(api, app):
    devices = make_people(app, 20)
    answers = sent_together(
        api,
        [
            ({"device_tokens": [device.address], "title": f"t{place}", "body": "b"}, {"Idempotency_Key": f"k{place}"})
            for place, device in enumerate(devices)
        ],
    )
    assert {answer.status_code for answer in answers} == {202}
    ids = [int(answer.json()["meta"]["uniqId"]) for answer in answers]
    assert [Batch.objects.get(dispatch_id=one).device_ids for one in ids] == [[device.pk] for device in devices]
    assert [Content.objects.get(dispatch_id=one).body["title"] for one in ids] == [f"t{place}" for place in range(20)]
    assert [IdempotencyRecord.objects.get(key=f"k{place}").answer["id"] for place in range(20)] == ids


def test_one_that_no_database_takes_sinks_itself_alone(api, app):
    """Its row is refused by the database itself, behind every rule of ours."""
    device = make_device(make_customer(app))
    sound = {"device_tokens": [device.address], **TEXTS}
    with connection.cursor() as cursor:
        cursor.execute("alter table deliveries_dispatch add constraint no_poison check (external_id <> 'poison')")
    try:
        answers = sent_together(api, [(sound, {}), ({**sound, "external_id": "poison"}, {}), (sound, {})])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("alter table deliveries_dispatch drop constraint no_poison")
    assert [answer.status_code for answer in answers] == [202, 500, 202]
    assert Dispatch.objects.filter(planned_devices=1).count() == 2


def test_every_verdict_of_a_mixed_group_is_the_requests_own(api, app):
    device = make_device(make_customer(app))
    known = {"device_tokens": [device.address], **TEXTS}
    first = api.post(PUSH, known, Idempotency_Key="old")
    answers = sent_together(
        api,
        [
            (known, {"Idempotency_Key": "old"}),
            ({**known, "body": "other"}, {"Idempotency_Key": "old"}),
            ({**known, "title": ""}, {"Idempotency_Key": "bad"}),
            ({"device_tokens": ["nobodys"], **TEXTS}, {"Idempotency_Key": "new"}),
            (known, {}),
        ],
    )
    assert [answer.status_code for answer in answers] == [202, 422, 400, 202, 202]
    assert answers[0].content == first.content
    assert answers[3].json()["data"][0]["status"] == "unknown_token"
    assert answers[4].json()["data"][0]["status"] == "queued"


def test_twins_in_one_group_are_one_push(api, app):
    body = {"device_tokens": [make_device(make_customer(app)).address], **TEXTS}
    answers = sent_together(api, [(body, {"Idempotency_Key": "k"})] * 3)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
    assert IdempotencyRecord.objects.count() == 1
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert (codes_of(refused), refused.headers["Retry-After"]) == ({"idempotency_in_progress"}, "1")


def test_a_group_whose_database_went_away_is_told_to_come_again(api, app):
    """The leader's connection is cut inside its transaction: nothing was committed, and nobody is told 202."""
    body = {"device_tokens": [make_device(make_customer(app)).address], **TEXTS}

    def cut() -> None:
        wait_until(lambda: waiting_for_lock(cut_by))
        with cut_by.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where wait_event_type = 'Lock' and datname = current_database()"
            )

    cut_by = connections.create_connection("default")
    with connection.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        cursor.execute("begin")
        cursor.execute("lock table deliveries_dispatch in access exclusive mode")
        answer = pool.submit(lambda: closing(api.post, PUSH, body, Idempotency_Key="k"))
        cut()
        said = answer.result(120)
        cursor.execute("rollback")
    cut_by.close()
    assert (said.status_code, codes_of(said)) == (503, {"database_unavailable"})
    assert said.headers["Retry-After"] == "2"
    assert not Dispatch.objects.exists()
    assert api.post(PUSH, body, Idempotency_Key="k").status_code == 202


def closing(send: Any, *arguments: Any, **headers: str) -> Any:
    try:
        return send(*arguments, **headers)
    finally:
        connections.close_all()


def waiting_for_lock(asking: Any) -> bool:
    with asking.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        return bool(cursor.fetchone()[0])
