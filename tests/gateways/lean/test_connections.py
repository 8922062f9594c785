"""How many connections there are, when new ones are opened, and what a failure to open one means."""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from threading import Event

import pytest

from apps.gateways.contract import RetryReason, Verdict
from apps.gateways.lean.wire import LeanWire
from tests.gateways.certificates import Authority
from tests.gateways.conftest import run
from tests.gateways.lean.conftest import ONE, Play, posts_to
from tests.gateways.lean.scripted import MAX_STREAMS, Peer, Scripted, headers_frame

FEW = replace(ONE, connections=4)


def answer_all(peer: Peer) -> None:
    peer.start({MAX_STREAMS: 1000})
    peer.answer_all()


def test_one_connection_is_enough_while_it_has_room(play: Play) -> None:
    answers, server = play(answer_all, bodies=[b"x"] * 900, limits=replace(FEW, deadline_seconds=10))
    assert {answer.status for answer in answers} == {200}
    assert server.connection_count == 1


def test_full_connections_get_company(play: Play) -> None:
    def slow(peer: Peer) -> None:
        peer.start({MAX_STREAMS: 10})
        with suppress(EOFError):
            while True:
                stream = peer.request().stream
                time.sleep(0.02)
                peer.answer(stream)

    limits = replace(FEW, deadline_seconds=10, queue_seconds=10)
    answers, server = play(slow, bodies=[b"x"] * 120, limits=limits)
    assert {answer.status for answer in answers} == {200}
    assert server.connection_count == 4


def test_a_new_server_that_allows_one_stream_is_not_stormed(play: Play) -> None:
    """APNs allows one until it has accepted a provider token."""

    def careful(peer: Peer) -> None:
        peer.start({MAX_STREAMS: 1})
        first = peer.request()
        time.sleep(0.1)
        peer.send(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00" + MAX_STREAMS.to_bytes(2) + (1000).to_bytes(4))
        peer.answer(first.stream)
        peer.answer_all()

    answers, server = play(careful, bodies=[b"x"] * 100, limits=FEW)
    assert {answer.status for answer in answers} == {200}
    assert server.connection_count == 1


def test_a_silent_connection_is_turned_over(play: Play) -> None:
    def mute(peer: Peer) -> None:
        peer.start()
        peer.wait_for_end()

    answers, server = play(mute, answer_all, bodies=[b"x"] * 3, rounds=2)
    assert {answer.status for answer in answers} == {200}
    assert server.connection_count == 2


def test_without_settings_there_is_no_connection(play: Play) -> None:
    def mute(peer: Peer) -> None:
        peer.read_greeting()
        assert peer.is_quiet(1.5)

    answer = play(mute)[0][0]
    assert answer.fault
    assert (answer.fault.vendor_code, answer.fault.retry_reason) == ("connect_timeout", RetryReason.NETWORK)


def test_a_server_that_hangs_up_at_once_is_not_stormed(play: Play) -> None:
    """Posts wait between one try and the next."""

    def hang_up(peer: Peer) -> None:
        peer.read_greeting()

    began = time.monotonic()
    answers, server = play(hang_up, rounds=6)
    assert answers[0].fault
    assert answers[0].fault.retry_reason is RetryReason.NETWORK
    assert server.connection_count == 6
    assert time.monotonic() - began > 0.025 + 0.05 + 0.1 + 0.2 + 0.4


def test_answers_that_came_while_the_loop_was_away_count(
    serve: Callable[..., AbstractContextManager[Scripted]], authority: Authority
) -> None:
    async def work(url: str) -> int:
        wire = LeanWire(ca_file=authority.ca_file, limits=replace(ONE, deadline_seconds=2.0))
        task = asyncio.create_task(wire.post(posts_to(url, [b"x"])))
        await asyncio.to_thread(asked.wait, 30)
        time.sleep(2.5)  # noqa: ASYNC251 - nothing else may run meanwhile
        answers = await task
        await wire.close()
        return answers[0].status

    def slow(peer: Peer) -> None:
        peer.start()
        stream = peer.request().stream
        asked.set()
        time.sleep(0.3)
        peer.answer(stream)
        peer.wait_for_end()

    asked = Event()
    with serve(slow) as server:
        assert run(work(server.url)) == 200


def test_an_answer_that_came_before_a_reset_counts(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, _ = peer.requests(2)
        peer.send(headers_frame(first.stream, 200, flags=("END_STREAM",)))
        time.sleep(1.0)
        raise ConnectionResetError

    first, second = play(script, bodies=[b"x"] * 2)[0]
    assert first.status == 200
    assert second.fault
    assert second.fault.retry_reason is RetryReason.UNKNOWN_OUTCOME


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(
    serve: Callable[..., AbstractContextManager[Scripted]], authority: Authority, version: ssl.TLSVersion
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.leaf_file)
    context.minimum_version = context.maximum_version = version
    with Scripted(context, answer_all) as server:
        assert run(_post(authority, server.url, 5)) == {200}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_an_old_tls_is_refused(authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.leaf_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Scripted(context, answer_all) as server:
        assert run(_post(authority, server.url, 1)) == {"tls_handshake"}


def test_a_bad_header_is_no_fault_of_the_connection(authority: Authority, serve: Callable[..., Scripted]) -> None:
    async def work(url: str) -> list[object]:
        wire = LeanWire(ca_file=authority.ca_file, limits=ONE)
        good, *bad = posts_to(url, [b"x"] * 5)
        lines = ["a: b\r\nc: d", "no colon", "Connection: close", "x: ż"]
        answers = await wire.post(
            [good, *(each._replace(headers=[line]) for each, line in zip(bad, lines, strict=True))]
        )
        await wire.close()
        return [answer.status or (answer.fault and answer.fault.verdict) for answer in answers]

    with serve(answer_all) as server:
        assert run(work(server.url)) == [200, *[Verdict.CONFIG_BAD] * 4]


def test_closing_in_the_middle_of_opening(authority: Authority) -> None:
    """What has not been sent is known not to have been sent."""

    async def work(url: str) -> object:
        wire = LeanWire(ca_file=authority.ca_file, limits=ONE)
        task = asyncio.create_task(wire.post(posts_to(url, [b"x"])))
        await asyncio.sleep(0.1)
        await wire.close()
        return (await task)[0].fault

    def mute(peer: Peer) -> None:
        peer.wait_for_end()

    with Scripted(authority.server_context, mute) as server:
        fault = run(work(server.url))
    assert fault
    assert fault.vendor_code == "queue_timeout"


async def _post(authority: Authority, url: str, count: int) -> set[object]:
    wire = LeanWire(ca_file=authority.ca_file, limits=ONE)
    try:
        answers = await wire.post(posts_to(url, [b"x"] * count))
        return {answer.status or (answer.fault and answer.fault.vendor_code) for answer in answers}
    finally:
        await wire.close()
