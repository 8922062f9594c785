"""What the API's benchmarks share: the web server as `up` starts it, and many lean clients in one process."""

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings

from apps.deliveries.bench_sink import wait_for_port
from config.processes import Child
from config.up import programs

_SLOWEST_ANSWER_SECONDS = 30


def web_server() -> tuple[Child, int]:
    """The web server of `up` on a free port, answering."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    house = programs.Options(data_dir=settings.DATA_DIR, port=port, sandbox_port=None, workers=1, demo=False)
    program = programs.web(house)
    unlimited = {**(program.environment or {}), "API_REQUESTS_PER_MINUTE": "1000000000"}
    server = Child(replace(program, environment=unlimited))
    server.start()
    try:
        wait_for_port(port)
    except RuntimeError as late:
        server.stop()
        raise RuntimeError(f"the web server did not start; see {server.program.log}") from late
    return server, port


class Clients:
    """Keep-alive connections in one thread, each with one request under way: as little CPU as Python can do with."""

    def __init__(self, port: int, count: int) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for one in self._sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fire(self, requests: Iterator[bytes], status: int = 202) -> list[float]:
        """How long each request waited for its answer, in milliseconds, in order of size.

        Raises RuntimeError unless every answer had this status.
        """
        waits: list[float] = []
        begun: dict[socket.socket, float] = {}
        with selectors.DefaultSelector() as selector:
            for client, request in zip(self._sockets, requests, strict=False):
                selector.register(client, selectors.EVENT_READ)
                begun[client] = _send(client, request)
            while begun:
                for ready, _events in selector.select(_SLOWEST_ANSWER_SECONDS) or _too_slow():
                    one: socket.socket = ready.fileobj  # type: ignore[assignment] # only sockets are registered
                    _read_answer(one, status)
                    waits.append((time.perf_counter() - begun.pop(one)) * 1000)
                    request = next(requests, b"")
                    if request:
                        begun[one] = _send(one, request)
        for one in self._sockets:
            one.close()
        return sorted(waits)


def post(path: str, key: str, body: str, *headers: str) -> bytes:
    """One request as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        *headers,
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def _send(one: socket.socket, request: bytes) -> float:
    one.sendall(request)
    return time.perf_counter()


def _read_answer(one: socket.socket, status: int) -> None:
    """Read one whole answer of that status."""
    answer = one.recv(65536)
    head, found, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
    if not (found and head.startswith(b"HTTP/1.1 %d" % status) and length):
        raise RuntimeError(f"not answered with {status}: {answer[:500]!r}")
    while len(body) < length:
        body += one.recv(65536) or _too_slow()


def _too_slow() -> Any:
    raise RuntimeError("the web server does not answer")


def percentile(waits: list[float], percent: int) -> float:
    """Of waits in order of size."""
    return round(waits[min(len(waits) - 1, len(waits) * percent // 100)], 1)
