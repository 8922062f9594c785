"""`bench logsearch`: how long it takes to find a message among ten million."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.accounts.models import App
from apps.api.queries import people_sought, push_page
from apps.api.services.recipients import address_hash_of
from apps.core.bench import Measured, timed
from apps.core.cpu import database_cpu_seconds
from apps.core.sql import execute
from apps.deliveries.bench import make_bench_world
from apps.deliveries.delivery_ids import make_delivery_id
from apps.deliveries.log_queries import delivery_log, delivery_story
from apps.deliveries.log_search import LogFilters
from apps.deliveries.models import Dispatch
from apps.deliveries.push_queries import push_states
from apps.deliveries.services.partitions import ensure_partitions
from apps.devices.models import Device

DAYS = 84
# Campaigns go to everybody, so many days apart; one row in ten of the ledger is a single push.
CAMPAIGN_EVERY_DAYS = 7 / 3
CAMPAIGNS = int(DAYS / CAMPAIGN_EVERY_DAYS)
CAMPAIGN_SECONDS = 300
# Another app on the same installation, whose few messages lie between the others.
QUIET_PUSHES = 40
TRIES = 30
PAGE = 50

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _World:
    """A large app and a quiet one beside it, and who and what is in them."""

    app: App
    quiet: App
    campaigns: list[Dispatch]
    devices: list[Device]
    now: datetime


type _Search = Callable[[Random], int]


def logsearch(options: dict[str, Any], say: Say) -> Measured:
    """Every kind of search of the admin's log and of the API's history, each tried many times with other values.

    A search is what the door asks for: its rows with their names, the next page's cursor. Extra fields: p50_ms,
    max_ms (over all), searches ({kind: p50_ms, max_ms, found}), ledger_rows, ledger_mb, index_mb.
    """
    world = _make_world(options["rows"], timezone.now(), say)
    say("searching")
    chance, waits, told = Random(7), [], {}  # noqa: S311
    cpu = database_cpu_seconds()
    with timed() as watch:
        for name, search in _searches(world).items():
            each = [_timed(search, chance) for _ in range(TRIES)]
            waits += [seconds for seconds, _found in each]
            told[name] = _told(each)
    cpu = database_cpu_seconds() - cpu
    return watch.measured(
        "logsearch",
        unit="searches",
        rows=len(waits),
        p50_ms=round(statistics.median(waits) * 1000, 2),
        max_ms=round(max(waits) * 1000, 2),
        searches=told,
        database_us_per_item=round(cpu * 1e6 / len(waits), 1),
        ledger_rows=_number("select count(*) from deliveries_delivery"),
        **_sizes(),
        leaves_out="HTTP and HTML; building the world; the first try of a kind, unplanned, is in its max_ms",
    )


def _told(each: list[tuple[float, int]]) -> dict[str, float]:
    waits = [seconds * 1000 for seconds, _found in each]
    return {
        "p50_ms": round(statistics.median(waits), 2),
        "max_ms": round(max(waits), 2),
        "found": max(found for _seconds, found in each),
    }


def _timed(search: _Search, chance: Random) -> tuple[float, int]:
    started = time.perf_counter()
    found = search(chance)
    return time.perf_counter() - started, found


def _searches(world: _World) -> Mapping[str, _Search]:
    return {**_log_searches(world), **_push_searches(world)}


def _log_searches(world: _World) -> Mapping[str, _Search]:
    """As the admin asks."""
    quiet, both = [world.quiet.pk], [world.app.pk, world.quiet.pk]

    def log(apps: list[int] | None = None, **filters: Any) -> int:
        found = delivery_log(app_ids=apps or both, filters=LogFilters(**filters), cursor=None, limit=PAGE)
        return len(found.rows)

    def some(chance: Random) -> Device:
        return chance.choice(world.devices)

    def campaign(chance: Random) -> int:
        return chance.choice(world.campaigns).pk

    def hour(chance: Random) -> dict[str, Any]:
        since = world.now - timedelta(hours=chance.uniform(2, DAYS * 24))
        return {"since": since, "until": since + timedelta(hours=1)}

    return {
        "newest": lambda _chance: log(),
        "by_customer": lambda chance: log(customer_external_id=some(chance).customer.external_id or ""),
        "by_token": lambda chance: log(address=some(chance).address),
        "by_external_id": lambda chance: log(external_id=f"order-{chance.randrange(1, 1000)}"),
        "by_campaign": lambda chance: log(dispatch_id=campaign(chance)),
        "campaign_and_usual_outcome": lambda chance: log(dispatch_id=campaign(chance), outcomes=["token_dead"]),
        "campaign_and_rare_outcome": lambda chance: log(dispatch_id=campaign(chance), outcomes=["message_bad"]),
        "campaign_and_no_such_outcome": lambda chance: log(dispatch_id=campaign(chance), outcomes=["expired"]),
        "campaign_and_time": lambda chance: _minute_of_campaign(log, chance.choice(world.campaigns)),
        "rare_outcome": lambda _chance: log(outcomes=["message_bad"]),
        "no_such_outcome": lambda _chance: log(outcomes=["expired"]),
        "accepted": lambda _chance: log(outcomes=["accepted"]),
        "an_hour": lambda chance: log(**hour(chance)),
        "an_hour_and_outcome": lambda chance: log(outcomes=["token_dead"], **hour(chance)),
        "customer_and_outcome": lambda chance: log(customer_id=some(chance).customer_id, outcomes=["token_dead"]),
        "quiet_app": lambda _chance: log(quiet),
        "quiet_app_and_accepted": lambda _chance: log(quiet, outcomes=["accepted"]),
        "page_deep_down": lambda chance: _deep_page(both, world, chance),
        "a_story": lambda chance: _story(both, chance.choice(world.campaigns), some(chance)),
    }


def _push_searches(world: _World) -> Mapping[str, _Search]:
    """As GET /v2.1/push asks."""

    def pushes(**filters: Any) -> int:
        found, _cursor = push_page(world.app, filters, cursor=None, limit=PAGE)
        return len(push_states(found, people=people_sought(world.app, filters)))

    def week(chance: Random) -> dict[str, Any]:
        until = world.now - timedelta(days=chance.uniform(0, DAYS))
        return {"since": until - timedelta(days=7), "until": until}

    return {
        "pushes": lambda _chance: pushes(),
        "pushes_by_external_id": lambda chance: pushes(external_id=f"order-{chance.randrange(1, 1000)}"),
        "pushes_by_token": lambda chance: pushes(address_hash=address_hash_of(chance.choice(world.devices).address)),
        "pushes_by_customer": lambda chance: pushes(customer=chance.choice(world.devices).customer.external_id),
        "pushes_of_a_week": lambda chance: pushes(**week(chance)),
        "pushes_accepted": lambda _chance: pushes(status="accepted"),
        "pushes_with_usual_outcome": lambda _chance: pushes(status="token_dead"),
        "pushes_with_rare_outcome": lambda _chance: pushes(status="message_bad"),
        "pushes_with_no_such_outcome": lambda _chance: pushes(status="expired"),
        "pushes_queued": lambda _chance: pushes(status="queued"),
        "pushes_cancelled": lambda _chance: pushes(status="cancelled"),
    }


def _minute_of_campaign(log: Callable[..., int], campaign: Dispatch) -> int:
    since = campaign.created_at + timedelta(seconds=CAMPAIGN_SECONDS / 2)
    return log(dispatch_id=campaign.pk, since=since, until=since + timedelta(minutes=1))


def _deep_page(app_ids: list[int], world: _World, chance: Random) -> int:
    """The second page of what is asked from some moment on: what a cursor costs anywhere."""
    filters = LogFilters(until=world.now - timedelta(days=chance.uniform(1, DAYS)))
    cursor = None
    for _page in range(2):
        found = delivery_log(app_ids=app_ids, filters=filters, cursor=cursor, limit=PAGE)
        cursor = found.next_cursor
    return len(found.rows)


def _story(app_ids: list[int], campaign: Dispatch, device: Device) -> int:
    delivery_id = make_delivery_id(planned_on=campaign.planned_on, dispatch_id=campaign.pk, device_id=device.pk)
    return int(delivery_story(app_ids=app_ids, delivery_id=delivery_id) is not None)


def _make_world(ledger_rows: int, now: datetime, say: Say) -> _World:
    people = max(ledger_rows // 40, 50)
    pushes_a_day = max((ledger_rows - CAMPAIGNS * people) // DAYS, 1)
    say(f"making {people:,} people, {CAMPAIGNS} campaigns and {pushes_a_day * DAYS:,} single pushes")
    app = make_bench_world(devices=people, gateway="fcm", now=now)
    quiet = make_bench_world(devices=QUIET_PUSHES, gateway="fcm", now=now, slug="quiet")
    begun = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    ensure_partitions(now=now, weeks_back=DAYS // 7 + 1)
    campaigns: list[Dispatch] = []
    for day in range(DAYS):
        at = begun + timedelta(days=day)
        if day / CAMPAIGN_EVERY_DAYS >= len(campaigns):
            campaigns.append(_remember_campaign(app, len(campaigns), people, at + timedelta(hours=10)))
        _remember_pushes(app, pushes_a_day, day * pushes_a_day + 1, at)
        if day in (0, DAYS // 2):
            _remember_pushes(quiet, QUIET_PUSHES // 2, day + 1, at)
    execute("deliveries", "bench_log_counts", {"small": 100})
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("checkpoint")
    devices = list(Device.objects.filter(app=app).select_related("customer").order_by("pk")[:: max(people // 500, 1)])
    return _World(app, quiet, campaigns, devices, now)


def _remember_campaign(app: App, number: int, people: int, at: datetime) -> Dispatch:
    dispatch = Dispatch.objects.create(
        app=app,
        kind="campaign",
        lane="bulk",
        origin=f"bench:{number}",
        occurrence="1",
        name=f"Campaign {number}",
        state="done",
        planned_on=at.date(),
        planned_people=people,
        planned_devices=people,
        created_at=at,
        expires_at=at + timedelta(days=1),
        finished_at=at + timedelta(seconds=CAMPAIGN_SECONDS),
    )
    execute("deliveries", "bench_log_campaign", {"dispatch_id": dispatch.pk, "seconds": CAMPAIGN_SECONDS})
    return dispatch


def _remember_pushes(app: App, pushes: int, first: int, day: datetime) -> None:
    asked = {"app_id": app.pk, "day": day, "pushes": pushes, "first": first}
    execute("deliveries", "bench_log_pushes", asked)


def _sizes() -> dict[str, Any]:
    table = _number("select sum(pg_table_size(relid)) from pg_partition_tree('deliveries_delivery')")
    index = "select sum(pg_relation_size(relid)) from pg_partition_tree(%s)"
    sizes = {name: _number(index, f"deliveries_delivery_{name}") for name in ("pkey", "person", "missed", "time")}
    return {"ledger_mb": round(table / 1e6), "index_mb": {name: round(size / 1e6, 1) for name, size in sizes.items()}}


def _number(query: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return int(cursor.fetchone()[0])
