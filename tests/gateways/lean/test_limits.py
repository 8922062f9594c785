"""The server's SETTINGS and windows, also as they change in flight."""

from dataclasses import replace

import pytest
from hyperframe.frame import DataFrame, HeadersFrame, SettingsFrame

from tests.gateways.lean.conftest import ONE, Play
from tests.gateways.lean.scripted import FRAME_SIZE, MAX_STREAMS, WINDOW, Peer, change, widen

PATIENT = replace(ONE, deadline_seconds=10, queue_seconds=10)


def acknowledged(peer: Peer) -> None:
    while "ACK" not in peer.until(SettingsFrame).flags:
        pass


def test_nothing_is_sent_before_the_servers_settings(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.read_greeting()
        assert peer.is_quiet()
        peer.send(SettingsFrame(settings={MAX_STREAMS: 1}))
        peer.answer(peer.request().stream)
        peer.answer_all()

    assert {answer.status for answer in play(script, bodies=[b"x"] * 5, limits=PATIENT)[0]} == {200}


def test_the_number_of_streams_follows_the_server(play: Play) -> None:
    """1,000, then 1, then none, then 100."""

    def script(peer: Peer) -> None:
        peer.start({MAX_STREAMS: 1000})
        open_now = peer.requests(300)
        assert peer.is_quiet()
        peer.send(change({MAX_STREAMS: 1}))
        for request in open_now[:-1]:
            peer.answer(request.stream)
        assert peer.is_quiet()
        peer.answer(open_now[-1].stream)
        last = peer.request()
        assert peer.is_quiet()
        peer.send(change({MAX_STREAMS: 0}))
        peer.answer(last.stream)
        assert peer.is_quiet()
        peer.send(change({MAX_STREAMS: 100}))
        open_now = peer.requests(100)
        assert peer.is_quiet()
        for request in open_now:
            peer.answer(request.stream)
        peer.answer_all()

    limits = replace(PATIENT, in_flight=300)
    assert {answer.status for answer in play(script, bodies=[b"x"] * 500, limits=limits)[0]} == {200}


@pytest.mark.parametrize(("size", "largest"), [(None, 16_384), (20_000, 20_000), (2**24 - 1, 50_000)])
def test_no_frame_is_longer_than_the_server_takes(play: Play, size: int | None, largest: int) -> None:
    def script(peer: Peer) -> None:
        peer.start({WINDOW: 10**6} | ({FRAME_SIZE: size} if size else {}))
        peer.send(widen(0, 10**6))
        request = peer.request()
        assert request.body == b"x" * 50_000
        assert max(len(frame.data) for frame in peer.frames if isinstance(frame, DataFrame)) == largest
        peer.answer(request.stream)
        peer.wait_for_end()

    assert play(script, bodies=[b"x" * 50_000])[0][0].status == 200


def test_a_body_waits_for_the_window_of_its_stream(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start({WINDOW: 10})
        assert peer.until(DataFrame).data == b"0123456789"
        assert peer.is_quiet()
        peer.send(widen(1, 3))
        assert peer.until(DataFrame).data == b"abc"
        peer.send(widen(1, 100))
        last = peer.until(DataFrame)
        assert (last.data, "END_STREAM" in last.flags) == (b"def", True)
        peer.answer(1)
        peer.wait_for_end()

    assert play(script, bodies=[b"0123456789abcdef"])[0][0].status == 200


def test_a_change_of_the_first_window_concerns_open_streams(play: Play) -> None:
    """Also downwards: then the window is negative for a while."""

    def script(peer: Peer) -> None:
        peer.start({WINDOW: 10})
        peer.until(DataFrame)
        peer.send(change({WINDOW: 4}))
        acknowledged(peer)
        peer.send(widen(1, 5))
        assert peer.is_quiet()
        peer.send(change({WINDOW: 8}))
        assert peer.until(DataFrame).data == b"abc"
        peer.send(change({WINDOW: 16}))
        assert peer.until(DataFrame).data == b"def"
        peer.answer(1)
        peer.wait_for_end()

    assert play(script, bodies=[b"0123456789abcdef"])[0][0].status == 200


def test_bodies_share_the_window_of_the_connection(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start({WINDOW: 10**6})
        received = 0
        while received < 65_535:
            received += len(peer.until(DataFrame).data)
        assert received == 65_535
        assert peer.is_quiet()
        peer.send(widen(0, 14_465))
        while received < 80_000:
            received += len(peer.until(DataFrame).data)
        for stream in (1, 3):
            peer.answer(stream)
        peer.answer_all()

    assert [answer.status for answer in play(script, bodies=[b"x" * 40_000] * 2)[0]] == [200, 200]


def test_no_new_stream_begins_while_a_body_waits(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start({WINDOW: 0})
        assert isinstance(peer.until(HeadersFrame), HeadersFrame)
        assert peer.is_quiet()
        peer.send(change({WINDOW: 100}))
        for _ in range(3):
            peer.answer(peer.request().stream)
        peer.wait_for_end()

    assert {answer.status for answer in play(script, bodies=[b"x" * 50] * 3)[0]} == {200}


@pytest.mark.parametrize("size", [0, 1, 4096, 2**32 - 1])
def test_a_table_of_any_size_is_all_the_same(play: Play, size: int) -> None:
    """hpack, like other strict servers, wants to be told when the table has to shrink."""

    def script(peer: Peer) -> None:
        peer.start({SettingsFrame.HEADER_TABLE_SIZE: size})
        peer._decoder.max_allowed_table_size = size
        peer.answer(peer.request().stream)
        peer.send(change({SettingsFrame.HEADER_TABLE_SIZE: 0}))
        acknowledged(peer)
        peer._decoder.max_allowed_table_size = 0
        peer.answer_all()

    assert {answer.status for answer in play(script, bodies=[b"x"], rounds=3)[0]} == {200}
