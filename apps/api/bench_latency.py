"""`bench accept_to_gateway`: how long a push takes from its caller to the vendor, idle and while a campaign runs.

Offered in an open loop: each request has its time, and its latency counts from that time however late the machine was,
until the vendor's emulator has it. A request that never arrives counts as infinitely late.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any

from django.utils import timezone

from apps.accounts.models import App
from apps.api.bench_refreshes import beside_refreshes, make_refresh_world
from apps.api.services.keys import create_api_key
from apps.core.bench import Measured, Stopwatch, timed
from apps.core.cpu import cpu_seconds_below, database_cpu_seconds
from apps.deliveries.bench import launch, make_bench_world, settle, wait_for_beat, wait_until_done
from apps.deliveries.bench_sink import OpenSink, free_ports, open_sink, wait_for_port
from apps.devices.models import Device
from config.processes import Child
from config.up import programs

RECEIVERS = 1_000
WARM_UP_SECONDS = 3.0
ARRIVAL_SECONDS = 15.0
# So many requests may be unanswered at once before the offering itself would be late.
CALLERS = 64

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Sent:
    """One request. due_at, answered_at: unix seconds. delivery_id "" = not accepted."""

    due_at: float
    answered_at: float
    delivery_id: str


@dataclass(slots=True)
class _Offer:
    """Pushes at a steady rate, to people in turn."""

    port: int
    key: str
    addresses: list[str]
    per_second: float
    _local: threading.local = field(default_factory=threading.local)

    def until(self, is_over: Callable[[], bool]) -> list[_Sent]:
        """Send on schedule until it is over, and wait for every answer."""
        begun, futures = time.time(), list[Future[_Sent]]()
        with ThreadPoolExecutor(CALLERS) as pool:
            while not is_over():
                due_at = begun + len(futures) / self.per_second
                time.sleep(max(0.0, due_at - time.time()))
                futures.append(pool.submit(self._send, due_at, self.addresses[len(futures) % len(self.addresses)]))
            return [future.result() for future in futures]

    def seconds(self, seconds: float) -> list[_Sent]:
        end = time.monotonic() + seconds
        return self.until(lambda: time.monotonic() >= end)

    def _send(self, due_at: float, address: str) -> _Sent:
        body = json.dumps({"device_tokens": [address], "title": "Your code", "body": "123 456"})
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection = self._connection()
            connection.request("POST", "/v2.1/push", body, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            self._local.connection = None
            return _Sent(due_at, inf, "")
        accepted = answer["data"][0].get("delivery_id") if response.status == 202 else None
        return _Sent(due_at, time.time(), accepted or "")

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        return self._local.connection


@dataclass(slots=True)
class _Bulk:
    """Campaigns run one after the other: how many devices, in how many seconds."""

    devices: int = 0
    seconds: float = 0.0

    def run(self, app: App, say: Say) -> None:
        begun = time.perf_counter()
        dispatch = launch(app, cap_count=1_000_000)
        wait_until_done(dispatch, say)
        self.devices += dispatch.planned_devices
        self.seconds += time.perf_counter() - begun

    @property
    def rate(self) -> float:
        return self.devices / self.seconds


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the measurements work with. inbox: where the requests' pushes go.

    peopled: the app whose segments fall due; None unless asked for. lane: the requests' gateway.
    """

    offer: _Offer
    inbox: OpenSink
    house: list[Child]
    crowd: App
    peopled: App | None
    lane: str


@dataclass(frozen=True, slots=True)
class _Found:
    """The requests of each part, what an idle house spent on them, and what campaigns and refreshes did meanwhile."""

    idle: list[_Sent]
    busy: list[_Sent]
    refreshing: list[_Sent]
    arrived: Mapping[str, float]
    watch: Stopwatch
    spent: dict[str, Any]
    bulk: dict[str, Any]
    refreshes: dict[str, Any]


