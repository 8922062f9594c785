"""Plan: an audience becomes batches and exclusions, in one transaction, and is frozen from then on.

Every person of the audience leaves at least one row: a place in a batch for each device to be sent to, or a row in
the ledger with the reason. So planned = plan + ledger, always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.utils import OperationalError
from psycopg.errors import QueryCanceled

from apps.accounts.models import App
from apps.core.sql import Compiled, execute, rows
from apps.deliveries.models import Content, Dispatch, PaceBucket
from apps.deliveries.policy import CAPPED_KINDS, Policy
from apps.deliveries.services.guard import canary_size, guard_at_start
from apps.deliveries.services.moments import Moment, latest_start, moment_of
from apps.deliveries.services.wake import wake_on_commit
from apps.deliveries.states import DISPATCH_STATES, GATEWAY_NUMBERS, OUTCOME_WORDS, PLATFORM_NUMBERS

BATCH_SIZE = 1000
# A throttled dispatch is cut smaller: a retry, and a pause, waits for the end of its slice and its batch.
THROTTLED_BATCH_SECONDS = 2
SMALLEST_BATCH = 20
MOST_PLANNING_ATTEMPTS = 5
AUDIENCE_MILLISECONDS = 30_000
# A planner that died is replaced by the next call; where none comes for so long, the dispatch has failed.
ABANDONED_AFTER = timedelta(minutes=2)
# Hash tables of a million people stay in memory (measured: a third of the time, half of the noise).
WORK_MEM = "128MB"
# A push counts against the cap from when it was accepted, which may be days after its dispatch was planned.
CAP_LOOKS_BACK = timedelta(days=7)

_EVERYBODYS_ROWS = Compiled("select * from deliveries_delivery")
_THEIR_ROWS = Compiled(
    "select delivery.* from (select customer_id from plan_audience union all select half.id from half) audience"
    " join deliveries_delivery delivery on delivery.customer_id = audience.customer_id"
)

_LIVE = """select id, customer_id, gateway, platform, state, time_zone, last_seen_at from devices_device
where state in ('active', 'stale') and (%(platforms)s::text[] = '{}' or platform = any(%(platforms)s::text[]))"""
_LATEST = f"select distinct on (customer_id) * from ({_LIVE}) live order by customer_id, last_seen_at desc, id desc"

_HABITS = Compiled("select customer_id, hour from deliveries_openinghour")
_NO_HABITS = Compiled("select null::bigint as customer_id, null::smallint as hour where false")


@dataclass(frozen=True, slots=True)
class ContentDraft:
    """One variant in one language. body: fields of PushContent, texts as Liquid; language "" = for everybody else.

    facts: values for the texts that win over the profile's.
    """

    variant: int
    language: str
    body: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)


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
class _Plan:
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


class _RolledBack(Exception):
    """Ends a simulation's transaction."""


def plan_dispatch(
    *,
    app: App,
    kind: str,
    origin: str,
    occurrence: str,
    name: str,
    audience: Compiled,
    contents: Sequence[ContentDraft],
    policy: Policy,
    now: datetime,
    lane: str = "bulk",
    throttle_per_second: float | None = None,
    release_at: datetime | None = None,
    due_at: datetime | None = None,
) -> Dispatch:
    """The dispatch of (app, origin, occurrence), planned once however often this is called.

    due_at: when it should have begun, where it begins late (beat was down); its expiry counts from then.
    audience.sql selects one column, customer_id. While another process plans it, it is returned as it is (state
    planning); one whose planner died is planned here. A statement time-out ends it as failed(audience_timeout) before
    anybody is sent to. Cost: a million people 6 s, in one transaction.
    """
    plan = _plan_of(app, kind, lane, audience, policy, throttle_per_second, release_at, due_at, now)
    dispatch = _first_row(plan, origin, occurrence, name, contents)
    if dispatch.state == "planning":
        _take_planning(plan, dispatch)
        dispatch.refresh_from_db()
    return dispatch


