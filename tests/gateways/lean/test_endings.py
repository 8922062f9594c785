"""How streams and connections end, and what is then certainly unseen and what is not."""

import socket

import pytest
from hyperframe.frame import GoAwayFrame, RstStreamFrame

from apps.gateways.contract import RetryReason
from apps.gateways.wire import Answer
from tests.gateways.lean.conftest import ONE, Play
from tests.gateways.lean.scripted import Peer, data_frame, goaway, headers_frame, reset

UNKNOWN = RetryReason.UNKNOWN_OUTCOME


def outcomes(answers: list[Answer]) -> list[int | RetryReason | None]:
    """Statuses, or why there is none."""
    return [answer.fault.retry_reason if answer.fault else answer.status for answer in answers]


def serve_all(peer: Peer) -> None:
    peer.start()
    peer.answer_all()


def test_above_the_last_stream_of_a_goaway_nothing_was_seen(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, second, *_ = peer.requests(4)
        peer.send(goaway(second.stream))
        peer.answer(first.stream)
        peer.answer(second.stream)
        assert isinstance(peer.wait_for_end(), GoAwayFrame)

    answers, server = play(script, serve_all, bodies=[b"x"] * 4)
    assert outcomes(answers) == [200] * 4
    assert server.connection_count == 2


def test_at_or_below_the_last_stream_the_outcome_is_open(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        peer.requests(4)
        peer.send(goaway(3, 2, b'{"reason":"Shutdown"}'))

    answers, _ = play(script, serve_all, bodies=[b"x"] * 4)
    assert outcomes(answers) == [UNKNOWN, UNKNOWN, 200, 200]


def test_the_two_goaways_of_a_graceful_end(play: Play) -> None:
    """The first promises nothing, the second says where it ends."""

    def script(peer: Peer) -> None:
        peer.start()
        first, *_ = peer.requests(3)
        peer.send(goaway(2**31 - 1))
        assert peer.is_quiet()
        peer.send(goaway(first.stream))
        peer.answer(first.stream)
        peer.wait_for_end()

    answers, server = play(script, serve_all, bodies=[b"x"] * 3)
    assert outcomes(answers) == [200] * 3
    assert server.connection_count == 2


def test_a_goaway_that_comes_with_the_end_is_read(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, *_ = peer.requests(3)
        peer.send(headers_frame(first.stream), data_frame(first.stream, b""), goaway(first.stream))

    assert outcomes(play(script, serve_all, bodies=[b"x"] * 3)[0]) == [200] * 3


def test_an_idle_connection_that_says_goodbye_is_not_used_again(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        peer.answer(peer.request().stream)
        peer.send(goaway(1))

    answers, server = play(script, rounds=3)
    assert outcomes(answers) == [200]
    assert server.connection_count == 3


@pytest.mark.parametrize("code", [0, 1, 2, 3, 5, 8, 11, 13, 99])
def test_a_stream_that_is_reset_may_have_been_seen(play: Play, code: int) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, second = peer.requests(2)
        peer.send(reset(first.stream, code))
        peer.answer(second.stream)
        assert peer.is_quiet()

    answers, _ = play(script, bodies=[b"x"] * 2)
    assert outcomes(answers) == [UNKNOWN, 200]


def test_a_refused_stream_is_sent_again_but_not_for_ever(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        for _ in range(ONE.resends + 1):
            peer.send(reset(peer.request().stream, 7))
        assert peer.is_quiet()

    answer = play(script)[0][0]
    assert answer.fault
    assert (answer.fault.vendor_code, answer.fault.retry_reason) == ("stream_refused", RetryReason.NETWORK)


def test_who_has_begun_to_answer_has_seen_the_request(play: Play) -> None:
    """A refusal of the stream, or a GOAWAY below it, does not change that."""

    def script(peer: Peer) -> None:
        peer.start()
        first, second, third = peer.requests(3)
        peer.send(headers_frame(first.stream, 100), reset(first.stream, 7))
        peer.send(headers_frame(second.stream, 200), reset(second.stream, 7))
        peer.send(headers_frame(third.stream, 503), goaway(0))
        peer.wait_for_end()

    first, second, third = play(script, bodies=[b"x"] * 3)[0]
    assert outcomes([first, second]) == [UNKNOWN, 200]
    assert third.fault
    assert third.fault.vendor_code == "broken_answer"


def test_a_server_that_only_closes_its_half(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, *_ = peer.requests(2)
        peer.answer(first.stream)
        peer.tls.shutdown(socket.SHUT_WR)
        peer.wait_for_end()

    answers, _ = play(script, serve_all, bodies=[b"x"] * 2)
    assert outcomes(answers) == [200, UNKNOWN]


def test_stream_numbers_run_out(play: Play) -> None:
    answers, server = play(serve_all, bodies=[b"x"] * 40, last_stream=19)
    assert outcomes(answers) == [200] * 40
    assert server.connection_count == 4


def test_a_deadline_resets_the_stream_and_leaves_the_others(play: Play) -> None:
    def script(peer: Peer) -> None:
        peer.start()
        first, second = peer.requests(2)
        assert peer.is_quiet(1.0)
        peer.answer(second.stream)
        found = peer.until(RstStreamFrame)
        assert (found.stream_id, found.error_code) == (first.stream, 8)
        peer.answer(first.stream)
        peer.answer_all()

    answers, server = play(script, bodies=[b"x"] * 2)
    assert outcomes(answers) == [UNKNOWN, 200]
    assert answers[0].fault
    assert answers[0].fault.vendor_code == "timeout"
    assert server.connection_count == 1


def test_closing_says_goodbye(play: Play) -> None:
    farewells = []

    def script(peer: Peer) -> None:
        peer.start()
        peer.answer(peer.request().stream)
        farewells.append(peer.wait_for_end())

    play(script)
    assert [type(each) for each in farewells] == [GoAwayFrame]
