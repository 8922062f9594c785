"""Plan: an audience becomes batches and exclusions, in one transaction, and is frozen from then on.

Every person of the audience leaves at least one row: a place in a batch for each device to be sent to, or a row in
the ledger with the reason. So planned = plan + ledger, always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from apps.deliveries.policy import Policy
from apps.deliveries.services.freeze import Plan, Waterfall, freeze_audience
from apps.deliveries.services.guard import canary_size, guard_at_start
from apps.deliveries.services.moments import latest_start
from apps.deliveries.services.wake import wake_on_commit
from apps.deliveries.states import DISPATCH_STATES

BATCH_SIZE = 1000
# A throttled dispatch is cut smaller: a retry, and a pause, waits for the end of its slice and its batch.
THROTTLED_BATCH_SECONDS = 2
SMALLEST_BATCH = 20
MOST_PLANNING_ATTEMPTS = 5
# A planner that died is replaced by the next call; where none comes for so long, the dispatch has failed.
ABANDONED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class ContentDraft:
    """One variant in one language. body: fields of PushContent, texts as Liquid; language "" = for everybody else.

    facts: values for the texts that win over the profile's.
    """

    variant: int
    language: str
    body: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)


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
    anybody is sent to. Cost: a million people 5 to 8 s, in one transaction.
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
            waterfall = freeze_audience(plan)
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
) -> Plan:
    begin = max(release_at or now, now)
    expires_at = (latest_start(policy) or min(due_at or begin, begin)) + timedelta(seconds=policy.expire_after_seconds)
    return Plan(app, kind, lane, audience, policy, throttle, begin, expires_at, now)


def _first_row(plan: Plan, origin: str, occurrence: str, name: str, contents: Sequence[ContentDraft]) -> Dispatch:
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


def _take_planning(plan: Plan, dispatch: Dispatch) -> None:
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


def _write(plan: Plan, dispatch: Dispatch) -> None:
    """Copy the workbench into ledger and batches, and open the dispatch. A cancel meanwhile undoes all of it."""
    waterfall = freeze_audience(plan)
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


def _canaries(plan: Plan, devices: int, size: int) -> dict[str, list[Any]]:
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


def _batch_size(plan: Plan) -> int:
    if plan.throttle_per_second is None:
        return BATCH_SIZE
    return min(BATCH_SIZE, max(SMALLEST_BATCH, int(plan.throttle_per_second * THROTTLED_BATCH_SECONDS)))
