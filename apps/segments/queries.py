"""Questions about segments."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import PROTECT, ManyToManyField, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from apps.accounts.models import App
from apps.customers.contact_search import has_contact
from apps.customers.models import Customer
from apps.customers.queries import found_people
from apps.customers.sealed import EMAIL
from apps.segments.models import Segment, SegmentMember, SegmentRefresh
from apps.segments.rules.cycles import segments_named


@dataclass(frozen=True, slots=True)
class User:
    """A row that uses a segment. noun: its model's name; label: the admin's word for it ("campaigns_campaign")."""

    noun: Any
    name: str
    pk: int
    label: str


type Naming = Callable[[Segment], Iterable[User]]
_namings: list[Naming] = []


def register_naming(naming: Naming) -> None:
    """Called once a process, from AppConfig.ready: a floor above that names segments where no relation says so."""
    if naming not in _namings:
        _namings.append(naming)


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


def spans_of(segment: Segment, customer: Customer) -> list[SegmentMember]:
    """When this person was in the segment, latest first."""
    return list(SegmentMember.objects.filter(segment=segment, customer=customer).order_by("-joined_at", "-id"))


def people_called(app: App, words: str, *, limit: int) -> list[Customer]:
    """Who is meant by an id or e-mail typed in full; else whom `found_people` finds.

    Cost: as customers.queries.found_people.
    """
    people = Customer.objects.filter(app=app, erased_at=None, merged_into=None)
    named = Q(external_id=words) | (has_contact(people, EMAIL, words, [app]) if "@" in words else Q(pk__in=[]))
    return list(people.filter(named)[:limit]) or list(found_people(people, words, apps=[app]).order_by("id")[:limit])


def sizes_of(segment: Segment, *, limit: int = 60) -> list[SegmentRefresh]:
    """The latest computations, oldest first: the size history."""
    return list(SegmentRefresh.objects.filter(segment=segment).order_by("-at")[:limit])[::-1]


def segments_of_customer(customer: Customer) -> QuerySet[SegmentMember]:
    """The memberships of a person, those of today first."""
    memberships = SegmentMember.objects.filter(customer=customer).select_related("segment")
    return memberships.order_by("left_at", "-joined_at")


def sizes_by_segment(segments: Iterable[Segment], *, limit: int = 20) -> dict[int, list[int]]:
    """The latest sizes of many segments, oldest first: what a list draws. Cost: one query."""
    age = Window(RowNumber(), partition_by="segment_id", order_by="-at")
    latest = SegmentRefresh.objects.filter(segment__in=list(segments)).annotate(age=age).filter(age__lte=limit)
    sizes: defaultdict[int, list[int]] = defaultdict(list)
    for segment_id, count in latest.order_by("segment_id", "at").values_list("segment_id", "member_count"):
        sizes[segment_id].append(count)
    return dict(sizes)


def users_of(segment: Segment) -> list[User]:
    """Everything that names the segment: rules of other segments, and rows of the apps above.

    Asked of Django's own relations and of what registered itself, because what stands above may not be imported here.
    """
    asking = Segment.objects.filter(app=segment.app_id, kind="dynamic").exclude(pk=segment.pk)
    users = [
        User(Segment._meta.verbose_name, one.name, one.pk, "segments_segment")
        for one in asking
        if segment.pk in segments_named(one.rule)
    ]
    for relation in Segment._meta.get_fields(include_hidden=True):
        model = relation.related_model
        if not _keeps(relation):
            continue
        rows = model._default_manager.filter(**{relation.field.name: segment})  # type: ignore[union-attr]
        label = model._meta.label_lower.replace(".", "_")  # type: ignore[union-attr]
        users += [User(row._meta.verbose_name, str(row), row.pk, label) for row in rows]
    users += (user for naming in _namings for user in naming(segment))
    return list(dict.fromkeys(users))


def _keeps(relation: Any) -> bool:
    """Whether rows on the other side keep a segment from being deleted: every many-to-many, every PROTECT."""
    field = getattr(relation, "field", None)
    return isinstance(field, ManyToManyField) or getattr(relation, "on_delete", None) is PROTECT
