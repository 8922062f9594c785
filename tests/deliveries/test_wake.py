"""Wake-ups: published after the commit, thinned in a burst, as many as asked for."""

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import pytest
from amqp.exceptions import ChannelError
from celery import current_app
from django.db import transaction

from apps.deliveries.services.wake import is_all_published, wake, wake_on_commit
from tests.house import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Broker:
    """How many messages wait in a queue of the broker."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def waiting(self, lane: str, *, at_least: int = 0) -> int:
        deadline = monotonic() + 60
        while (found := self._count(lane)) < at_least and monotonic() < deadline:
            sleep(0.01)
        return found

    def _count(self, lane: str) -> int:
        try:
            return int(self._channel.queue_declare(lane, passive=True).message_count)
        except ChannelError:  # Valkey keeps no empty queues
            return 0


@pytest.fixture
def broker() -> Iterator[Broker]:
    with current_app.connection_for_read() as connection:
        channel = connection.channel()
        wait_for(is_all_published, 60)  # what earlier tests wished for
        for lane in ("urgent", "bulk"):
            channel.queue_purge(lane)
        yield Broker(channel)


def test_a_wake_up_waits_for_the_commit(broker: Broker) -> None:
    with transaction.atomic():
        wake_on_commit("urgent")
        sleep(0.1)
        assert broker.waiting("urgent") == 0
    assert broker.waiting("urgent", at_least=1) == 1


def test_a_transaction_that_fails_wakes_nobody(broker: Broker) -> None:
    with transaction.atomic():
        wake_on_commit("urgent")
        transaction.set_rollback(True)
    sleep(0.1)
    assert broker.waiting("urgent") == 0


def test_a_burst_becomes_a_few(broker: Broker) -> None:
    for _ in range(500):
        wake("urgent")
    assert broker.waiting("urgent", at_least=1) < 50


def test_as_many_workers_are_woken_as_asked_for(broker: Broker) -> None:
    wake("bulk", times=4)
    assert broker.waiting("bulk", at_least=4) == 4
