"""Freeze: who of an audience is sent to, on which devices, when, or why not; on a workbench of temporary tables.

Writes nothing that outlives the transaction: `plan` copies the workbench, a simulation rolls it back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection

from apps.accounts.models import App
from apps.core.sql import Compiled, execute, rows
from apps.deliveries.policy import CAP_LOOKS_BACK, CAPPED_KINDS, Policy
from apps.deliveries.services.moments import Moment, moment_of
from apps.deliveries.states import GATEWAY_NUMBERS, OUTCOME_WORDS, PLATFORM_NUMBERS

AUDIENCE_MILLISECONDS = 30_000
# Hash tables of a million people stay in memory (measured: a third of the time, half of the noise).
WORK_MEM = "128MB"

_EVERYBODYS_ROWS = Compiled("select * from deliveries_delivery")
_THEIR_ROWS = Compiled(
    "select delivery.* from (select customer_id from plan_audience union all select half.id from half) audience"
    " join deliveries_delivery delivery on delivery.customer_id = audience.customer_id"
)

_LIVE = """select id, customer_id, gateway, platform, state, time_zone, last_seen_at from devices_device
where state in ('active', 'stale') and (%(platforms)s::text[] = '{}' or platform = any(%(platforms)s::text[]))"""
_LATEST = f"select distinct on (customer_id) * from ({_LIVE}) live order by customer_id, last_seen_at desc, id desc"

_HABITS = Compiled("select customer_id, hour from deliveries_openinghour")
# No rows, but not provably so: a join known to be empty becomes a nested loop (0.15 s a million).
_NO_HABITS = Compiled("select customer_id, hour from deliveries_openinghour limit 0")


@dataclass(frozen=True, slots=True)
class Release:
    """The devices of one zone and usual hour, and when they are sent to, or why not. hour -1: nobody asked for it."""

    time_zone: str
    hour: int
    devices: int
    moment: Moment


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Who is in the audience, who is left out and why, who will be sent to. excluded: {reason: (people, devices)}.

    capped_by_topic: of those excluded as `capped`, whom only the cap of the campaign's topic stops.
    releases: when, by zone; as planned, so only where it was just planned or simulated.
    """

    planned_people: int
    planned_devices: int
    sending_people: int
    sending_devices: int
    excluded: Mapping[str, tuple[int, int]]
    capped_by_topic: tuple[int, int] = (0, 0)
    releases: Sequence[Release] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """One planning, all its inputs."""

    app: App
    kind: str
    lane: str
    audience: Compiled
    policy: Policy
    throttle_per_second: float | None
    release_at: datetime
    expires_at: datetime
    now: datetime


def freeze_audience(plan: Plan) -> Waterfall:
    """Fill the workbench, in the caller's transaction. Holds the app's cap lock where a cap counts its campaigns."""
    policy = plan.policy
    _lock_caps(plan)
    with connection.cursor() as cursor:
        cursor.execute(f"set local work_mem = '{WORK_MEM}'")
    execute("deliveries", "plan_tables", {})
    _freeze_people(plan.audience)
    if plan.kind in CAPPED_KINDS:
        _freeze_spent(plan, "", policy.cap_count, policy.cap_days)
        if policy.topic:
            _freeze_spent(plan, policy.topic, policy.topic_cap_count, policy.topic_cap_days)
        _analyze("plan_spent")
    _walk_in_order_where_most()
    is_test = plan.kind == "test"
    bounds = [100.0] if is_test else policy.bounds
    execute(
        "deliveries",
        "plan_people",
        {
            "app_id": plan.app.id,
            "topic": policy.topic,
            "salt": policy.salt,
            "holdout_percent": 0 if is_test else policy.holdout_percent,
            "bounds": bounds,
            "undecided": len(bounds),
        },
        habits=_HABITS if policy.by_habit else _NO_HABITS,
    )
    _analyze("plan_person")
    devices = Compiled(_LATEST if policy.devices == "latest" else _LIVE, {"platforms": list(policy.platforms)})
    execute(
        "deliveries",
        "plan_devices",
        {
            "gateways": _words(GATEWAY_NUMBERS),
            "platform_words": _words(PLATFORM_NUMBERS),
            "excludes_stale": policy.excludes_stale,
            "needs_zones": policy.quiet_hours is not None or policy.wall is not None,
        },
        devices=devices,
    )
    _set_hash_joins("on")
    execute("deliveries", "plan_tally", {})
    releases = _freeze_windows(plan)
    return replace(_waterfall(), releases=releases)


