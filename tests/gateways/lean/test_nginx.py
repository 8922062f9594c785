"""Both wires against nginx."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from apps.gateways.lean.wire import LeanWire
from apps.gateways.wire import Answer, Post, WireLimits
from tests.gateways.certificates import Authority
from tests.gateways.conftest import Lane, run
from tests.gateways.lean.servers import NGINX, nginx

pytestmark = pytest.mark.skipif(not NGINX, reason="install nginx-light")
HEADERS = ["Authorization: Bearer " + "t" * 180, "Content-Type: application/json"]


def post_slices(
    lane: Lane, authority: Authority, slices: Sequence[Sequence[Post]], *, connections: int = 3
) -> list[list[Answer]]:
    """All slices at once on one wire."""

    async def work() -> list[list[Answer]]:
        wire = lane(ca_file=authority.ca_file, limits=WireLimits(connections=connections))
        try:
            return await asyncio.gather(*(wire.post(each) for each in slices))
        finally:
            await wire.close()

    return run(work())


def numbered(url: str, slices: int, size: int) -> list[list[Post]]:
    return [[Post(f"{url}/{part}/{number}", HEADERS, b"{}" * 300) for number in range(size)] for part in range(slices)]


def test_thousands_of_answers_find_their_posts(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority) as url:
        answers = post_slices(lane, authority, numbered(url, 30, 100))
    assert [[answer.body.decode() for answer in each] for each in answers] == [
        [f"/{part}/{number}" for number in range(100)] for part in range(30)
    ]


def test_goaway_after_goaway_repeats_nothing(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority, requests=37) as url:
        answers = post_slices(lane, authority, numbered(url, 10, 50))
    seen = Counter((tmp_path / "access.log").read_text().split())
    assert max(seen.values()) == 1
    assert _accepted(answers) <= set(seen)


def test_the_lean_wire_knows_what_a_goaway_left_unseen(tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority, requests=37) as url:
        answers = post_slices(LeanWire, authority, numbered(url, 10, 50))
    seen = set((tmp_path / "access.log").read_text().split())
    assert _accepted(answers) == seen
    assert {answer.fault.vendor_code for each in answers for answer in each if answer.fault} <= {"stream_refused"}


def _accepted(answers: list[list[Answer]]) -> set[str]:
    return {answer.body.decode() for each in answers for answer in each if answer.status == 200}


def test_no_stream_is_opened_that_the_server_would_refuse(tmp_path: Path, authority: Authority) -> None:
    """libcurl opens streams before it has read the server's limit."""
    with nginx(tmp_path, authority, streams=2) as url:
        answers = post_slices(LeanWire, authority, numbered(url, 2, 50))
    assert {answer.status for each in answers for answer in each} == {200}


def test_a_body_of_many_frames_arrives(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority) as url:
        answers = post_slices(lane, authority, [[Post(f"{url}/length", HEADERS, b"x" * 900_000)] * 3])
    assert [answer.body for answer in answers[0]] == [b"900000"] * 3


def test_a_long_header_arrives(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority) as url:
        answers = post_slices(lane, authority, [[Post(f"{url}/header", ["x-long: " + "h" * 3000], b"x")]])
    assert answers[0][0].body == b"h" * 3000


def test_a_long_answer_arrives(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority) as url:
        answers = post_slices(lane, authority, [[Post(f"{url}/big", HEADERS, b"x")] * 20])
    assert {answer.body for answer in answers[0]} == {b"x" * 60_000}


def test_headers_of_a_refusal_can_be_read(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority) as url:
        answer = post_slices(lane, authority, [[Post(f"{url}/refused", HEADERS, b"x")]])[0][0]
    assert (answer.status, answer.retry_after_seconds, answer.body) == (429, 7.0, b"slow down")


def test_a_server_without_http2_is_reached_all_the_same(lane: Lane, tmp_path: Path, authority: Authority) -> None:
    with nginx(tmp_path, authority, http2=False) as url:
        answers = post_slices(lane, authority, numbered(url, 2, 10))
    assert {answer.status for each in answers for answer in each} == {200}
