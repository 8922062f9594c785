"""Questions about segments."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from apps.customers.models import Customer
from apps.segments.models import Segment, SegmentMember, SegmentRefresh


def segments_of(app_ids: Sequence[int]) -> QuerySet[Segment]:
    """Segments of these apps, by name."""
    return Segment.objects.filter(app__in=app_ids).select_related("app").order_by("name")


def members_of(segment: Segment) -> QuerySet[Customer]:
    """Who is in a segment now, latest joined first."""
    now_in = SegmentMember.objects.filter(segment=segment, left_at=None)
    return Customer.objects.filter(pk__in=now_in.values("customer_id")).order_by("-id")


def was_member(*, segment: Segment, customer: Customer, at: datetime) -> bool:
    """Was this person in the segment at that moment?"""
    spans = SegmentMember.objects.filter(segment=segment, customer=customer, joined_at__lte=at)
    return spans.exclude(left_at__lte=at).exists()


def sizes_of(segment: Segment, *, limit: int = 60) -> list[SegmentRefresh]:
    """The latest computations, oldest first: the size history."""
    return list(SegmentRefresh.objects.filter(segment=segment).order_by("-at")[:limit])[::-1]


def segments_of_customer(customer: Customer) -> QuerySet[SegmentMember]:
    """The memberships of a person, those of today first."""
    memberships = SegmentMember.objects.filter(customer=customer).select_related("segment")
    return memberships.order_by("left_at", "-joined_at")
