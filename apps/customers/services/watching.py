"""Watching: which names of events somebody above waits for."""

from collections.abc import Collection

from apps.accounts.models import App
from apps.customers.models import EventWatch


def watch_events(*, app: App, names: Collection[str]) -> None:
    """From the commit on, events of exactly these names leave an arrival. What had come in by then stays as it is."""
    EventWatch.objects.filter(app=app).exclude(name__in=names).delete()
    EventWatch.objects.bulk_create([EventWatch(app=app, name=name) for name in sorted(names)], ignore_conflicts=True)