def _freeze_spent(plan: Plan, topic: str, cap_count: int | None, cap_days: int) -> None:
    """Whose cap is used up: that of all campaigns ("") or of those of a topic. Over both = the former."""
    if cap_count is None:
        return
    since = plan.now - timedelta(days=cap_days)
    limits = {"app_id": plan.app.id, "topic": topic, "cap_count": cap_count, "since": since}
    limits["planned_since"] = (since - CAP_LOOKS_BACK).date()
    ((is_large,),) = rows("deliveries", "plan_is_large", {})
    limits["is_large"] = is_large
    execute("deliveries", "plan_spent", limits, delivered=_EVERYBODYS_ROWS if is_large else _THEIR_ROWS)


def _walk_in_order_where_most() -> None:
    ((is_most,),) = rows("deliveries", "plan_is_most", {})
    if is_most:
        _set_hash_joins("off")


def _set_hash_joins(setting: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"set local enable_hashjoin = {setting}")


def _freeze_people(audience: Compiled) -> None:
    """The one statement that others write, so the one with a time limit."""
    with connection.cursor() as cursor:
        cursor.execute("select setting::int from pg_settings where name = 'statement_timeout'")
        (usual,) = cursor.fetchone()
        limit = min(usual or AUDIENCE_MILLISECONDS, AUDIENCE_MILLISECONDS)
        cursor.execute("select set_config('statement_timeout', %s, true)", [str(limit)])
        execute("deliveries", "plan_audience", {}, audience=audience)
        cursor.execute("select set_config('statement_timeout', %s, true)", [str(usual)])
    execute("deliveries", "plan_merged", {})
    _analyze("plan_audience")


def _lock_caps(plan: Plan) -> None:
    """Campaigns of an app are planned one after the other where a cap counts them; the rest may overlap."""
    if plan.kind not in CAPPED_KINDS:
        return
    how = "pg_advisory_xact_lock" if plan.policy.is_capped else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"select {how}(hashtextextended(%s, 0))", [f"deliveries.cap:{plan.app.id}"])


def _freeze_windows(plan: Plan) -> list[Release]:
    releases = [
        Release(
            zone,
            hour,
            devices,
            moment_of(policy=plan.policy, zone=zone, hour=hour, begins_at=plan.release_at, expires_at=plan.expires_at),
        )
        for zone, hour, devices in rows("deliveries", "plan_zones", {})
    ]
    execute(
        "deliveries",
        "plan_windows",
        {
            "zones": [one.time_zone for one in releases],
            "hours": [one.hour for one in releases],
            "opens": [one.moment.opens_at for one in releases],
            "closes": [one.moment.closes_at for one in releases],
            "expires": [one.moment.expires_at for one in releases],
            "reasons": [one.moment.reason for one in releases],
        },
    )
    _analyze("plan_device")
    return [one for one in releases if one.devices]


def _waterfall() -> Waterfall:
    counted = {reason: (people, devices) for reason, people, devices in rows("deliveries", "plan_waterfall", {})}
    planned_people = _planned_people()
    planned_devices = sum(devices for _people, devices in counted.values())
    sending_people, sending_devices = counted.pop(0, (0, 0))
    excluded = {OUTCOME_WORDS[reason].removeprefix("excluded:"): pair for reason, pair in counted.items()}
    by_topic = rows("deliveries", "plan_capped_by_topic", {})[0]
    return Waterfall(planned_people, planned_devices, sending_people, sending_devices, excluded, by_topic)


def _planned_people() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from plan_person")
        return int(cursor.fetchone()[0])


def _analyze(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"analyze {table}")


def _words(numbers: Mapping[str, int]) -> list[str]:
    """The words numbered from 1, in order: array_position gives the number back."""
    return sorted(filter(None, numbers), key=lambda word: numbers[word])
