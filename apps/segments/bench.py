"""`bench segment`: how long rules take over a million people, and what twenty of them at once do to the others."""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from apps.accounts.models import App
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.core.sql import execute
from apps.customers.models import Customer
from apps.customers.services.partitions import ensure_partitions as ensure_event_weeks
from apps.customers.services.vocabulary import learn_vocabulary
from apps.deliveries.models import Dispatch
from apps.deliveries.services.partitions import ensure_partitions as ensure_ledger_weeks
from apps.devices.models import Device
from apps.segments.models import Segment
from apps.segments.rules import compile_rule
from apps.segments.services.explanation import explain_member
from apps.segments.services.limits import limited
from apps.segments.services.preview import count_rule
from apps.segments.services.refresh import refresh_due

DAYS = 90
DUE = 20
LONGEST_SECONDS = 600
TICK_SECONDS = 2  # config.schedule
# How often the yardstick beats beside the refreshes; every beat is a small transaction that reads and writes.
PROBES_PER_SECOND = 50
_CAMPAIGNS = {"campaign:1": 5, "campaign:2": 20, "campaign:3": 40}
_CITIES = ("Leeds", "York", "Hull", "Bath", "Ely", "Ripon", "Wells", "Truro", "Ayr", "Derby")
_EVENT_INDEXES = ("customers_event_rule", "customers_event_person")

Say = Callable[[str], None]


def _all(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "rules": list(rules)}


def _did(op: str, name: str, **value: Any) -> dict[str, Any]:
    return {"field": "event", "op": op, "value": {"name": name, **value}}


def _message(op: str, campaign: str = "", **value: Any) -> dict[str, Any]:
    return {"field": "message", "op": op, "value": {"campaign": campaign, **value}}


def _buyers(city: str, days: int = 60, where: dict[str, Any] | None = None) -> dict[str, Any]:
    """The rule of the contract: did twice with a property, not lately, a trait, seen lately."""
    asked = where or {"property": "amount", "op": "at_least", "value": 50}
    return _all(
        _did("did", "purchase", days=days, where=[asked], times={"op": "at_least", "count": 2}),
        _did("did_not", "purchase", days=7),
        {"field": "trait.city", "op": "is", "value": city},
        {"field": "device.last_seen", "op": "in_last_days", "value": 30},
    )


RULES: Mapping[str, dict[str, Any]] = {
    "buyers": _buyers("Leeds"),
    "buyers_by_text": _buyers("Leeds", where={"property": "category", "op": "is", "value": "shoes"}),
    "half_of_all_events": _all(_did("did", "view", times={"op": "at_least", "count": 2})),
    "last_time": _all(_did("did", "purchase", which="last", before_days=30)),
    "trait": _all({"field": "trait.city", "op": "is", "value": "Leeds"}),
    "app_version": _all({"field": "device.app_version", "op": "less_than", "value": "4.5"}),
    "sent_but_not_opened": _all(_message("did_not_open", days=30)),
    "opened_one": _all(_message("opened", "campaign:1")),
}


def segment(options: dict[str, Any], say: Say) -> Measured:
    """One warm query of the rule of the contract; `cold_seconds` with the database's and the system's caches empty.

    Extra fields: members, cold_seconds (null where the caches could not be emptied), rule_seconds (warm, for each of
    RULES), preview_seconds, explain_seconds (one person), refresh_seconds (twenty due segments, everybody joins),
    refresh_again_seconds (nothing changed), refreshed (fewer where some took longer than they may), and the p99 of a
    small transaction alone and beside them.
    """
    now = timezone.now()
    app = make_world(customers=options["customers"], events=options["events"], now=now, say=say)
    return measure(app, options, now, say)


def measure(app: App, options: dict[str, Any], now: datetime, say: Say) -> Measured:
    """All figures of a world that is there already."""
    say("asking")
    cold = _cold_seconds(app, now)
    members, _first = _counted(app, RULES["buyers"], now)
    cpu = database_cpu_seconds()
    with timed() as watch:
        _counted(app, RULES["buyers"], now)
    cpu = database_cpu_seconds() - cpu
    warm = {name: round(_warm(app, rule, now), 4) for name, rule in RULES.items()}
    preview, explain = _pages(app, now)
    alone = _probed(lambda: time.sleep(5))
    refresh, beside = _refreshed(app, now, say)
    again, beside_again = _refreshed(app, now + timedelta(hours=1), say)
    return watch.measured(
        "segment",
        unit="customers",
        rows=options["customers"],
        events=options["events"],
        members=members,
        cold_seconds=cold,
        rule_seconds=warm,
        preview_seconds=preview,
        explain_seconds=explain,
        refresh_seconds=refresh,
        refresh_again_seconds=again,
        refreshed=Segment.objects.filter(app=app, state="fresh").count(),
        probe_p99_ms={"alone": alone, "first_refresh": beside, "refresh_again": beside_again},
        database_us_per_item=round(cpu * 1e6 / options["customers"], 3),
        leaves_out="building the world; cpu_us_per_item is that of the product's own process",
    )


