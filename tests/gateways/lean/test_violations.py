"""A server that breaks HTTP/2 loses the connection, is told why, and makes no answer out of nothing."""

import time

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from apps.gateways.contract import RetryReason
from tests.gateways.lean.conftest import Play
from tests.gateways.lean.scripted import (
    FRAME_SIZE,
    WINDOW,
    Peer,
    block,
    change,
    data_frame,
    headers_frame,
    reset,
    widen,
)

PROTOCOL, FLOW, SIZE, COMPRESSION, CALM = 1, 3, 6, 9, 11


def raw(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


DYNAMIC = HeadersFrame(1, b"\xbe", flags=["END_HEADERS", "END_STREAM"])
VIOLATIONS = {
    "data of a stream that nobody opened": (data_frame(99, b"x"), PROTOCOL),
    "headers of a stream that nobody opened": (headers_frame(99), PROTOCOL),
    "headers of an even stream": (headers_frame(2), PROTOCOL),
    "reset of a stream that nobody opened": (reset(99, 0), PROTOCOL),
    "data of the connection": (raw(0, 0, 0, b"x"), PROTOCOL),
    "push promise": (PushPromiseFrame(1, promised_stream_id=2, data=block((":method", "GET"))), PROTOCOL),
    "continuation of nothing": (ContinuationFrame(1, b"x"), PROTOCOL),
    "something between headers and continuation": ((HeadersFrame(1, b"\x88"), PingFrame(0, b"12345678")), PROTOCOL),
    "a continuation of another stream": ((HeadersFrame(1, b"\x88"), ContinuationFrame(3, b"x")), PROTOCOL),
    "a frame that is too long": (raw(0, 0, 1, b"x" * 16_385), SIZE),
    "more padding than frame": ((headers_frame(1), raw(0, 8, 1, b"\x09x")), PROTOCOL),
    "settings of a broken length": (raw(4, 0, 0, b"12345"), SIZE),
    "settings of a stream": (raw(4, 0, 1, b""), PROTOCOL),
    "an acknowledgement with content": (raw(4, 1, 0, b"123456"), SIZE),
    "an impossible window": (change({WINDOW: 2**31}), FLOW),
    "an impossible frame size": (change({FRAME_SIZE: 5}), PROTOCOL),
    "an impossible permission to push": (change({SettingsFrame.ENABLE_PUSH: 7}), PROTOCOL),
    "a window beyond its limit": (widen(0, 2**31 - 1), FLOW),
    "a widening by nothing": (raw(8, 0, 0, bytes(4)), PROTOCOL),
    "a widening of a broken length": (raw(8, 0, 0, b"x"), SIZE),
    "a ping of a broken length": (raw(6, 0, 0, b"x"), SIZE),
    "a ping of a stream": (raw(6, 0, 1, b"12345678"), PROTOCOL),
    "a goaway of a broken length": (raw(7, 0, 0, b"x"), SIZE),
    "a goaway of a stream": (raw(7, 0, 1, bytes(8)), PROTOCOL),
    "a reset of a broken length": (raw(3, 0, 1, b"x"), SIZE),
    "a look into a table that there is not": (DYNAMIC, COMPRESSION),
    "headers that are none": (HeadersFrame(1, b"\x0f\xff\xff\xff\xff\xff", flags=["END_HEADERS"]), COMPRESSION),
    "an answer without a status": (HeadersFrame(1, block(("x", "y")), flags=["END_HEADERS"]), PROTOCOL),
    "a status that is no number": (HeadersFrame(1, block((":status", "2OO")), flags=["END_HEADERS"]), PROTOCOL),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_broken_rule_ends_the_connection(play: Play, name: str) -> None:
    frames, code = VIOLATIONS[name]
    farewells = []

    def script(peer: Peer) -> None:
        peer.start()
        peer.requests(2)
        peer.send(*(frames if isinstance(frames, tuple) else (frames,)))
        farewells.append(peer.wait_for_end())

    answers, _ = play(script, bodies=[b"x"] * 2)
    assert {answer.fault.retry_reason for answer in answers if answer.fault} == {RetryReason.UNKNOWN_OUTCOME}
    assert [each.error_code for each in farewells if isinstance(each, GoAwayFrame)] == [code]


FLOODS = {
    "pings": PingFrame(0, b"12345678").serialize(),
    "settings": SettingsFrame().serialize(),
    "resets of what is over": reset(1, 0).serialize(),
    "empty data": data_frame(3, b"", ends=False).serialize(),
    "interim answers": headers_frame(3, 103).serialize(),
    "priorities": PriorityFrame(3, stream_weight=1).serialize(),
    "widenings": WindowUpdateFrame(0, window_increment=1).serialize(),
    "unknown frames": raw(0xEE, 0, 0, b""),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_connection(play: Play, name: str) -> None:
    farewells = []

    def script(peer: Peer) -> None:
        peer.start()
        first, second = peer.requests(2)
        peer.answer(first.stream)
        if name == "empty data":
            peer.send(headers_frame(second.stream))
        peer.send(FLOODS[name] * 10_100)
        farewells.append(peer.wait_for_end())

    first, second = play(script, bodies=[b"x"] * 2)[0]
    assert first.status == 200
    assert second.status == 200 if name == "empty data" else second.fault is not None
    assert [each.error_code for each in farewells if isinstance(each, GoAwayFrame)] == [CALM]


def test_headers_without_end_are_cut_off(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        peer.request()
        peer.send(HeadersFrame(1, b"\x88"), ContinuationFrame(1, b"").serialize() * 100_000)
        peer.wait_for_end()

    began = time.thread_time()
    answer = play(script)[0][0]
    assert answer.fault
    assert "headers without end" in answer.fault.detail
    assert time.thread_time() - began < 1


@pytest.mark.parametrize(
    "frames",
    [
        (data_frame(1, b"body before headers"),),
        (headers_frame(1, 102, flags=("END_STREAM",)),),
        (raw(8, 0, 1, bytes(4)),),
    ],
    ids=["data first", "interim only", "a widening by nothing"],
)
def test_a_broken_answer_ends_only_its_stream(play: Play, frames: tuple[DataFrame, ...]) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        _, second = peer.requests(2)
        peer.send(*frames)
        assert peer.until(RstStreamFrame).stream_id == 1
        peer.answer(second.stream)
        peer.wait_for_end()

    first, second = play(script, bodies=[b"x"] * 2)[0]
    assert first.fault
    assert first.fault.retry_reason is RetryReason.UNKNOWN_OUTCOME
    assert second.status == 200


def test_the_first_frame_has_to_be_settings(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.read_greeting()
        peer.send(PingFrame(0, b"12345678"))
        found = peer.wait_for_end()
        assert found
        assert found.error_code == PROTOCOL

    answer = play(script)[0][0]
    assert answer.fault
    assert answer.fault.retry_reason is RetryReason.NETWORK


def test_a_ping_is_answered(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        stream = peer.request().stream
        peer.send(PingFrame(0, b"12345678"))
        found = peer.until(PingFrame)
        assert (found.opaque_data, set(found.flags)) == (b"12345678", {"ACK"})
        peer.answer(stream)
        peer.wait_for_end()

    assert play(script)[0][0].status == 200
