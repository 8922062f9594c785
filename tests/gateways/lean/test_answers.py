"""What may stand around an answer, and in how many pieces it may come."""

import time
from dataclasses import replace

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
    WindowUpdateFrame,
)

from tests.gateways.lean.conftest import ONE, Play
from tests.gateways.lean.scripted import Peer, block, data_frame, headers_frame, reset, unknown_frame, widen


def test_a_request_is_what_was_posted(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        request = peer.request()
        assert request.body == b"body"
        assert request.headers == {
            ":method": "POST",
            ":scheme": "https",
            ":authority": request.headers[":authority"],
            ":path": "/0",
            "content-type": "application/json",
            "authorization": "bearer t",
            "user-agent": "Heliograph",
            "content-length": "4",
        }
        assert request.headers[":authority"].startswith("127.0.0.1:")
        peer.answer(request.stream)

    assert play(script)[0][0].status == 200


def test_frames_that_come_byte_by_byte(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        for request in peer.requests(3):
            frames = headers_frame(request.stream, 400, ("x", "y")), data_frame(request.stream, b"%d" % request.stream)
            for byte in b"".join(frame.serialize() for frame in frames):
                peer.send(bytes((byte,)))

    answers, _ = play(script, bodies=[b"x"] * 3)
    assert [(answer.status, answer.body, answer.header("X")) for answer in answers] == [
        (400, b"1", "y"),
        (400, b"3", "y"),
        (400, b"5", "y"),
    ]


def test_answers_in_another_order(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        for request in reversed(peer.requests(5)):
            peer.answer(request.stream, body=request.body)

    bodies = [b"%d" % number for number in range(5)]
    assert [answer.body for answer in play(script, bodies=bodies)[0]] == bodies


def test_interim_answers_padding_priority_trailers_and_unknown_frames(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        stream = peer.request().stream
        final = HeadersFrame(stream, block((":status", "200"), ("x", "y")), flags=["END_HEADERS", "PADDED", "PRIORITY"])
        final.pad_length = 7
        peer.send(
            PriorityFrame(stream, depends_on=0, stream_weight=5),
            headers_frame(stream, 103, ("link", "</x>")),
            headers_frame(stream, 100),
            unknown_frame(stream),
            final,
            data_frame(stream, b"one ", ends=False, padding=9),
            data_frame(stream, b"", ends=False),
            data_frame(stream, b"two", ends=False),
            HeadersFrame(stream, block(("grpc-status", "0")), flags=["END_HEADERS", "END_STREAM"]),
        )
        peer.wait_for_end()

    answer = play(script)[0][0]
    assert answer.fault is None
    assert (answer.status, answer.body, answer.header("x")) == (200, b"one two", "y")


def test_headers_over_many_frames(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        stream = peer.request().stream
        whole = block((":status", "404"), ("x-long", "v" * 30_000))
        peer.send(HeadersFrame(stream, whole[:1], flags=["END_STREAM"]))
        for start in range(1, len(whole), 9_000):
            ends = start + 9_000 >= len(whole)
            peer.send(ContinuationFrame(stream, whole[start : start + 9_000], flags=["END_HEADERS"] if ends else []))
        peer.wait_for_end()

    answer = play(script)[0][0]
    assert (answer.status, len(answer.header("x-long"))) == (404, 30_000)


@pytest.mark.parametrize("status", [200, 201, 204, 299, 302, 410, 429, 503])
def test_every_status_is_read(play: Play, status: int) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        peer.send(headers_frame(peer.request().stream, status, ("location", "/9"), flags=("END_STREAM",)))
        peer.wait_for_end()

    answer = play(script)[0][0]
    assert (answer.status, answer.header("Location")) == (status, "/9")


def test_a_server_may_announce_that_it_uses_no_table(play: Play) -> None:
    """And may write as if it had one, as long as it never looks anything up in it."""

    def script(peer: Peer) -> None:
        peer.start()
        for request in peer.requests(2):
            indexed = b"\x20" + b"\x48\x03201" + b"\x40\x01x\x01y"
            peer.send(HeadersFrame(request.stream, indexed, flags=["END_HEADERS", "END_STREAM"]))
        peer.wait_for_end()

    assert [(answer.status, answer.header("x")) for answer in play(script, bodies=[b"1", b"2"])[0]] == [(201, "y")] * 2


def test_more_than_the_cap_is_cut_and_the_connection_goes_on(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, second = peer.requests(2)
        peer.send(headers_frame(first.stream, 500))
        for _ in range(5):
            peer.send(data_frame(first.stream, b"x" * 16_384, ends=False))
        found = peer.until(RstStreamFrame)
        assert (found.stream_id, found.error_code) == (first.stream, 8)
        peer.send(data_frame(first.stream, b"late"), widen(first.stream, 5), reset(first.stream, 0))
        peer.answer(second.stream)
        peer.wait_for_end()

    cut, whole = play(script, bodies=[b"1", b"2"])[0]
    assert (cut.status, whole.status) == (500, 200)
    assert 64 * 1024 <= len(cut.body) <= 96 * 1024


def test_the_receive_window_is_widened_for_as_long_as_answers_come(play: Play) -> None:
    """30 MB of answers through a window of 16 MB."""

    def script(peer: Peer) -> None:
        peer.start()
        for request in peer.requests(500):
            peer.send(headers_frame(request.stream))
            for part in range(4):
                while peer.window < 15_000:
                    peer.until(WindowUpdateFrame)
                peer.window -= 15_000
                peer.send(data_frame(request.stream, b"x" * 15_000, ends=part == 3))
        peer.wait_for_end()

    answers, _ = play(script, bodies=[b""] * 500, limits=replace(ONE, deadline_seconds=15))
    assert [answer.fault for answer in answers if answer.fault] == []
    assert {len(answer.body) for answer in answers} == {60_000}


def test_an_answer_before_the_whole_body_has_left(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        peer.until(DataFrame)
        peer.answer(1, 413)
        assert peer.until(RstStreamFrame).stream_id == 1
        peer.send(widen(0, 1_000_000))
        peer.answer(peer.request().stream)
        peer.wait_for_end()

    assert [answer.status for answer in play(script, bodies=[b"x" * 200_000, b"y"])[0]] == [413, 200]


def test_a_server_that_reads_late_gets_everything(play: Play) -> None:
    """The kernel's buffers are full meanwhile."""

    def script(peer: Peer) -> None:
        peer.start({4: 2**30})
        peer.send(widen(0, 2**30))
        time.sleep(0.5)
        for request in peer.requests(20):
            peer.answer(request.stream, body=b"%d" % len(request.body))
        peer.wait_for_end()

    answers, _ = play(script, bodies=[b"x" * 500_000] * 20, limits=replace(ONE, deadline_seconds=15))
    assert {answer.body for answer in answers} == {b"500000"}
