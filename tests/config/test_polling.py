"""A worker that hears nothing does its lanes' ticks by itself, and no more than that."""

from collections.abc import Callable, Iterator
from threading import Event
from time import sleep

import pytest
from django.db import OperationalError

from config.polling import Poller
from config.queues import LANES
from config.schedule import TICKS, Tick, own_looks, own_ticks
from tests.house import wait_for

FIRST = Tick("first", 0, "bulk")
OTHER = Tick("other", 0, "bulk")

type Start = Callable[..., Poller]


@pytest.fixture
def is_over() -> Iterator[Event]:
    is_over = Event()
    yield is_over
    is_over.set()


@pytest.fixture
def start(is_over: Event) -> Start:
    def start(run: Callable[[Tick], None], *, patience_seconds: float = 0.1) -> Poller:
        poller = Poller([FIRST, OTHER], run, is_over, patience_seconds=patience_seconds, poll_seconds=0.1)
        poller.start()
        return poller

    return start


def test_what_is_heard_is_not_done_and_what_is_not_heard_is(start: Start) -> None:
    done: list[Tick] = []
    poller = start(done.append, patience_seconds=3.0)  # of which no busy machine keeps us from saying so
    while not done:
        poller.heard("first")
        sleep(0.02)
    assert set(done) == {OTHER}


def test_a_tick_that_fails_stops_no_other(start: Start) -> None:
    done: list[Tick] = []

    def run(tick: Tick) -> None:
        done.append(tick)
        raise OperationalError if tick is FIRST else ValueError

    start(run)
    wait_for(lambda: min(done.count(FIRST), done.count(OTHER)) > 2, 5)


def test_the_end_waits_for_what_is_under_way(start: Start, is_over: Event) -> None:
    begun, done = Event(), Event()

    def run(tick: Tick) -> None:
        begun.set()
        sleep(0.3)
        done.set()

    poller = start(run)
    begun.wait(60)
    is_over.set()
    poller.join(60)
    assert done.is_set()


def test_every_tick_but_the_heartbeat_has_a_worker_that_can_do_it_alone() -> None:
    alone = [tick for lane in LANES for tick in own_ticks({lane})]
    assert {tick.name for tick in alone} == {tick.name for tick in TICKS if tick.task != "config.heartbeat"}


def test_the_lanes_that_send_are_looked_at() -> None:
    assert [look.arguments for look in own_looks(LANES)] == [("urgent",), ("bulk",)]
    assert own_looks({"upkeep"}) == []
