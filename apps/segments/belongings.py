"""What this floor keeps about a person: the segments they are and were in."""

from datetime import datetime

from apps.core.sql import execute
from apps.customers.belongings import Pairs, Rows
from apps.segments.models import SegmentMember


class SegmentBelongings:
    key = "segments"

    def erase(self, *, customer_id: int, now: datetime) -> None:
        """Leaves them all; that a tombstone was in them once stays, for reports of the past."""
        SegmentMember.objects.filter(customer=customer_id, left_at=None).update(left_at=now)

    def merge(self, *, pairs: Pairs, now: datetime) -> None:
        """A membership of both is one, as old as the older; the next refresh judges it anew."""
        halves, people = [half for half, _person in pairs], [person for _half, person in pairs]
        execute("segments", "merge_members", {"half_ids": halves, "kept_ids": people})

    def disclose(self, *, customer_id: int) -> Rows:
        memberships = SegmentMember.objects.filter(customer=customer_id).select_related("segment").order_by("id")
        return [
            {
                "segment": membership.segment.name,
                "joined_at": membership.joined_at.isoformat(),
                "left_at": membership.left_at.isoformat() if membership.left_at else None,
            }
            for membership in memberships
        ]
