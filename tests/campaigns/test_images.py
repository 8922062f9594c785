"""An image is looked at while it is edited, over a real socket."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from apps.campaigns.services.images import check_image
from tests.core.test_image_head import GIF, PNG


class _Shelf(BaseHTTPRequestHandler):
    """Some files of a web server."""

    def do_GET(self) -> None:
        raw = {"/wide.png": PNG, "/small.gif": GIF, "/page": b"<html>"}.get(self.path, b"")
        self.send_response(302 if self.path == "/moved" else 200 if raw else 404)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_words: object) -> None: ...


@pytest.fixture
def shelf() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Shelf) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_good_image_is_told_with_its_size(shelf: str) -> None:
    found = check_image(f"{shelf}/wide.png", allows_loopback=True)
    assert found.problem == ""
    assert (found.advice, found.length) == ([], len(PNG))
    assert found.head is not None
    assert (found.head.kind, found.head.width) == ("png", 512)


def test_what_phones_would_crop_or_blur_is_advice(shelf: str) -> None:
    assert check_image(f"{shelf}/small.gif", allows_loopback=True).advice == [
        "less than 512 pixels wide: it looks coarse"
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/none", "404"), ("/page", "no JPG"), ("/moved", "points to another")],
    ids=["404", "page", "302"],
)
def test_what_is_no_image_is_a_problem(shelf: str, path: str, words: str) -> None:
    assert words in check_image(shelf + path, allows_loopback=True).problem


@pytest.mark.parametrize("url", ["https://127.0.0.1/a.png", "http://example.com/a.png", "javascript:x", "https://"])
def test_our_own_network_is_never_asked(url: str) -> None:
    assert check_image(url).problem
