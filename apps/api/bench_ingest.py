"""`bench events` and `bench register`: how fast the API takes what apps tell all day, events and registrations."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone

from apps.api.bench_clients import Clients, percentile, post, web_server
from apps.api.services.keys import create_api_key
from apps.core.bench import Measured, Stopwatch, timed
from apps.core.cpu import cpu_seconds_below, database_cpu_seconds
from apps.customers.models import Event
from apps.customers.services.partitions import ensure_partitions
from apps.deliveries.bench import make_bench_world
from apps.devices.models import Device
from apps.devices.services.launches import QUIET

Say = Callable[[str], None]
_PEOPLE = 50_000
_WARM_UP = 20
_NAMES = ("visit", "search", "add_to_cart", "purchase", "login")
_CATEGORIES = ("shoes", "books", "garden", "toys", "music")


def events(options: dict[str, Any], say: Say) -> Measured:
    """Events of 50,000 known people in requests of `--batch`, against the web server as `up` starts it.

    `--clients` keep-alive connections, each with one request under way; no worker runs. Fails unless every answer was
    202 and every event stands in the database. Rate: events a second. Extra fields: requests_per_second, p50_ms and
    p99_ms of a request, batch, clients, and CPU an event as in `accept`.
    """
    now = timezone.now()
    app = make_bench_world(devices=_PEOPLE, gateway="fcm", now=now)
    ensure_partitions(now=now)
    _key, secret = create_api_key(app=app, kind="live", scopes=["events:write"], name="bench", now=now)
    batch, clients = options["batch"], options["clients"]
    count = max(1, options["events"] // batch)
    server, port = web_server()
    try:
        Clients(port, clients).fire(_event_requests(secret, _WARM_UP, batch))
        waits, watch, costs = _fired(server.pid, Clients(port, clients), _event_requests(secret, count, batch), 202)
    finally:
        server.stop()
    _require(Event.objects.count(), (_WARM_UP + count) * batch, "events")
    return watch.measured(
        "events",
        unit="events",
        rows=count * batch,
        requests_per_second=round(count / watch.seconds, 1),
        p50_ms=percentile(waits, 50),
        p99_ms=percentile(waits, 99),
        batch=batch,
        clients=clients,
        **{name: round(seconds * 1e6 / (count * batch), 1) for name, seconds in costs.items()},
        leaves_out=f"{_WARM_UP} requests to warm up; the rate limit is lifted; the clients share the machine, their CPU"
        " is in client_us_per_item, not in cpu_us_per_item",
    )


def register(options: dict[str, Any], say: Say) -> Measured:
    """Devices nobody has seen, each with a person nobody has seen; then the same launches again, twice.

    Rate: new registrations a second. Extra fields: p50_ms, p99_ms, clients; repeat_...: the same within the hour, which
    writes nothing; launch_...: the same after more than an hour, which is what most launches are; CPU a registration
    as in `accept`.
    """
    now = timezone.now()
    app = make_bench_world(devices=1_000, gateway="fcm", now=now)
    known = Device.objects.count()
    _key, secret = create_api_key(app=app, kind="live", scopes=["devices:write"], name="bench", now=now)
    count, clients = options["requests"], options["clients"]
    server, port = web_server()
    try:
        Clients(port, clients).fire(_launches(secret, "warm", _WARM_UP * 10), 201)
        waits, watch, costs = _fired(server.pid, Clients(port, clients), _launches(secret, "new", count), 201)
        again, repeat, _costs = _fired(server.pid, Clients(port, clients), _launches(secret, "new", count), 200)
        Device.objects.update(last_seen_at=now - 2 * QUIET)
        later, launch, _costs = _fired(server.pid, Clients(port, clients), _launches(secret, "new", count), 200)
    finally:
        server.stop()
    _require(Device.objects.count(), known + _WARM_UP * 10 + count, "devices")
    return watch.measured(
        "register",
        unit="registrations",
        rows=count,
        p50_ms=percentile(waits, 50),
        p99_ms=percentile(waits, 99),
        repeat_per_second=round(count / repeat.seconds, 1),
        repeat_p50_ms=percentile(again, 50),
        repeat_p99_ms=percentile(again, 99),
        launch_per_second=round(count / launch.seconds, 1),
        launch_p50_ms=percentile(later, 50),
        launch_p99_ms=percentile(later, 99),
        clients=clients,
        **{name: round(seconds * 1e6 / count, 1) for name, seconds in costs.items()},
        leaves_out="the rate limit is lifted; the clients share the machine, their CPU is in client_us_per_item, not in"
        " cpu_us_per_item",
    )


def _fired(
    server_pid: int, clients: Clients, requests: Iterator[bytes], status: int
) -> tuple[list[float], Stopwatch, dict[str, float]]:
    """The waits, the time taken with the CPU of server and database, and who used it (seconds)."""
    web, database = cpu_seconds_below(server_pid), database_cpu_seconds()
    with timed() as watch:
        waits = clients.fire(requests, status)
    web, database = cpu_seconds_below(server_pid) - web, database_cpu_seconds() - database
    costs = {
        "web_us_per_item": web,
        "database_us_per_item": database,
        "client_us_per_item": watch.cpu_seconds,
    }
    watch.cpu_seconds = web + database
    return waits, watch, costs


def _event_requests(key: str, count: int, batch: int) -> Iterator[bytes]:
    """Two properties and a time each, of people drawn by chance."""
    chance = random.Random(7)  # noqa: S311  (the same people in every run)
    started = timezone.now().isoformat()
    for _number in range(count):
        made = [
            {
                "customer": f"bench-{chance.randint(1, _PEOPLE)}",
                "name": chance.choice(_NAMES),
                "occurred_at": started,
                "properties": {"amount": chance.randint(1, 500), "category": chance.choice(_CATEGORIES)},
            }
            for _place in range(batch)
        ]
        yield post("/v2.1/events", key, json.dumps({"events": made}))


def _launches(key: str, run: str, count: int) -> Iterator[bytes]:
    for number in range(count):
        said = {
            "platform": "android",
            "provider": "fcm",
            "address": f"{run}-{number:08}-address",
            "customer": f"{run}-{number}",
            "locale": "pl-PL",
            "time_zone": "Europe/Warsaw",
            "app_version": "4.2.0",
            "os_version": "16",
            "model": "Pixel 9",
            "permission": "granted",
        }
        yield post("/v2.1/devices", key, json.dumps(said))


def _require(stored: int, expected: int, what: str) -> None:
    if stored != expected:
        raise RuntimeError(f"{expected} {what} were accepted, {stored} are stored")
