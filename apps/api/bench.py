"""`bench accept`: how fast POST /v2.1/push takes transactional pushes, and how long a caller waits."""

import json
import selectors
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.accounts.models import App
from apps.api.services.keys import create_api_key
from apps.core.bench import Measured, timed
from apps.core.cpu import cpu_seconds_below, database_cpu_seconds
from apps.deliveries.bench import make_bench_world
from apps.deliveries.models import Dispatch
from config.processes import Child
from config.up import programs

Say = Callable[[str], None]
_DEVICES = 1_000
_WARM_UP = 500
_SLOWEST_ANSWER_SECONDS = 30


def accept(options: dict[str, Any], say: Say) -> Measured:
    """One-token requests, each with its own text and idempotency key, against the web server as `up` starts it.

    `--clients` keep-alive connections, each with one request under way; no worker runs. Fails unless every answer was
    202 and every push stands in the database. Extra fields: p50_ms and p99_ms as the clients saw them, clients, and
    CPU a request, of which cpu_us_per_item is the sum without the clients: web_us_per_item, database_us_per_item,
    client_us_per_item.
    """
    now = timezone.now()
    app = make_bench_world(devices=_DEVICES, gateway="fcm", now=now)
    key, count = _key(app, now), options["requests"]
    server, port = _web_server()
    try:
        _Clients(port, options["clients"]).fire(_requests(key, _WARM_UP))
        clients = _Clients(port, options["clients"])
        web, database = cpu_seconds_below(server.pid), database_cpu_seconds()
        with timed() as watch:
            waits = sorted(clients.fire(_requests(key, count)))
        web, database = cpu_seconds_below(server.pid) - web, database_cpu_seconds() - database
    finally:
        server.stop()
    _require_stored(_WARM_UP + count)
    client_seconds, watch.cpu_seconds = watch.cpu_seconds, web + database
    return watch.measured(
        "accept",
        unit="requests",
        rows=count,
        p50_ms=_percentile(waits, 50),
        p99_ms=_percentile(waits, 99),
        clients=options["clients"],
        web_us_per_item=round(web * 1e6 / count, 1),
        database_us_per_item=round(database * 1e6 / count, 1),
        client_us_per_item=round(client_seconds * 1e6 / count, 1),
        leaves_out=f"sending (no worker runs); {_WARM_UP} requests to warm up; the rate limit is lifted; the clients"
        " (one lean process) share the machine: their CPU is in client_us_per_item, not in cpu_us_per_item",
    )


def _web_server() -> tuple[Child, int]:
    """The web server of `up` on a free port, answering."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    house = programs.Options(data_dir=settings.DATA_DIR, port=port, sandbox_port=None, workers=1, demo=False)
    program = programs.web(house)
    unlimited = {**(program.environment or {}), "API_REQUESTS_PER_MINUTE": "1000000000"}
    server = Child(replace(program, environment=unlimited))
    server.start()
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.1)
    server.stop()
    raise RuntimeError(f"the web server did not start; see {server.program.log}")


def _key(app: App, now: datetime) -> str:
    return create_api_key(app=app, kind="live", scopes=["push:send"], name="bench", now=now)[1]


def _requests(key: str, count: int) -> Iterator[bytes]:
    run = uuid.uuid4().hex
    for number in range(count):
        token, code = f"bench-{number % _DEVICES + 1}", f"{number:06}"
        body = json.dumps({"device_tokens": [token], "title": "Your code", "body": f"{code[:3]} {code[3:]}"})
        head = (
            f"POST /v2.1/push HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Idempotency-Key: {run}-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield f"{head}{body}".encode()


class _Clients:
    """Keep-alive connections in one thread, each with one request under way: as little CPU as Python can do with."""

    def __init__(self, port: int, count: int) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for one in self._sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fire(self, requests: Iterator[bytes]) -> list[float]:
        """How long each request waited for its answer, in milliseconds. Raises RuntimeError unless all were 202."""
        waits: list[float] = []
        begun: dict[socket.socket, float] = {}
        with selectors.DefaultSelector() as selector:
            for client, request in zip(self._sockets, requests, strict=False):
                selector.register(client, selectors.EVENT_READ)
                begun[client] = _send(client, request)
            while begun:
                for ready, _events in selector.select(_SLOWEST_ANSWER_SECONDS) or _too_slow():
                    one: socket.socket = ready.fileobj  # type: ignore[assignment] # only sockets are registered
                    _read_accepted(one)
                    waits.append((time.perf_counter() - begun.pop(one)) * 1000)
                    request = next(requests, b"")
                    if request:
                        begun[one] = _send(one, request)
        for one in self._sockets:
            one.close()
        return waits


def _send(one: socket.socket, request: bytes) -> float:
    one.sendall(request)
    return time.perf_counter()


def _read_accepted(one: socket.socket) -> None:
    """Read one whole answer, which must be 202."""
    answer = one.recv(65536)
    head, found, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
    if not (found and head.startswith(b"HTTP/1.1 202") and length):
        raise RuntimeError(f"not accepted: {answer[:500]!r}")
    while len(body) < length:
        body += one.recv(65536) or _too_slow()


def _too_slow() -> Any:
    raise RuntimeError("the web server does not answer")


def _require_stored(count: int) -> None:
    stored = Dispatch.objects.filter(origin="push").count()
    if stored != count:
        raise RuntimeError(f"{count} pushes were accepted, {stored} are stored")


def _percentile(waits: list[float], percent: int) -> float:
    return round(waits[min(len(waits) - 1, len(waits) * percent // 100)], 1)
