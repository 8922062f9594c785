"""`bench campaign` and `bench export`: the engine's whole road, and its CSV."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import App
from apps.core.bench import Measured, Stopwatch, peak_child_mb, timed
from apps.core.cpu import cpu_seconds_below, database_cpu_seconds
from apps.core.sql import Compiled, execute
from apps.deliveries.bench_baseline import compare
from apps.deliveries.bench_sink import OpenSink, open_sink
from apps.deliveries.models import Dispatch
from apps.deliveries.policy import Policy
from apps.deliveries.services.checks import check_ledger
from apps.deliveries.services.export import delivery_csv
from apps.deliveries.services.plan import ContentDraft, plan_dispatch
from apps.deliveries.states import OUTCOMES
from apps.devices.models import Channel
from apps.sandbox.credentials import SandboxCredentials, load_or_create
from config import heartbeat
from config.processes import Child
from config.up import programs

LONGEST_SECONDS = 3600
_PLATFORMS = {"fcm": "android", "apns": "ios", "webpush": "web"}
_EVERYBODY = "select id as customer_id from customers_customer where app_id = %(bench_app)s"
_AT_WORK = """
    select count(*),
           count(*) filter (where wait_event_type = 'Lock'),
           count(*) filter (where wait_event_type = 'LWLock')
    from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'
      and state = 'active' and pid <> pg_backend_pid()
