"""`bench accept`: how fast POST /v2.1/push takes transactional pushes, and how long a caller waits."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched
from typing import Any

from django.conf import settings
from django.utils import timezone

from apps.accounts.models import App
from apps.api.services.keys import create_api_key
from apps.core.bench import Measured, timed
from apps.deliveries.bench import make_bench_world
from config.processes import Child
from config.up import programs

Say = Callable[[str], None]


def accept(options: dict[str, Any], say: Say) -> Measured:
    """One-token requests from concurrent keep-alive clients against the real web server; no worker runs.

    Extra fields: p50_ms, p99_ms as the clients saw them, clients, refused. The clients share the machine.
    """
    now = timezone.now()
    app = make_bench_world(devices=1_000, gateway="fcm", now=now)
    server, port = _web_server()
    try:
        with timed() as watch:
            waits, refused = _fire(port, _key(app, now), options["requests"], options["clients"])
    finally:
        server.stop()
    waits.sort()
    return watch.measured(
        "accept",
        unit="requests",
        rows=len(waits),
        p50_ms=_percentile(waits, 50),
        p99_ms=_percentile(waits, 99),
        clients=options["clients"],
        refused=refused,
        leaves_out="sending (no worker runs); cpu_us_per_item is the clients' own",
    )


def _web_server() -> tuple[Child, int]:
    """The web server of `up` on a free port, answering."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    house = programs.Options(data_dir=settings.DATA_DIR, port=port, sandbox_port=None, workers=1, demo=False)
    server = Child(programs.web(house))
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


def _fire(port: int, key: str, count: int, clients: int) -> tuple[list[float], int]:
    """Waits in milliseconds, and how many requests were not answered 202."""
    shares = list(batched(range(count), -(-count // clients)))
    with ThreadPoolExecutor(clients) as pool:
        answers = [answer for part in pool.map(lambda share: _client(port, key, share), shares) for answer in part]
    return [wait for wait, _status in answers], sum(status != 202 for _wait, status in answers)


def _client(port: int, key: str, share: tuple[int, ...]) -> list[tuple[float, int]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answers = []
    for number in share:
        body = {"device_tokens": [f"bench-{number % 1_000 + 1}"], "title": "Your code", "body": "123 456"}
        started = time.perf_counter()
        connection.request("POST", "/v2.1/push", json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        answers.append(((time.perf_counter() - started) * 1000, response.status))
    connection.close()
    return answers


def _percentile(waits: list[float], percent: int) -> float:
    return round(waits[min(len(waits) - 1, len(waits) * percent // 100)], 1)
