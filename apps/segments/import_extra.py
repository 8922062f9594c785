"""Static lists as places where the people of a file may go."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from apps.accounts.models import App
from apps.customers.import_extras import Place
from apps.segments.models import Segment
from apps.segments.services.lists import note_list, put_on_list


class StaticLists:
    key = "list"

    def places(self, *, app: App) -> list[Place]:
        """The app's lists by name."""
        lists = Segment.objects.filter(app=app, kind="static").order_by("name")
        return [Place(f"{self.key}:{one.pk}", one.name, _page_of(one.pk)) for one in lists]

    def add(self, *, place: str, customer_ids: Sequence[int], now: datetime) -> None:
        """A list that was deleted meanwhile takes nobody."""
        if Segment.objects.filter(pk=place, kind="static").exists():
            put_on_list(segment_id=int(place), customer_ids=customer_ids, now=now)

    def finish(self, *, place: str, now: datetime) -> None:
        segment = Segment.objects.filter(pk=place, kind="static").first()
        if segment is not None:
            note_list(segment=segment, now=now)


def _page_of(segment_id: int) -> str:
    return reverse("admin:segments_segment_change", args=[segment_id])
