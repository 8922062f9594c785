"""Refresh: who is in a segment now. Writes only joins and leaves, so that history stays and nothing is rewritten."""

from datetime import datetime, timedelta
from time import monotonic

from django.db import connection, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.utils.translation import gettext as _

from apps.core.problems import Conflict, InvalidInput
from apps.core.sql import Compiled, rows
from apps.segments.models import Segment, SegmentRefresh
from apps.segments.rules import compile_rule
from apps.segments.rules.cycles import segments_named
from apps.segments.services.limits import Stopped, TooSlow, limited
from apps.segments.states import SEGMENT_STATES

LIMIT_SECONDS = 30
LEASE = timedelta(minutes=2)
# Of every tick (config.schedule) so much is spent on what is due; the rest of it belongs to launches and pushes.
DUE_SECONDS = 1.0


class SegmentBroken(Exception):
    """Segments that cannot be computed, so nobody may be sent to because of them. reasons: name -> why."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self.reasons = reasons
        super().__init__("; ".join(f"{name}: {why}" for name, why in reasons.items()))


class Busy(Exception):
    """Another due segment is being computed: this one waits for the next tick."""


def refresh_segment(
    *, segment_id: int, now: datetime, limit_seconds: float = LIMIT_SECONDS, gently: bool = False
) -> SegmentRefresh:
    """Compute the members of a segment, after those of the segments its rule asks about.

    gently: nobody waits for it, so it keeps to less memory, and its turn among those who do the same.
    Raises SegmentBroken (the state is then `broken`, the last members stay), Conflict("segment_refreshing") where
    another worker is at it, Busy where it is gentle and another is being computed, Stopped where an operator
    cancelled the query. Touches segments_segment, segments_segmentmember, segments_segmentrefresh.
    Cost: the rule's query and one hash join; see README.
    """
    segment = Segment.objects.select_related("app").get(pk=segment_id)
    lease = _claim(segment, now)
    try:
        _refresh_needed(segment, now, limit_seconds, gently)
        return _refresh(segment, lease, now, limit_seconds, gently)
    except Stopped:
        SEGMENT_STATES.move(_held(segment, lease), "due", leased_until=None)
        raise
    except (InvalidInput, TooSlow, SegmentBroken) as error:
        raise _broken(segment, lease, _reason(error, limit_seconds), now) from error
    except BaseException:
        SEGMENT_STATES.move(_held(segment, lease), "due", leased_until=None)
        raise


def refresh_due(*, now: datetime, budget_seconds: float = DUE_SECONDS) -> int:
    """Refresh dynamic segments whose time has come, longest waiting first. Returns how many were refreshed.

    Ends once the budget is used up: the next tick goes on, and twenty that fall due together are spread over half a
    minute instead of holding a core from pushes. A broken one is tried again after its usual pause; one whose worker
    died, after its lease.
    """
    pause = ExpressionWrapper(F("refresh_every_minutes") * timedelta(minutes=1), output_field=DurationField())
    is_late = Q(refreshed_at__lt=Value(now) - pause)
    ready = Q(state="due") | (Q(state="fresh") & is_late) | Q(state__in=["refreshing", "broken"], leased_until__lt=now)
    due = Segment.objects.filter(ready, kind="dynamic", app__is_active=True)
    count, started = 0, monotonic()
    for segment_id in list(due.order_by(F("refreshed_at").asc(nulls_first=True), "id").values_list("id", flat=True)):
        try:
            refresh_segment(segment_id=segment_id, now=now, gently=True)
            count += 1
        except (Busy, Stopped):
            break
        except (SegmentBroken, Conflict):
            pass
        if monotonic() - started >= budget_seconds:
            break
    return count


def mark_due(*, segment_id: int) -> None:
    """The rule changed: what is being computed now no longer counts."""
    SEGMENT_STATES.move(Segment.objects.filter(pk=segment_id), "due", leased_until=None, broken_reason="")


def _refresh_needed(segment: Segment, now: datetime, limit_seconds: float, gently: bool) -> None:
    """The segments that the rule asks about come first."""
    for needed in Segment.objects.filter(pk__in=segments_named(segment.rule), kind="dynamic"):
        if needed.refreshed_at is None or needed.refreshed_at < now or needed.state != "fresh":
            refresh_segment(segment_id=needed.pk, now=now, limit_seconds=limit_seconds, gently=gently)


def _refresh(segment: Segment, lease: datetime, now: datetime, limit_seconds: float, gently: bool) -> SegmentRefresh:
    audience = _audience(segment, now)
    started = monotonic()
    with limited(limit_seconds, gently=gently):
        if gently:
            _take_turn()
        found = rows("segments", "refresh_members", {"segment_id": segment.pk, "now": now}, audience=audience)
        members, joined, left = found[0]
        done = {"member_count": members, "refreshed_at": now, "leased_until": None, "broken_reason": ""}
        if SEGMENT_STATES.move(_held(segment, lease), "fresh", **done) != 1:
            raise Conflict("segment_refreshing", _("“%(name)s” was changed meanwhile") % {"name": segment.name})
        return SegmentRefresh.objects.create(
            segment=segment,
            at=now,
            seconds=round(monotonic() - started, 4),
            member_count=members,
            joined_count=joined,
            left_count=left,
        )


def _take_turn() -> None:
    """Of one due segment at a time, in whatever worker; until the transaction ends. Raises Busy."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtextextended('segments.due', 0))")
        if not cursor.fetchone()[0]:
            raise Busy


def _audience(segment: Segment, now: datetime) -> Compiled:
    """A static list keeps its members, but for those who were erased."""
    if segment.kind == "dynamic":
        return compile_rule(segment.rule, segment.app, now)
    sql = (
        "select member.customer_id from segments_segmentmember as member"
        " join customers_customer as customer on customer.id = member.customer_id and customer.erased_at is null"
        " where member.segment_id = %(list_id)s and member.left_at is null"
    )
    return Compiled(sql, {"list_id": segment.pk})


def _claim(segment: Segment, now: datetime) -> datetime:
    """Compare-and-set to `refreshing`, under a lease that ends by itself should this worker die."""
    lease = now + LEASE
    with transaction.atomic():
        itself = Segment.objects.filter(pk=segment.pk)
        SEGMENT_STATES.move(itself.filter(state="refreshing", leased_until__lt=now), "due", leased_until=None)
        claimed = SEGMENT_STATES.move(itself, "refreshing", leased_until=lease)
    if not claimed:
        raise Conflict("segment_refreshing", _("“%(name)s” is being computed already") % {"name": segment.name})
    return lease


def _held(segment: Segment, lease: datetime) -> QuerySet[Segment]:
    """The row, as long as this worker's claim stands."""
    return Segment.objects.filter(pk=segment.pk, state="refreshing", leased_until=lease)


def _reason(error: InvalidInput | TooSlow | SegmentBroken, limit_seconds: float) -> str:
    if isinstance(error, InvalidInput):
        return "; ".join(problem.message for problem in error.problems)
    if isinstance(error, SegmentBroken):
        return _("its rule asks about a broken segment: %(which)s") % {"which": error}
    return _("its rule takes longer than %(seconds)g seconds: make it narrower") % {"seconds": limit_seconds}


def _broken(segment: Segment, lease: datetime, reason: str, now: datetime) -> SegmentBroken:
    again = now + timedelta(minutes=segment.refresh_every_minutes)
    SEGMENT_STATES.move(_held(segment, lease), "broken", broken_reason=reason[:300], leased_until=again)
    return SegmentBroken({segment.name: reason})