def accept_to_gateway(options: dict[str, Any], say: Say) -> Measured:
    """`--offered` one-token requests a second for `--seconds`, first idle, then while campaigns of `--devices` run.

    Extra fields: idle_ and busy_ p50_ms, p99_ms (null where so many were lost), lost, answer_p50_ms and answer_p99_ms
    (until the API had answered); bulk_rate (campaigns alone, before and after, from launch to done), busy_bulk_rate,
    busy_rate_share; cpu_us_per_item, cpu_us_by_program and database_us_per_item are what an idle house spends on a
    request, its ticks included. With `--due-segments` also refreshing_ p50_ms and so on, while so many are refreshed
    and no campaign runs (bench_refreshes), with refresh_seconds, due_segments and refreshed.
    """
    with ExitStack() as running:
        stage = _open_stage(running, options, timezone.now(), say)
        found = _measured(stage, options, say)
    return found.watch.measured(
        "accept_to_gateway",
        unit="requests",
        rows=len(found.idle),
        offered_per_second=options["offered"],
        **_latencies("idle", found.idle, found.arrived),
        **_latencies("busy", found.busy, found.arrived),
        **(_latencies("refreshing", found.refreshing, found.arrived) if found.refreshing else {}),
        **found.spent,
        **found.bulk,
        **found.refreshes,
        busy_requests=len(found.busy),
        gateway=stage.lane,
        bulk_gateway=options["gateway"],
        workers=options["workers"],
        sink=f"{stage.inbox.name} for the requests, another for the campaign, on the same machine",
        leaves_out=f"the first {WARM_UP_SECONDS:.0f} s, which open the connections; the callers share the machine",
    )


def _measured(stage: _Stage, options: dict[str, Any], say: Say) -> _Found:
    """All parts, one after the other, on one warm house."""
    wait_for_beat(say)
    stage.offer.seconds(WARM_UP_SECONDS)
    settle()
    say("idle")
    idle, watch, spent = _measured_idle(stage.offer, stage.house, options["seconds"])
    busy, bulk = _measured_busy(stage, options["seconds"], say)
    refreshing, refreshes = _measured_refreshing(stage, options["due_segments"], say)
    arrived = _arrivals(stage.inbox, idle + busy + refreshing)
    return _Found(idle, busy, refreshing, arrived, watch, spent, bulk, refreshes)


def _open_stage(running: ExitStack, options: dict[str, Any], now: datetime, say: Say) -> _Stage:
    """Two sinks, their people, and a house between them; all closed with `running`."""
    lane = "fcm" if options["gateway"] == "apns" else "apns"
    inbox = running.enter_context(open_sink({**options, "gateway": lane, "sink_delay_ms": 0}, "inbox"))
    sink = running.enter_context(open_sink(options))
    say(f"making {options['devices']:,} devices")
    crowd = make_bench_world(devices=options["devices"], gateway=options["gateway"], now=now, sandbox=sink.credentials)
    few = make_bench_world(devices=RECEIVERS, gateway=lane, now=now, sandbox=inbox.credentials, slug="codes")
    peopled = make_refresh_world(options, now, say)
    port, house = running.enter_context(_house(sink, _addresses(lane, inbox)))
    offer = _Offer(port, _key(few, now), _tokens(few), options["offered"])
    return _Stage(offer, inbox, house, crowd, peopled, lane)


def _measured_idle(offer: _Offer, house: list[Child], seconds: float) -> tuple[list[_Sent], Stopwatch, dict[str, Any]]:
    """What an idle house spends on requests: the watch with the CPU of its programs, and whose it was."""
    cpu, database = _cpu(house), database_cpu_seconds()
    with timed() as watch:
        sent = offer.seconds(seconds)
    spent = {name: seconds - cpu[name] for name, seconds in _cpu(house).items()}
    watch.cpu_seconds, database = sum(spent.values()), database_cpu_seconds() - database
    fields = {
        "database_us_per_item": round(database * 1e6 / len(sent), 2),
        "cpu_us_by_program": {name: round(seconds * 1e6 / len(sent)) for name, seconds in spent.items()},
    }
    return sent, watch, fields


