"""Static lists: people put on and taken off by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.problems import FieldProblem, InvalidInput
from apps.core.sql import execute, rows
from apps.core.text import shown
from apps.customers.services.profile_fields import clean_external_id
from apps.segments.models import Segment, SegmentMember, SegmentRefresh

AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of the names. unknown: names of nobody in the app, in the order given.

    malformed: what can be nobody's name, such as one with a NUL byte in it; never looked up, so it finds nobody else.
    """

    joined_count: int
    already_count: int
    unknown: tuple[str, ...]
    malformed: tuple[str, ...] = ()


def add_to_list(*, segment: Segment, external_ids: Sequence[str], now: datetime) -> Listed:
    """Put people on a static list; who is on it stays. Raises InvalidInput (not_a_list) for a dynamic segment.

    Touches segments_segmentmember, segments_segment, segments_segmentrefresh. Cost: one statement per 10,000 names.
    """
    _require_list(segment)
    cleaned = {one: clean_external_id(one, pointer="", problems=[]) for one in external_ids}
    names = list(dict.fromkeys(name for name in cleaned.values() if name))
    malformed = tuple(shown(one.replace("\0", "\ufffd")) for one, name in cleaned.items() if not name)
    found: dict[str, bool] = {}
    with transaction.atomic():
        for some in batched(names, AT_ONCE):
            parameters = {"segment_id": segment.pk, "app_id": segment.app_id, "external_ids": list(some), "now": now}
            found.update(rows("segments", "add_members", parameters))
        joined = sum(found.values())
        _note(segment, joined, 0, now)
    return Listed(joined, len(found) - joined, tuple(name for name in names if name not in found), malformed)


def put_on_list(*, segment_id: int, customer_ids: Sequence[int], now: datetime) -> None:
    """Put known people on a static list, by the ten thousand; `note_list` counts them once all are there.

    Touches segments_segmentmember. Cost: one statement.
    """
    execute("segments", "put_members", {"segment_id": segment_id, "customer_ids": list(customer_ids), "now": now})


def note_list(*, segment: Segment, now: datetime) -> None:
    """Bring a list's size and its history up to what was put on it."""
    before = segment.member_count
    after = SegmentMember.objects.filter(segment=segment, left_at=None).count()
    _note(segment, max(after - before, 0), 0, now)


def remove_from_list(*, segment: Segment, customer_ids: Sequence[int], now: datetime) -> int:
    """Take people off a static list; their time on it stays known. Returns how many left."""
    _require_list(segment)
    with transaction.atomic():
        members = SegmentMember.objects.filter(segment=segment, customer__in=customer_ids, left_at=None)
        left = members.update(left_at=now)
        _note(segment, 0, left, now)
    return left


def _note(segment: Segment, joined: int, left: int, now: datetime) -> None:
    """Count again, and put the change into the size history."""
    members = SegmentMember.objects.filter(segment=segment, left_at=None).count()
    Segment.objects.filter(pk=segment.pk).update(member_count=members, refreshed_at=now, state="fresh")
    SegmentRefresh.objects.create(
        segment=segment, at=now, seconds=0, member_count=members, joined_count=joined, left_count=left
    )


def _require_list(segment: Segment) -> None:
    if segment.kind != "static":
        message = _("“%(name)s” follows a rule; only a static list can be filled by hand") % {"name": segment.name}
        raise InvalidInput([FieldProblem("", "not_a_list", message)])
