"""The proxy does to connections what it says, or the fault tests prove nothing."""

import socket
from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from time import monotonic

import pytest

from tests.faults.proxy import Proxy
from tests.house import wait_for


class Echo(StreamRequestHandler):
    """Says every line again."""

    def handle(self) -> None:
        for line in self.rfile:
            self.server.heard += 1  # type: ignore[attr-defined]
            self.wfile.write(line)


class EchoServer(ThreadingTCPServer):
    daemon_threads = True
    heard = 0


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo: EchoServer) -> Iterator[Proxy]:
    with Proxy(echo.server_address[1]) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connected(proxy) as client:
        assert said(client, b"hello\n") == b"hello\n"
        yield client


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def said(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    answer = b""
    while len(answer) < len(words):
        answer += client.recv(65536)
    return answer


def test_much_passes_unchanged_and_so_does_the_end(proxy: Proxy, client: socket.socket) -> None:
    much = b"x" * 300_000 + b"\n"
    assert said(client, much) == much
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""


def test_cut_resets_what_stands_and_takes_what_comes(proxy: Proxy, client: socket.socket) -> None:
    assert proxy.cut() == proxy.cut_count == 1
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connected(proxy) as another:
        assert said(another, b"again\n") == b"again\n"
    assert proxy.taken == 2


def test_hang_lets_nothing_through_until_healed(proxy: Proxy, client: socket.socket, echo: EchoServer) -> None:
    proxy.hang()
    client.sendall(b"anybody?\n")
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.recv(1)
    wait_for(lambda: proxy.held_bytes == 9, 5)
    assert echo.heard == 1
    proxy.heal()
    client.settimeout(60)
    assert client.recv(100) == b"anybody?\n"


def test_hanging_answers_let_the_question_through(proxy: Proxy, client: socket.socket, echo: EchoServer) -> None:
    proxy.hang(answers_only=True)
    client.sendall(b"anybody?\n")
    client.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.recv(1)
    wait_for(lambda: echo.heard == 2, 5)


def test_what_is_stranded_hangs_for_ever_and_what_comes_passes(proxy: Proxy, client: socket.socket) -> None:
    assert proxy.strand() == 1
    client.sendall(b"anybody?\n")
    client.settimeout(0.3)
    with connected(proxy) as another:
        assert said(another, b"hello\n") == b"hello\n"
    proxy.heal()
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_slow_is_byte_by_byte(proxy: Proxy, client: socket.socket) -> None:
    proxy.slow(100, answers_only=True)
    begun = monotonic()
    client.sendall(b"0123456789" * 3 + b"\n")
    while not client.recv(100).endswith(b"\n"):
        pass
    assert monotonic() - begun >= 0.3


def test_refuse_is_as_if_nobody_listened_until_healed(proxy: Proxy, client: socket.socket) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.heal()
    with connected(proxy) as another:
        assert said(another, b"again\n") == b"again\n"
