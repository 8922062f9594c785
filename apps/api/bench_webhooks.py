"""`bench webhooks`: how fast what is recorded reaches an app's own server, with a dead endpoint beside it."""

import asyncio
import multiprocessing
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from time import monotonic
from typing import Any

from django.utils import timezone

from apps.accounts.models import App
from apps.api.webhooks.event_types import EVENT_TYPES
from apps.api.webhooks.models import WebhookAttempt
from apps.api.webhooks.services.courier import Courier
from apps.api.webhooks.services.endpoints import create_endpoint
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.deliveries.bench import make_bench_world
from apps.deliveries.models import Dispatch
from apps.deliveries.services.ledger import LedgerRow, append_outcomes
from apps.devices.models import Device

Say = Callable[[str], None]
_SLICE = 100
_LONGEST_SECONDS = 600
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_SEQUENCE = re.compile(rb'"sequence":(\d+)')
# One process that shares nothing but two numbers; forked before any thread is.
_fork = multiprocessing.get_context("fork")


def webhooks(options: dict[str, Any], say: Say) -> Measured:
    """`--devices` outcomes of one campaign, recorded in slices of 100, told to an endpoint that answers at once.

    Beside it stands an endpoint that takes connections and never answers. Fails unless every event came. Extra fields:
    requests, database_us_per_item, dead_tries (of the neighbour).
    """
    count, now = options["devices"], timezone.now()
    with _receiver() as (port, told), _dead() as dead_port:
        app = make_bench_world(devices=count, gateway="fcm", now=now)
        for one in (port, dead_port):
            create_endpoint(
                app=app, url=f"http://127.0.0.1:{one}/", types=EVENT_TYPES, description="", actor="bench",
                allows_loopback=True, now=now,
            )  # fmt: skip
        say(f"recording {count:,} outcomes")
        _record(app, now)
        courier = Courier(clock=timezone.now, chance=Random(), allows_loopback=True)  # noqa: S311
        end = monotonic() + _LONGEST_SECONDS
        database = database_cpu_seconds()
        with timed() as watch:
            courier.deliver(lambda: told.value >= count or monotonic() > end)
        database = database_cpu_seconds() - database
    if told.value != count:
        raise RuntimeError(f"{count} events were recorded, {told.value} were told")
    return watch.measured(
        "webhooks",
        unit="events",
        rows=count,
        requests=WebhookAttempt.objects.filter(result="delivered").count(),
        dead_tries=WebhookAttempt.objects.exclude(result="delivered").count(),
        database_us_per_item=round(database * 1e6 / count, 1),
        leaves_out="recording; the receiver (a process of its own that reads every body and counts its events) shares"
        " the machine, its CPU is not counted; plain http on loopback, so no TLS (a handshake each 30 s a connection)",
    )


def _record(app: App, now: datetime) -> None:
    """A campaign's ledger as workers write it, each slice at a time of its own."""
    devices = list(Device.objects.filter(app=app).order_by("pk").values_list("customer_id", "pk"))
    dispatch = Dispatch.objects.create(
        app=app, kind="campaign", lane="bulk", origin="campaign:1", occurrence="1", state="done", planned_on=now.date(),
        planned_devices=len(devices), created_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    for first in range(0, len(devices), _SLICE):
        rows = [
            LedgerRow(dispatch.planned_on, dispatch.pk, customer_id, device_id, app.pk, 1, 1, 1, 0, 1, "en", "", "")
            for customer_id, device_id in devices[first : first + _SLICE]
        ]
        append_outcomes(outcomes=rows, now=now + timedelta(milliseconds=first // _SLICE), may_repeat=False)


@contextmanager
def _receiver() -> Iterator[tuple[int, Any]]:
    """A server in a process of its own: its port, and how many different events it was told."""
    told = _fork.Value("q", 0)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        process = _fork.Process(target=_serve, args=(server, told), daemon=True)
        process.start()
        try:
            yield server.getsockname()[1], told
        finally:
            process.terminate()
            process.join()


@contextmanager
def _dead() -> Iterator[int]:
    """Takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        yield server.getsockname()[1]


def _serve(server: socket.socket, told: Any) -> None:
    seen: set[bytes] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            size = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])  # type: ignore[index]
            seen.update(_SEQUENCE.findall(await reader.readexactly(size)))
            told.value = len(seen)
            writer.write(_ANSWER)

    async def serve() -> None:
        async with await asyncio.start_server(answer, sock=server) as running:
            await running.serve_forever()

    asyncio.run(serve())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
