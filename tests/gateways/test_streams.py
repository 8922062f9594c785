"""What a server allows, and when it falls silent: both wires adapt, repeat nothing and never stand still."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from apps.gateways.contract import RetryReason
from apps.gateways.wire import Answer, Post, WireLimits
from tests.gateways.certificates import Authority
from tests.gateways.conftest import Lane, post_all, run
from tests.gateways.test_wire import faults, posts
from tests.gateways.vendor import Act, Reply, Seen, Vendor

StartVendor = Callable[..., Vendor]
WIDE = WireLimits(connections=4, streams=1000, in_flight=1000, queue_seconds=15, deadline_seconds=15)


def test_a_stream_limit_that_changes_in_flight(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    """1000, then 1, then 0, then 100: what is open goes on, nothing is opened that may not be, nothing is repeated."""
    server = vendor(lambda seen: Reply(after_seconds=0.1), max_streams=1000)
    for seconds, limit in ((0.15, 1), (0.6, 0), (1.2, 100)):
        server.later(seconds, lambda limit=limit: server.announce(limit))  # type: ignore[misc]

    async def work() -> list[Answer]:
        wire = lane(ca_file=authority.ca_file, limits=WIDE)
        found: list[Answer] = []
        for turn in range(12):
            url = f"{server.url}/{turn}"
            found += await wire.post([Post(f"{url}-{number}", [], b"x") for number in range(50)])
        await wire.close()
        return found

    assert Counter(answer.status for answer in run(work())) == {200: 600}
    assert max(Counter(seen.path for seen in server.seen).values()) == 1
    assert server.connection_count <= 3 * WIDE.connections  # libcurl leaves a connection that allows no stream


def test_a_thousand_streams_need_few_connections(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    server = vendor(lambda seen: Reply(after_seconds=0.3), max_streams=1000)
    answers = post_all(lane, posts(server, 1000), ca_file=authority.ca_file, limits=WIDE)
    assert {answer.status for answer in answers} == {200}
    assert server.connection_count <= 2


def test_one_stream_each_does_not_open_a_connection_for_each(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(after_seconds=0.02), max_streams=1)
    answers = post_all(lane, posts(server, 100), ca_file=authority.ca_file, limits=WIDE)
    assert {answer.status for answer in answers} == {200}
    assert server.connection_count <= WIDE.connections


def test_want_of_streams_is_the_vendors_pace_and_no_fault(
    lane: Lane, vendor: StartVendor, authority: Authority
) -> None:
    server = vendor(lambda seen: Reply(after_seconds=0.3), max_streams=1)
    limits = WireLimits(connections=1, streams=100, queue_seconds=1.5, deadline_seconds=1.5)
    answers = post_all(lane, posts(server, 20), ca_file=authority.ca_file, limits=limits, rounds=2)
    served = [answer for answer in answers if answer.status == 200]
    starved = faults([answer for answer in answers if answer.fault])
    assert 2 <= len(served) < 20
    assert starved <= {("queue_timeout", RetryReason.THROTTLED), ("timeout", RetryReason.UNKNOWN_OUTCOME)}
    assert ("queue_timeout", RetryReason.THROTTLED) in starved


def test_one_silent_connection_among_others_is_replaced(lane: Lane, vendor: StartVendor, authority: Authority) -> None:
    """Its requests time out while the others are answered; it is not kept for ever because of them."""

    def script(seen: Seen) -> Reply:
        return Reply(act=Act.NEVER) if seen.connection == 0 and len(server.seen) > 4 else Reply(after_seconds=0.1)

    server = vendor(script, max_streams=2)
    limits = WireLimits(connections=2, streams=2, queue_seconds=5, deadline_seconds=0.5)

    async def work() -> None:
        wire = lane(ca_file=authority.ca_file, limits=limits)
        for _ in range(12):
            await wire.post(posts(server, 8))
        await wire.close()

    run(work())
    assert server.connection_count >= 3
    assert {seen.connection for seen in server.seen[-8:]}.isdisjoint({0})


@pytest.mark.parametrize("tls", [True, False], ids=["h2", "http1"])
@pytest.mark.parametrize("status", [200, 500])
def test_no_more_than_the_cap_is_read_where_no_length_is_told(
    lane: Lane, vendor: StartVendor, authority: Authority, tls: bool, status: int
) -> None:
    server = vendor(lambda seen: Reply(status, b"x" * 3_000_000), tls=tls)
    limits = WireLimits(connections=2, deadline_seconds=5)
    answer = post_all(lane, posts(server, 1), ca_file=authority.ca_file, limits=limits)[0]
    assert answer.status == status
    assert len(answer.body) <= limits.body_bytes + 16_384  # a frame is read whole


@pytest.mark.parametrize("tls", [True, False], ids=["h2", "http1"])
def test_an_answer_of_a_byte_a_second_is_given_up_at_the_deadline(
    lane: Lane, vendor: StartVendor, authority: Authority, tls: bool
) -> None:
    server = vendor(lambda seen: Reply(400, b"{" * 100, act=Act.DRIBBLE), tls=tls)

    async def work() -> tuple[Answer, float]:
        loop = asyncio.get_running_loop()
        wire = lane(ca_file=authority.ca_file, limits=WireLimits(connections=1, deadline_seconds=2.5))
        begun = loop.time()
        answer = (await wire.post(posts(server, 1)))[0]
        took = loop.time() - begun
        await wire.close()
        return answer, took

    answer, took = run(work())
    assert answer.fault is not None
    assert answer.fault.retry_reason in (RetryReason.SERVER, RetryReason.UNKNOWN_OUTCOME)
    assert 2 < took < 50  # whole, it would take 100
