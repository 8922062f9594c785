"""The guarded client reaches the internet, and nothing of ours."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from apps.core.guarded_http import CallFailed, Line, RefusedUrl, check_url, get, is_public


@pytest.fixture
def serve() -> Iterator[Callable[[list[bytes], float], str]]:
    """A server on loopback that answers one call with these pieces, so many seconds apart; returns its URL."""
    sockets = []

    def start(pieces: list[bytes], pause: float) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)
        over = threading.Event()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                for piece in pieces:
                    try:
                        connection.sendall(piece)
                    except OSError:
                        return
                    over.wait(pause)

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/health?full=1"

    yield start
    for server in sockets:
        server.close()


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_out_there(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "198.18.0.1", "::1", "::",
        "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::",
        "2002:a00:1::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_what_is_ours_or_nobodys(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "scheme"), ("ftp://example.com/", "scheme"), ("file:///etc/passwd", "url"),
        ("https://user:pw@example.com/", "userinfo"), ("https://example.com:22/", "port"), ("https://", "url"),
        ("https://example.com/a b", "url"), ("https://example.com/\r\nX: y", "url"), ("https://[::1/", "url"),
        ("https://example.com:99999/", "url"), ("example.com", "url"),
    ],
)  # fmt: skip
def test_what_is_refused_as_it_is_typed(url: str, code: str) -> None:
    with pytest.raises(RefusedUrl) as refusal:
        check_url(url)
    assert refusal.value.code == code


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]", "0"])
def test_odd_spellings_of_loopback_are_refused_after_resolving(host: str) -> None:
    with pytest.raises(RefusedUrl):
        get(f"https://{host}/", seconds=1)


def test_one_private_address_among_many_is_enough() -> None:
    with pytest.raises(RefusedUrl) as refusal:
        get("https://example.com/", seconds=1, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    assert refusal.value.code == "private_address"


def test_a_name_is_resolved_once_and_the_checked_address_called(serve: Callable[..., str]) -> None:
    url = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], 0).replace("127.0.0.1", "shop.test")
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    answer = get(url, seconds=2, allows_loopback=True, resolve=resolve)
    assert (answer.status, answer.body, asked) == (200, b"ok", ["shop.test"])


def test_a_redirect_is_an_answer_not_an_order(serve: Callable[..., str]) -> None:
    url = serve([b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"], 0)
    assert get(url, seconds=2, allows_loopback=True).status == 302


def test_a_trickle_is_cut_off(serve: Callable[..., str]) -> None:
    url = serve([b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 50], 0.1)
    with pytest.raises(CallFailed):
        get(url, seconds=0.4, allows_loopback=True)


def test_a_body_is_read_to_its_cap(serve: Callable[..., str]) -> None:
    url = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x" * 1_000_000], 0)
    assert len(get(url, seconds=5, allows_loopback=True).body) == 65_536


def test_proxy_variables_are_not_read(serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = serve([b"HTTP/1.1 204 No Content\r\n\r\n"], 0)
    assert get(url, seconds=2, allows_loopback=True).status == 204


def test_loopback_is_not_called_unless_allowed(serve: Callable[..., str]) -> None:
    with pytest.raises(RefusedUrl):
        get(serve([], 0), seconds=1)


def test_where_loopback_is_allowed_nothing_else_is_called_without_tls() -> None:
    with pytest.raises(RefusedUrl) as refusal:
        get("http://shop.test/", seconds=1, allows_loopback=True, resolve=lambda host, port: ["8.8.8.8"])
    assert refusal.value.code == "scheme"


def test_a_line_carries_many_calls_over_one_connection(serve: Callable[..., str]) -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nRetry-After: 7\r\n\r\na", b"HTTP/1.1 204 No Content\r\n\r\n"]
    line = Line(serve(answers, 0.2), allows_loopback=True)
    first, second = (line.call("POST", b"{}", seconds=2) for _ in range(2))
    line.close()
    assert (first.status, first.body, first.headers["retry-after"], second.status) == (200, b"a", "7", 204)


def test_a_connection_closed_meanwhile_is_replaced() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def answer_each_once() -> None:
        for _ in range(2):
            connection, _address = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=answer_each_once, daemon=True).start()
    line = Line(f"http://127.0.0.1:{server.getsockname()[1]}/", allows_loopback=True)
    assert [line.call("POST", b"x", seconds=2).status for _ in range(2)] == [200, 200]
    line.close()
    server.close()


def test_a_checked_address_that_does_not_answer_gives_way_to_the_next(serve: Callable[..., str]) -> None:
    url = serve([b"HTTP/1.1 204 No Content\r\n\r\n"], 0).replace("127.0.0.1", "shop.test")
    answer = get(url, seconds=2, allows_loopback=True, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert answer.status == 204