def end_abandoned(*, now: datetime) -> int:
    """Dispatches whose planner died and whom nobody planned again: planning -> failed. Returns how many.

    Whoever asked for it sees the reason; nobody was sent anything.
    """
    old = Dispatch.objects.filter(finished_at=None, state="planning", created_at__lt=now - ABANDONED_AFTER)
    ended = 0
    for dispatch_id in old.values_list("id", flat=True):
        with transaction.atomic():
            if _is_free(dispatch_id):
                row = Dispatch.objects.filter(id=dispatch_id)
                ended += DISPATCH_STATES.move(row, "failed", reason="planning_crashed", finished_at=now)
    return ended


def simulate_dispatch(
    *,
    app: App,
    kind: str,
    origin: str,
    occurrence: str,
    name: str,
    audience: Compiled,
    contents: Sequence[ContentDraft],
    policy: Policy,
    now: datetime,
    lane: str = "bulk",
    throttle_per_second: float | None = None,
    release_at: datetime | None = None,
    due_at: datetime | None = None,
) -> Waterfall:
    """What plan_dispatch would do now: the same freezing, rolled back before anything is written from it."""
    plan = _plan_of(app, kind, lane, audience, policy, throttle_per_second, release_at, due_at, now)
    waterfall = None
    try:
        with transaction.atomic():
            waterfall = _freeze(plan)
            raise _RolledBack
    except _RolledBack:
        assert waterfall is not None  # noqa: S101
        return waterfall


def _plan_of(
    app: App,
    kind: str,
    lane: str,
    audience: Compiled,
    policy: Policy,
    throttle: float | None,
    release_at: datetime | None,
    due_at: datetime | None,
    now: datetime,
) -> _Plan:
    begin = max(release_at or now, now)
    expires_at = (latest_start(policy) or min(due_at or begin, begin)) + timedelta(seconds=policy.expire_after_seconds)
    return _Plan(app, kind, lane, audience, policy, throttle, begin, expires_at, now)


def _first_row(plan: _Plan, origin: str, occurrence: str, name: str, contents: Sequence[ContentDraft]) -> Dispatch:
    """The dispatch with its contents, made on the first call of all."""
    with transaction.atomic():
        dispatch, is_new = Dispatch.objects.get_or_create(
            app=plan.app,
            origin=origin,
            occurrence=occurrence,
            defaults={
                "kind": plan.kind,
                "lane": plan.lane,
                "name": name,
                "policy": plan.policy.as_json(),
                "throttle_per_second": plan.throttle_per_second,
                "planned_on": plan.now.date(),
                "created_at": plan.now,
                "expires_at": plan.expires_at,
            },
        )
        if is_new:
            Content.objects.bulk_create(
                Content(
                    dispatch=dispatch,
                    variant=draft.variant,
                    language=draft.language,
                    body=dict(draft.body),
                    facts=dict(draft.facts),
                )
                for draft in contents
            )
    return dispatch


def _take_planning(plan: _Plan, dispatch: Dispatch) -> None:
    """Plan, unless somebody else is at it: a killed planner's lock ends with it."""
    mine = Dispatch.objects.filter(id=dispatch.id)
    with transaction.atomic():
        if not _is_free(dispatch.id):
            return
        begun = mine.filter(state="planning", planning_attempt__lt=MOST_PLANNING_ATTEMPTS)
        if not begun.update(planning_attempt=F("planning_attempt") + 1):
            DISPATCH_STATES.move(mine, "failed", reason="planning_crashed", finished_at=plan.now)
            return
    try:
        with transaction.atomic():
            if _is_free(dispatch.id) and mine.filter(state="planning").exists():
                _write(plan, dispatch)
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        DISPATCH_STATES.move(mine, "failed", reason="audience_timeout", finished_at=plan.now)


def _is_free(dispatch_id: int) -> bool:
    with connection.cursor() as cursor:
        key = f"deliveries.plan:{dispatch_id}"
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [key])
        return bool(cursor.fetchone()[0])


def _freeze(plan: _Plan) -> Waterfall:
    """Fill the workbench: who, on which devices, when, or why not."""
    policy = plan.policy
    _lock_caps(plan)
    with connection.cursor() as cursor:
        cursor.execute(f"set local work_mem = '{WORK_MEM}'")
    execute("deliveries", "plan_tables", {})
    _freeze_audience(plan.audience)
    if plan.kind in CAPPED_KINDS:
        _freeze_spent(plan, "", policy.cap_count, policy.cap_days)
        if policy.topic:
            _freeze_spent(plan, policy.topic, policy.topic_cap_count, policy.topic_cap_days)
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
    releases = _freeze_windows(plan)
    return replace(_waterfall(), releases=releases)