def make_world(*, customers: int, events: int, now: datetime, say: Say, slug: str = "bench") -> App:
    """People, devices, ninety days of events and three campaigns with what became of them."""
    app = App.objects.create(slug=slug, name="Bench", time_zone="Europe/London")
    ensure_event_weeks(now=now, weeks_back=DAYS // 7 + 1)
    ensure_ledger_weeks(now=now, weeks_back=DAYS // 7 + 1)
    say(f"making {customers:,} people")
    execute("segments", "bench_people", {"app_id": app.pk, "customers": customers, "now": now})
    say(f"making {events:,} events")
    with _without_indexes(_EVENT_INDEXES):
        execute("segments", "bench_events", {"app_id": app.pk, "events": events, "days": DAYS, "now": now})
    say("making three campaigns")
    for origin, days_ago in _CAMPAIGNS.items():
        _remember_campaign(app, origin, now - timedelta(days=days_ago))
    _tidy()
    learn_vocabulary(app=app)
    return app


def _remember_campaign(app: App, origin: str, at: datetime) -> None:
    dispatch = Dispatch.objects.create(
        app=app,
        kind="campaign",
        lane="bulk",
        origin=origin,
        occurrence="1",
        name=origin,
        state="done",
        planned_on=at.date(),
        created_at=at,
        expires_at=at + timedelta(days=1),
        finished_at=at,
    )
    execute("segments", "bench_messages", {"dispatch_id": dispatch.pk, "sent_at": at})


@contextmanager
def _without_indexes(names: tuple[str, ...]) -> Iterator[None]:
    """Building indexes over the finished table takes a fraction of keeping them while it fills."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_get_indexdef(to_regclass(name)) from unnest(%s::text[]) as name", [list(names)])
        definitions = [row[0].replace(" ON ONLY ", " ON ") for row in cursor.fetchall()]
        cursor.execute(f"drop index {', '.join(names)}")
        yield
        cursor.execute("set maintenance_work_mem = '512MB'")
        for definition in definitions:
            cursor.execute(definition)
        cursor.execute("reset maintenance_work_mem")


def _tidy() -> None:
    """As autovacuum would have long done."""
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")


def _counted(app: App, rule: dict[str, Any], now: datetime) -> tuple[int, float]:
    """How many people the rule means, and the seconds that took."""
    compiled = compile_rule(rule, app, now)
    started = time.perf_counter()
    with limited(LONGEST_SECONDS), connection.cursor() as cursor:
        cursor.execute(f"select count(*) from ({compiled.sql}) as found", compiled.params)
        count = int(cursor.fetchone()[0])
    return count, time.perf_counter() - started


def _warm(app: App, rule: dict[str, Any], now: datetime) -> float:
    """The middle of three, after one to warm up."""
    return statistics.median([_counted(app, rule, now)[1] for _ in range(4)][1:])


def _cold_seconds(app: App, now: datetime) -> float | None:
    """The rule with nothing of the database in memory; None where we may not empty the caches."""
    with suppress(Error, OSError):
        _empty_caches()
        return round(_counted(app, RULES["buyers"], now)[1], 4)
    return None


def _empty_caches() -> None:
    """The server's own (extension pg_buffercache, a superuser's), then the system's for the database's files."""
    with connection.cursor() as cursor:
        cursor.execute("create extension if not exists pg_buffercache")
        cursor.execute("checkpoint")
        cursor.execute("select pg_buffercache_evict_all()")
        cursor.execute(
            "select current_setting('data_directory'), oid from pg_database where datname = current_database()"
        )
        home, oid = cursor.fetchone()
    for path in (Path(home) / "base" / str(oid)).iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _pages(app: App, now: datetime) -> tuple[float, float]:
    """What a marketer waits for: the live count with its sample, and the answer about one person."""
    started = time.perf_counter()
    count_rule(app=app, rule=RULES["buyers"], now=now, limit_seconds=LONGEST_SECONDS)
    counted = time.perf_counter()
    busiest = Customer.objects.filter(app=app).order_by("id")[0]
    explain_member(rule=RULES["buyers"], app=app, customer=busiest, now=now)
    return round(counted - started, 4), round(time.perf_counter() - counted, 4)


def _refreshed(app: App, now: datetime, say: Say) -> tuple[float, float]:
    """Seconds for twenty due segments, and the p99 of the yardstick beside them."""
    say(f"refreshing {DUE} segments")
    make_due(app, DUE)
    started = time.perf_counter()
    p99 = _probed(lambda: _until_none_is_due(now))
    return round(time.perf_counter() - started, 2), p99


def make_due(app: App, count: int) -> None:
    """So many segments whose time has come, large and small, quick and slow."""
    for number in range(count):
        city = _CITIES[number % len(_CITIES)]
        rule = _buyers(city, days=30 + number) if number % 2 else RULES[list(RULES)[number % len(RULES)]]
        Segment.objects.update_or_create(app=app, name=f"bench {number}", defaults={"rule": rule, "state": "due"})


def _until_none_is_due(now: datetime) -> None:
    """Tick by tick, as beat wakes it."""
    began = time.perf_counter()
    while Segment.objects.filter(state="due").exists():
        started = time.perf_counter()
        if started - began > LONGEST_SECONDS:
            raise RuntimeError(f"not refreshed after {LONGEST_SECONDS} s")
        refresh_due(now=now)
        time.sleep(max(0.0, TICK_SECONDS - (time.perf_counter() - started)))


def _probed(work: Callable[[], object]) -> float:
    """The p99, in milliseconds, of a small transaction made steadily while `work` goes on."""
    over, spans = threading.Event(), list[float]()
    prober = threading.Thread(target=_probe, args=(over, spans))
    prober.start()
    try:
        work()
    finally:
        over.set()
        prober.join()
    return round(statistics.quantiles(spans, n=100)[98] * 1_000, 2)


def _probe(over: threading.Event, spans: list[float]) -> None:
    """Reads a device and touches it, one of many, as a push that comes in does; waits for the disk like it, too."""
    ids = list(Device.objects.order_by("id").values_list("id", flat=True)[:1_000])
    try:
        while not over.is_set():
            started = time.perf_counter()
            Device.objects.filter(pk=ids[len(spans) % len(ids)]).update(last_seen_at=timezone.now())
            spans.append(time.perf_counter() - started)
            over.wait(1 / PROBES_PER_SECOND)
    finally:
        connection.close()
