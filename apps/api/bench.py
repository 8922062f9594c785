"""`bench accept`: how fast POST /v2.1/push takes transactional pushes, and how long a caller waits."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.accounts.models import App
from apps.api.bench_clients import Clients, percentile, post, web_server
from apps.api.services.keys import create_api_key
from apps.core.bench import Measured, timed
from apps.core.cpu import cpu_seconds_below, database_cpu_seconds
from apps.deliveries.bench import make_bench_world, settle
from apps.deliveries.models import Dispatch

Say = Callable[[str], None]
_DEVICES = 1_000
_WARM_UP = 500


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
    server, port = web_server()
    try:
        Clients(port, options["clients"]).fire(_requests(key, _WARM_UP))
        settle()
        clients = Clients(port, options["clients"])
        web, database = cpu_seconds_below(server.pid), database_cpu_seconds()
        with timed() as watch:
            waits = clients.fire(_requests(key, count))
        web, database = cpu_seconds_below(server.pid) - web, database_cpu_seconds() - database
    finally:
        server.stop()
    _require_stored(_WARM_UP + count)
    client_seconds, watch.cpu_seconds = watch.cpu_seconds, web + database
    return watch.measured(
        "accept",
        unit="requests",
        rows=count,
        p50_ms=percentile(waits, 50),
        p99_ms=percentile(waits, 99),
        clients=options["clients"],
        web_us_per_item=round(web * 1e6 / count, 1),
        database_us_per_item=round(database * 1e6 / count, 1),
        client_us_per_item=round(client_seconds * 1e6 / count, 1),
        leaves_out=f"sending (no worker runs); {_WARM_UP} requests to warm up; the rate limit is lifted; the clients"
        " (one lean process) share the machine: their CPU is in client_us_per_item, not in cpu_us_per_item",
    )


def _key(app: App, now: datetime) -> str:
    return create_api_key(app=app, kind="live", scopes=["push:send"], name="bench", now=now)[1]


def _requests(key: str, count: int) -> Iterator[bytes]:
    run = uuid.uuid4().hex
    for number in range(count):
        token, code = f"bench-{number % _DEVICES + 1}", f"{number:06}"
        body = json.dumps({"device_tokens": [token], "title": "Your code", "body": f"{code[:3]} {code[3:]}"})
        yield post("/v2.1/push", key, body, f"Idempotency-Key: {run}-{number}")


def _require_stored(count: int) -> None:
    stored = Dispatch.objects.filter(origin="push").count()
    if stored != count:
        raise RuntimeError(f"{count} pushes were accepted, {stored} are stored")
