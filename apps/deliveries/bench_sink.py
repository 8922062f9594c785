"""Where a benchmark's campaign goes: nginx, or the sandbox where there is no nginx."""

import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings

from apps.core.cpu import cpu_seconds_below
from apps.sandbox import sink
from apps.sandbox.credentials import SandboxCredentials, load_or_create
from config.processes import Child, Program
from config.up import programs

START_SECONDS = 120.0
# What the vendors allow on one connection (gateways.md).
_STREAMS = {"fcm": 100, "apns": 1000, "webpush": 100}


@dataclass(frozen=True, slots=True)
class OpenSink:
    """A running sink. distinct(): how many notifications it was given, each once; stops it first.

    arrivals(): when each notification first came, as unix seconds; up to a second behind.
    """

    name: str
    house: programs.Options
    credentials: SandboxCredentials
    cpu_seconds: Callable[[], float]
    distinct: Callable[[], int]
    arrivals: Callable[[], dict[str, float]]


@contextmanager
def open_sink(options: dict[str, Any], name: str = "sink") -> Iterator[OpenSink]:
    """A sink of the benchmark's own on three free ports, the fastest that this machine has. name: its folder."""
    opened = _nginx if sink.is_available() else _sandbox
    with opened(options, name, *_house(options)) as running:
        yield running


def _house(options: dict[str, Any]) -> tuple[programs.Options, SandboxCredentials]:
    port = free_ports()
    house = programs.Options(
        data_dir=settings.DATA_DIR, port=port, sandbox_port=port, workers=options["workers"], demo=False
    )
    return house, load_or_create(settings.DATA_DIR, house.sandbox_ports[0])


@contextmanager
def _nginx(
    options: dict[str, Any], name: str, house: programs.Options, credentials: SandboxCredentials
) -> Iterator[OpenSink]:
    folder = settings.DATA_DIR / name
    nginx = sink.Sink(folder, credentials, delay_ms=options["sink_delay_ms"], streams=_STREAMS[options["gateway"]])
    child = Child(Program(name, nginx.command, folder / "nginx.log"))
    child.start()
    try:
        for port in house.sandbox_ports:
            wait_for_port(port)

        def distinct() -> int:
            child.stop()
            return nginx.distinct()

        cpu_seconds = partial(cpu_seconds_below, child.pid)
        yield OpenSink("nginx", house, credentials, cpu_seconds, distinct, nginx.arrivals)
    finally:
        child.stop()


@contextmanager
def _sandbox(
    options: dict[str, Any], name: str, house: programs.Options, credentials: SandboxCredentials
) -> Iterator[OpenSink]:
    child = Child(programs.sandbox(house))
    child.start()
    try:
        wait_for_port(house.sandbox_ports[0])
        if options["sink_delay_ms"]:
            script = {"gateway": options["gateway"], "behaviour": "slow", "seconds": options["sink_delay_ms"] / 1000}
            ask_sandbox(credentials, "/_script", script)
        yield OpenSink(
            "python sandbox (nginx with its echo module is not installed)",
            house,
            credentials,
            partial(cpu_seconds_below, child.pid),
            lambda: int(ask_sandbox(credentials, "/_inbox?limit=0")["distinct"]),
            partial(_inbox_arrivals, credentials),
        )
    finally:
        child.stop()


def _inbox_arrivals(credentials: SandboxCredentials) -> dict[str, float]:
    arrived: dict[str, float] = {}
    for message in ask_sandbox(credentials, "/_inbox?fields=notification_id,received_at")["messages"]:
        arrived.setdefault(message["notification_id"], datetime.fromisoformat(message["received_at"]).timestamp())
    return arrived


def ask_sandbox(credentials: SandboxCredentials, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One call of the sandbox's own doors."""
    request = urllib.request.Request(f"{credentials.base_url}{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, Any] = json.loads(response.read() or b"{}")
        return answer


def free_ports() -> int:
    """The first of three neighbours that nobody has, not even as the near end of a connection."""
    while True:
        with ExitStack() as held, suppress(OSError, OverflowError):
            probes = [held.enter_context(socket.socket()) for _ in range(3)]
            probes[0].bind(("127.0.0.1", 0))
            first = int(probes[0].getsockname()[1])
            for offset in (1, 2):
                probes[offset].bind(("127.0.0.1", first + offset))
            return first


def wait_for_port(port: int) -> None:
    """Raises RuntimeError after START_SECONDS: a busy machine takes long over a web server."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if _answers(port):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing opened port {port}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
