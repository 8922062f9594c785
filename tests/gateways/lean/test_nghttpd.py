"""The lean wire against nghttpd, which is stricter than nginx about what it is sent."""

from pathlib import Path

import pytest

from apps.gateways.lean.wire import LeanWire
from apps.gateways.wire import Post
from tests.gateways.certificates import Authority
from tests.gateways.lean.servers import NGHTTPD, nghttpd
from tests.gateways.lean.test_nginx import HEADERS, post_slices

pytestmark = pytest.mark.skipif(not NGHTTPD, reason="install nghttp2-server")


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--max-concurrent-streams=1"],
        ["--max-concurrent-streams=1000", "--workers=2"],
        ["--padding=200", "--trailer=x: y"],
        ["--window-bits=10", "--connection-window-bits=16"],
        ["--header-table-size=0"],
        ["--header-table-size=65536", "--encoder-header-table-size=65536"],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_bodies_come_back(tmp_path: Path, authority: Authority, options: list[str]) -> None:
    bodies = [f"{number} ".encode() * (number * 10) for number in range(1, 200)]
    with nghttpd(tmp_path, authority, "--echo-upload", *options) as url:
        posts = [Post(f"{url}/{number}", HEADERS, body) for number, body in enumerate(bodies)]
        answers = post_slices(LeanWire, authority, [posts])
    assert [answer.body for answer in answers[0]] == bodies


def test_an_early_answer(tmp_path: Path, authority: Authority) -> None:
    """It comes before the body has been read."""
    with nghttpd(tmp_path, authority, "--early-response") as url:
        answers = post_slices(LeanWire, authority, [[Post(f"{url}/none", HEADERS, b"x" * 300_000)] * 3])
    assert {answer.status for answer in answers[0]} == {404}