"""
_HELLO = {"title": "{{ first_name | default: 'Hello' }}, a word", "body": "News from {{ city | default: 'town' }}."}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """One campaign from launch to done. Units: seconds; worker_mb of the largest worker."""

    dispatch: Dispatch
    planning: float
    sending: float
    watch: Stopwatch
    spent: "_Spent"
    waits: "_LockWaits"
    worker_mb: float


def campaign(options: dict[str, Any], say: Say) -> Measured:
    """One campaign from launch to done: plan, claim, render, real clients over TLS and HTTP/2, record.

    The sink is nginx where it is installed (see apps.sandbox.sink), else the slower sandbox. Fails if the ids that it
    counted differ from the ledger. Extra fields: distinct_at_sink, accepted, plan_seconds, sending_rate (no planning),
    worker_mb (the largest worker), wal_bytes_per_item, lock_waits_percent, cpu_us_by_program, CPU of database and sink,
    baseline where asked for: each library's rate and CPU, and how many times that the whole road is.
    """
    with open_sink(options) as sink:
        say(f"making {options['devices']:,} devices")
        app = make_bench_world(
            devices=options["devices"], gateway=options["gateway"], now=timezone.now(), sandbox=sink.credentials
        )
        run = _run(app, sink, say)
        accepted = _require_sums(run.dispatch, sink)
    rows = run.dispatch.planned_devices
    return run.watch.measured(
        "campaign",
        unit="deliveries",
        rows=rows,
        accepted=accepted,
        distinct_at_sink=accepted,
        plan_seconds=round(run.planning, 2),
        sending_rate=round(accepted / run.sending, 1),
        **_costs(run, rows),
        gateway=options["gateway"],
        workers=options["workers"],
        wire=settings.GATEWAY_ENDPOINTS.wire,
        sink=f"{sink.name} on the same machine, {options['sink_delay_ms']} ms",
        leaves_out="building the world; cpu_us_per_item is that of the product's own processes",
        **_baseline(options, say, rows / run.watch.seconds),
    )


def _run(app: App, sink: OpenSink, say: Say) -> _Run:
    """A house of workers and beat, started for it and stopped behind it."""
    with ExitStack() as running:
        workers = [Child(program) for program in programs.celery(sink.house)]
        for worker in workers:
            running.callback(worker.stop)
            worker.start()
        wait_for_beat(say)
        say("launching")
        spent, waits = _Spent(sink, workers), _LockWaits()
        with timed() as watch:
            started = time.perf_counter()
            dispatch = launch(app)
            planned = time.perf_counter()
            wait_until_done(dispatch, say, meanwhile=waits.look)
            ended = time.perf_counter()
            spent.stop()
        watch.seconds, watch.cpu_seconds = ended - started, watch.cpu_seconds + sum(spent.programs.values())
    return _Run(dispatch, planned - started, ended - planned, watch, spent, waits, worker_mb=peak_child_mb())


def _costs(run: _Run, rows: int) -> dict[str, Any]:
    spent = run.spent
    return {
        "worker_mb": round(run.worker_mb, 1),
        "wal_bytes_per_item": round(spent.wal_bytes / rows),
        "lock_waits_percent": run.waits.percent,
        "cpu_us_by_program": {name: round(seconds * 1e6 / rows, 2) for name, seconds in spent.programs.items()},
        "database_us_per_item": round(spent.database * 1e6 / rows, 2),
        "sink_us_per_item": round(spent.sink * 1e6 / rows, 2),
    }


def _baseline(options: dict[str, Any], say: Say, rate: float) -> dict[str, Any]:
    return {"baseline": compare(options, say, rate=rate, body=_HELLO)} if options["baseline"] else {}


class _Spent:
    """CPU seconds and bytes of WAL that others spend from now until `stop`."""

    def __init__(self, sink: OpenSink, workers: Sequence[Child]) -> None:
        self._sink, self._programs = sink, workers
        self.database = self.sink = 0.0
        self.programs: dict[str, float] = {}
        self.wal_bytes = 0
        self._begun = self._read()

    def stop(self) -> None:
        self.database, self.sink, wal, *each = (
            now - begun for now, begun in zip(self._read(), self._begun, strict=True)
        )
        self.wal_bytes = int(wal)
        self.programs = {one.program.name: spent for one, spent in zip(self._programs, each, strict=True)}

    def _read(self) -> list[float]:
        each = [cpu_seconds_below(one.pid) for one in self._programs]
        return [database_cpu_seconds(), self._sink.cpu_seconds(), wal_position(), *each]


class _LockWaits:
    """How often a session that was at work was found waiting for another: for its lock, or for a latch of the server
    (PostgreSQL's LWLock, of which most are the turn to write the log)."""

    def __init__(self) -> None:
        self._at_work = self._locks = self._latches = 0

    def look(self) -> None:
        """One sample of all sessions but our own. Cost: 0.2 ms of the database."""
        with connection.cursor() as cursor:
            cursor.execute(_AT_WORK)
            at_work, locks, latches = cursor.fetchone()
        self._at_work += at_work
        self._locks += locks
        self._latches += latches

    @property
    def percent(self) -> dict[str, float]:
        waits = {"locks": self._locks, "latches": self._latches}
        return {name: round(100 * count / max(1, self._at_work), 2) for name, count in waits.items()}


def export(options: dict[str, Any], say: Say) -> Measured:
    """The CSV of one dispatch, read to the end and thrown away."""
    now = timezone.now()
    say(f"making {options['devices']:,} ledger rows")
    app = make_bench_world(devices=options["devices"], gateway="fcm", now=now)
    dispatch = launch(app)
    seconds = {"dispatch_id": dispatch.pk, "started_at": now, "seconds": 60}
    execute("deliveries", "demo_answers", seconds)
    with timed() as watch:
        size = sum(len(chunk) for chunk in delivery_csv(dispatch=dispatch, extras=None))
    return watch.measured(
        "export",
        unit="rows",
        rows=dispatch.planned_devices,
        megabytes=round(size / 1e6, 1),
        leaves_out="the network; CPU of the database",
    )


def make_bench_world(
    *, devices: int, gateway: str, now: datetime, sandbox: SandboxCredentials | None = None, slug: str = "bench"
) -> App:
    """An app with one channel and so many people with one device each; one in 25 has refused push."""
    app, _ = App.objects.get_or_create(slug=slug, defaults={"name": "Bench", "cap_count": 5})
    sandbox = sandbox or load_or_create(settings.DATA_DIR, 9400)
    Channel.objects.update_or_create(
        app=app, gateway=gateway, defaults={"credentials": _fields(sandbox, gateway, slug)}
    )
    execute("deliveries", "bench_people", {"app_id": app.pk, "devices": devices, "now": now})
    execute(
        "deliveries",
        "bench_devices",
        {"app_id": app.pk, "gateway": gateway, "platform": _PLATFORMS[gateway], "now": now},
    )
    if gateway == "webpush":
        _give_subscriptions(app, sandbox)
    with connection.cursor() as cursor:
        # Not of what is still empty: for a table known to be empty a plan is to read it whole, and lives as long as its
        # connection does.
        cursor.execute("analyze customers_customer, devices_device")
    return app


def settle() -> None:
    """Statistics of all tables, as autovacuum has them within a minute; call it when the warm-up has left rows."""
    with connection.cursor() as cursor:
        cursor.execute("analyze")


def _fields(sandbox: SandboxCredentials, gateway: str, slug: str) -> dict[str, Any]:
    account = sandbox.app(slug)
    if gateway == "fcm":
        return {"service_account": dict(account.fcm.service_account)}
    return asdict(account.apns if gateway == "apns" else account.vapid)


def _give_subscriptions(app: App, sandbox: SandboxCredentials) -> None:
    """Real browser keys: they must be on the curve. Cost: 60 µs each."""
    with connection.cursor() as cursor:
        cursor.execute("select id from devices_device where app_id = %s", [app.pk])
        made = [(row[0], sandbox.subscription_for(f"{row[0]}.bench")) for row in cursor.fetchall()]
        cursor.executemany(
            "update devices_device set address = %s, address_hash = sha256(convert_to(%s, 'UTF8')),"
            " webpush_p256dh = %s, webpush_auth = %s where id = %s",
            [(one.endpoint, one.endpoint, one.p256dh, one.auth, device_id) for device_id, one in made],
        )


def launch(app: App, *, cap_count: int = 5, canary_devices: int | None = None) -> Dispatch:
    """A campaign to everybody: two variants, personalised, capped. canary_devices: see `Policy`."""
    return plan_dispatch(
        app=app,
        kind="campaign",
        origin=f"bench:{app.pk}:{Dispatch.objects.count()}",
        occurrence="1",
        name="bench",
        audience=Compiled(_EVERYBODY, {"bench_app": app.pk}),
        contents=[ContentDraft(variant, "", _HELLO) for variant in (0, 1)],
        policy=Policy(cap_count=cap_count, shares=(50, 50), salt="bench", canary_devices=canary_devices),
        now=timezone.now(),
    )


def wait_until_done(dispatch: Dispatch, say: Say, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Look 20 times a second; meanwhile: done at each look.

    Raises RuntimeError when it takes longer than LONGEST_SECONDS, or ends otherwise than done.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    said = time.monotonic()
    while time.monotonic() < deadline:
        dispatch.refresh_from_db()
        if dispatch.state == "done":
            return
        if dispatch.state not in ("planning", "sending"):
            raise RuntimeError(f"the dispatch is {dispatch.state}: {dispatch.reason}")
        if time.monotonic() - said > 10:
            said = time.monotonic()
            say(f"{_recorded(dispatch):,} of {dispatch.planned_devices:,}")
        meanwhile()
        time.sleep(0.05)
    raise RuntimeError(f"not done after {LONGEST_SECONDS} s: {_recorded(dispatch):,} recorded")


def _recorded(dispatch: Dispatch) -> int:
    return _count("", dispatch)


def _accepted(dispatch: Dispatch) -> int:
    return _count(f"and outcome = {OUTCOMES['accepted']}", dispatch)


def _count(condition: str, dispatch: Dispatch) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select count(*) from deliveries_delivery where planned_on = %s and dispatch_id = %s {condition}",
            [dispatch.planned_on, dispatch.pk],
        )
        return int(cursor.fetchone()[0])


def _require_sums(dispatch: Dispatch, sink: OpenSink) -> int:
    """How many were accepted, by the ledger and by the sink alike. Raises RuntimeError where they differ."""
    differences = check_ledger(dispatch.pk)
    if differences:
        raise RuntimeError(f"the ledger does not add up: {differences}")
    accepted, distinct = _accepted(dispatch), sink.distinct()
    if accepted != distinct:
        raise RuntimeError(f"the ledger says {accepted:,} accepted, the sink counted {distinct:,} distinct ids")
    return accepted


def wal_position() -> int:
    """Bytes of WAL written since the server was made."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_current_wal_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


def wait_for_beat(say: Say) -> None:
    """A heartbeat of every lane from now on, not one that an earlier run left: then wake-ups flow."""
    began = time.time()
    for _ in range(600):
        now = time.time()
        if all(age is not None and age < now - began for age in heartbeat.ages(now).values()):
            return
        time.sleep(0.1)
    say("beat gave no sign of life in 60 s; going on")