def _freeze_spent(plan: _Plan, topic: str, cap_count: int | None, cap_days: int) -> None:
    """Whose cap is used up: that of all campaigns ("") or of those of a topic. Over both = the former."""
    if cap_count is None:
        return
    since = plan.now - timedelta(days=cap_days)
    limits = {"app_id": plan.app.id, "topic": topic, "cap_count": cap_count, "since": since}
    limits["planned_since"] = (since - CAP_LOOKS_BACK).date()
    ((is_large,),) = rows("deliveries", "plan_is_large", {})
    limits["is_large"] = is_large
    execute("deliveries", "plan_spent", limits, delivered=_EVERYBODYS_ROWS if is_large else _THEIR_ROWS)


def _freeze_audience(audience: Compiled) -> None:
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


def _lock_caps(plan: _Plan) -> None:
    """Campaigns of an app are planned one after the other where a cap counts them; the rest may overlap."""
    if plan.kind not in CAPPED_KINDS:
        return
    how = "pg_advisory_xact_lock" if plan.policy.is_capped else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"select {how}(hashtextextended(%s, 0))", [f"deliveries.cap:{plan.app.id}"])


def _freeze_windows(plan: _Plan) -> list[Release]:
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
    return releases


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


def _write(plan: _Plan, dispatch: Dispatch) -> None:
    """Copy the workbench into ledger and batches, and open the dispatch. A cancel meanwhile undoes all of it."""
    waterfall = _freeze(plan)
    common = {"dispatch_id": dispatch.id, "app_id": plan.app.id}
    day = {**common, "planned_on": dispatch.planned_on, "now": plan.now}
    execute("deliveries", "plan_exclusions", day)
    execute("deliveries", "plan_exclusion_page", day)
    size = _batch_size(plan)
    canaries = _canaries(plan, waterfall.sending_devices, size)
    sent = [one.moment for one in waterfall.releases if not one.moment.reason]
    expires_at = max((moment.expires_at for moment in sent), default=plan.expires_at)
    values = {"lane": plan.lane, "size": size, "expires_at": expires_at, **canaries}
    execute("deliveries", "plan_batches", {**common, **values})
    if plan.throttle_per_second is not None:
        PaceBucket.objects.create(owner=f"dispatch:{dispatch.id}", tokens=1, refilled_at=plan.now)
    opened = DISPATCH_STATES.move(
        Dispatch.objects.filter(id=dispatch.id, state="planning"),
        "sending",
        planned_people=waterfall.planned_people,
        planned_devices=waterfall.planned_devices,
        expires_at=expires_at,
        guard=guard_at_start(plan.kind, waterfall.sending_devices, has_canary=bool(canaries["canaries"])),
    )
    if opened:
        wake_on_commit(plan.lane)
    else:
        transaction.set_rollback(True)


def _canaries(plan: _Plan, devices: int, size: int) -> dict[str, list[Any]]:
    """How many devices of each gateway, zone and hour go first: their share, of those who are released first of all."""
    wanted = min(canary_size(plan.kind, plan.policy, devices), size)
    groups = rows("deliveries", "plan_canaries", {}) if wanted else []
    total = sum(count for _gateway, _zone, _hour, count in groups)
    return {
        "gateways": [gateway for gateway, _zone, _hour, _count in groups],
        "zones": [zone for _gateway, zone, _hour, _count in groups],
        "hours": [hour for _gateway, _zone, hour, _count in groups],
        "canaries": [min(count, ceil(wanted * count / total)) for _gateway, _zone, _hour, count in groups],
    }


def _batch_size(plan: _Plan) -> int:
    if plan.throttle_per_second is None:
        return BATCH_SIZE
    return min(BATCH_SIZE, max(SMALLEST_BATCH, int(plan.throttle_per_second * THROTTLED_BATCH_SECONDS)))


def _analyze(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"analyze {table}")


def _words(numbers: Mapping[str, int]) -> list[str]:
    """The words numbered from 1, in order: array_position gives the number back."""
    return sorted(filter(None, numbers), key=lambda word: numbers[word])
