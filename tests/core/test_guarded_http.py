"""The guarded client reaches the internet, and nothing of ours."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import parse_headers
from itertools import islice
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from apps.core.guarded_http import CallFailed, Line, RefusedUrl, check_url, get, is_public

type Serve = Callable[[list[bytes], float], str]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
# None of these is awaited: an answer comes at once, however busy the machine is.
SECONDS = 30


def take_request(reader: BinaryIO) -> None:
    """All of it: whoever closes with something unread cuts off the answer."""
    reader.readline()
    reader.read(int(parse_headers(reader).get("Content-Length", 0)))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server on loopback that answers one call with these pieces, so many seconds apart; returns its URL."""
    sockets = []

    def start(pieces: list[bytes], pause: float) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)
        over = threading.Event()

        def answer() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as reader:
                take_request(reader)
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


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8", "2a00::5efe:808:808"]
)
def test_what_is_out_there(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "198.18.0.1", "::1", "::",
        "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::",
        "2002:a00:1::", "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16",
        "192.0.2.1", "0.1.2.3", "127.255.255.254", "::7f00:1", "::8.8.8.8", "::ffff:0.0.0.0", "::ffff:a9fe:a9fe",
        "::ffff:0:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::c0a8:1", "64:ff9b:1::808:808",
        "64:ff9b:1:7f00:0:100:808:808", "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:f7f7:f7f7", "2002:808:808::",
        "2002:c0a8:101::1", "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:a00:1", "2001:2::1", "100::1", "3fff::1",
        "5f00::1", "fd00:ec2::254", "febf::1", "ff0e::1",
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
        ("https://example.com:99999/", "url"), ("example.com", "url"), ("gopher://127.0.0.1:443/_GET", "scheme"),
        ("https://0000:1/", "port"), ("//example.com/", "scheme"), ("https://example.com@127.0.0.1/", "userinfo"),
        ("https://@127.0.0.1/", "userinfo"), ("https://example.com\t.test/", "url"),
    ],
)  # fmt: skip
def test_what_is_refused_as_it_is_typed(url: str, code: str) -> None:
    with pytest.raises(RefusedUrl) as refusal:
        check_url(url)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "0x7f.1", "017700000001", "0", "0x0", "00.0.0.0",
        "0xa9fea9fe", "2852039166", "3232235777", "0300.0250.0.1", "localhost", "LOCALHOST", "127。0。0。1",
        "①②⑦.⓪.⓪.①", "ｌocalhost", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[fe80::1%lo]",
    ],
)  # fmt: skip
def test_odd_spellings_of_what_is_ours_are_refused_after_resolving(host: str) -> None:
    with pytest.raises(RefusedUrl) as refusal:
        get(f"https://{host}/", seconds=1)
    assert refusal.value.code == "private_address"


def test_one_private_address_among_many_is_enough() -> None:
    with pytest.raises(RefusedUrl) as refusal:
        get("https://example.com/", seconds=1, resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    assert refusal.value.code == "private_address"


def test_a_name_is_resolved_once_and_the_checked_address_called(serve: Serve) -> None:
    url = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], 0).replace("127.0.0.1", "shop.test")
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    answer = get(url, seconds=SECONDS, allows_loopback=True, resolve=resolve)
    assert (answer.status, answer.body, asked) == (200, b"ok", ["shop.test"])


def test_a_redirect_is_an_answer_not_an_order(serve: Serve) -> None:
    url = serve([b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"], 0)
    assert get(url, seconds=SECONDS, allows_loopback=True).status == 302


def test_a_trickle_is_cut_off(serve: Serve) -> None:
    url = serve([b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 50], 0.1)
    with pytest.raises(CallFailed):
        get(url, seconds=0.4, allows_loopback=True)


def test_a_body_is_read_to_its_cap(serve: Serve) -> None:
    url = serve([b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x" * 1_000_000], 0)
    assert len(get(url, seconds=SECONDS, allows_loopback=True).body) == 65_536


def test_proxy_variables_are_not_read(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    url = serve([b"HTTP/1.1 204 No Content\r\n\r\n"], 0)
    assert get(url, seconds=SECONDS, allows_loopback=True).status == 204


def test_loopback_is_not_called_unless_allowed(serve: Serve) -> None:
    with pytest.raises(RefusedUrl):
        get(serve([], 0), seconds=1)


def test_where_loopback_is_allowed_nothing_else_is_called_without_tls() -> None:
    with pytest.raises(RefusedUrl) as refusal:
        get("http://shop.test/", seconds=1, allows_loopback=True, resolve=lambda host, port: ["8.8.8.8"])
    assert refusal.value.code == "scheme"


@contextmanager
def answering(answers: list[bytes], *, closes: bool) -> Iterator[str]:
    """A server on loopback that answers each request with the next of these; its URL. closes: after each."""
    server, left = socket.create_server(("127.0.0.1", 0)), iter(answers)

    def answer() -> None:
        for _ in answers if closes else answers[:1]:
            connection, _address = server.accept()
            with connection, connection.makefile("rb") as reader:
                for one in islice(left, 1) if closes else left:
                    take_request(reader)
                    connection.sendall(one)

    threading.Thread(target=answer, daemon=True).start()
    with server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_line_carries_many_calls_over_one_connection() -> None:
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nRetry-After: 7\r\n\r\na", b"HTTP/1.1 204 No Content\r\n\r\n"]
    with answering(answers, closes=False) as url:
        line = Line(url, allows_loopback=True)
        first, second = (line.call("POST", b"{}", seconds=SECONDS) for _ in range(2))
        line.close()
    assert (first.status, first.body, first.headers["retry-after"], second.status) == (200, b"a", "7", 204)


def test_a_connection_closed_meanwhile_is_replaced() -> None:
    with answering([OK, OK], closes=True) as url:
        line = Line(url, allows_loopback=True)
        assert [line.call("POST", b"x", seconds=SECONDS).status for _ in range(2)] == [200, 200]
        line.close()


def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed_there() -> None:
    """Rebinding: the attacker's own name server answers with something of ours once the first answer was checked."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"]])
    with answering([OK, OK], closes=True) as url:
        there = url.replace("127.0.0.1", "shop.test")
        with socket.create_server(("127.0.0.2", urlsplit(url).port or 0)) as inner:
            line = Line(there, allows_loopback=True, resolve=lambda host, port: next(answers))
            assert [line.call("POST", b"x", seconds=SECONDS).status for _ in range(2)] == [200, 200]
            line.close()
            inner.settimeout(0.0)
            with pytest.raises(BlockingIOError):
                inner.accept()
    assert next(answers) == ["127.0.0.2"], "the name was asked for once"
    with pytest.raises(RefusedUrl) as refusal:
        Line(there, allows_loopback=True, resolve=lambda host, port: next(answers))
    assert refusal.value.code == "private_address"


def test_a_checked_address_that_does_not_answer_gives_way_to_the_next(serve: Serve) -> None:
    url = serve([b"HTTP/1.1 204 No Content\r\n\r\n"], 0).replace("127.0.0.1", "shop.test")
    answer = get(url, seconds=SECONDS, allows_loopback=True, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert answer.status == 204