def _measured_busy(stage: _Stage, seconds: float, say: Say) -> tuple[list[_Sent], dict[str, Any]]:
    """Requests beside campaigns, and what these lost by them.

    Campaigns run alone before and after: a machine that grows faster or slower meanwhile favours neither.
    """
    alone, beside = _Bulk(), _Bulk()
    say("a campaign alone")
    alone.run(stage.crowd, say)
    say("busy")
    sent = _while_busy(stage.offer, stage.crowd, beside, seconds, say)
    say("a campaign alone, once more")
    alone.run(stage.crowd, say)
    return sent, {
        "bulk_rate": round(alone.rate, 1),
        "busy_bulk_rate": round(beside.rate, 1),
        "busy_rate_share": round(beside.rate / alone.rate, 3),
        "bulk_devices": beside.devices,
    }


def _measured_refreshing(stage: _Stage, segments: int, say: Say) -> tuple[list[_Sent], dict[str, Any]]:
    """Requests beside segments that are all due at once; nothing where none were asked for."""
    if not stage.peopled:
        return [], {}
    return beside_refreshes(stage.peopled, segments, stage.offer.until, say)


def _while_busy(offer: _Offer, crowd: App, bulk: _Bulk, seconds: float, say: Say) -> list[_Sent]:
    """Requests from the launch of a campaign until the end of the last one; as many campaigns as the time takes."""
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(offer.until, is_over.is_set)
        try:
            while bulk.seconds < seconds:
                bulk.run(crowd, say)
        finally:
            is_over.set()
        return sending.result()


@contextmanager
def _house(sink: OpenSink, addresses: Mapping[str, str]) -> Iterator[tuple[int, list[Child]]]:
    """Web server, workers and beat as `up` starts them, but for the addresses. Yields the web server's port."""
    house = replace(sink.house, port=free_ports())
    children = [
        Child(replace(program, environment={**(program.environment or {}), **addresses}))
        for program in (programs.web(house), *programs.celery(house))
    ]
    try:
        for child in children:
            child.start()
        wait_for_port(house.port)
        yield house.port, children
    finally:
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()


def _addresses(lane: str, inbox: OpenSink) -> dict[str, str]:
    """The campaign's sink is the default; this sends one gateway elsewhere."""
    if lane == "apns":
        return {"APNS_HOST": "127.0.0.1", "APNS_PORT": str(inbox.house.sandbox_ports[1])}
    return {"FCM_BASE_URL": inbox.credentials.base_url_tls}


def _key(app: App, now: datetime) -> str:
    return create_api_key(app=app, kind="live", scopes=["push:send"], name="bench", now=now)[1]


def _tokens(app: App) -> list[str]:
    """Of those who have not refused push."""
    devices = Device.objects.filter(app=app, customer__push_consent=None).order_by("id")
    return list(devices.values_list("address", flat=True))


def _cpu(house: list[Child]) -> dict[str, float]:
    return {child.program.name: cpu_seconds_below(child.pid) for child in house}


def _arrivals(inbox: OpenSink, sent: list[_Sent]) -> dict[str, float]:
    """When each delivery was first at the vendor. Waits a while for the last ones."""
    wanted = {one.delivery_id for one in sent if one.delivery_id}
    deadline = time.monotonic() + ARRIVAL_SECONDS
    arrived: dict[str, float] = {}
    while not wanted <= arrived.keys() and time.monotonic() < deadline:
        time.sleep(0.2)
        arrived = inbox.arrivals()
    return arrived


def _latencies(when: str, sent: list[_Sent], arrived: Mapping[str, float]) -> dict[str, Any]:
    """Milliseconds from the scheduled time."""
    waits = sorted(arrived.get(one.delivery_id, inf) - one.due_at for one in sent)
    answers = sorted(one.answered_at - one.due_at for one in sent)
    return {
        f"{when}_p50_ms": _percentile(waits, 50),
        f"{when}_p99_ms": _percentile(waits, 99),
        f"{when}_lost": waits.count(inf),
        f"{when}_answer_p50_ms": _percentile(answers, 50),
        f"{when}_answer_p99_ms": _percentile(answers, 99),
    }


def _percentile(seconds: list[float], percent: int) -> float | None:
    chosen = seconds[min(len(seconds) - 1, len(seconds) * percent // 100)]
    return None if chosen == inf else round(chosen * 1000, 1)
