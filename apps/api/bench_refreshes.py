"""Pushes beside segments that fell due together: a part of `bench accept_to_gateway`, asked for by `--due-segments`.

Beat and the bulk worker of the house refresh them, as ever. The world they are computed in is that of `bench segment`,
as large as `--customers` and `--events` say; it belongs to an app of its own.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from apps.accounts.models import App
from apps.segments.bench import LONGEST_SECONDS, make_due, make_world
from apps.segments.models import Segment

Say = Callable[[str], None]


def make_refresh_world(options: dict[str, Any], now: datetime, say: Say) -> App | None:
    """The app whose segments will fall due; None where nobody asked. To be called before the house starts."""
    if not options["due_segments"]:
        return None
    return make_world(customers=options["customers"], events=options["events"], now=now, say=say, slug="segments")


def beside_refreshes[T](
    app: App, count: int, offer_until: Callable[[Callable[[], bool]], list[T]], say: Say
) -> tuple[list[T], dict[str, Any]]:
    """Offer requests from the moment `count` segments fall due until each was refreshed, or is broken for its slowness.

    Returns what was offered, and the fields that say what went on beside it.
    """
    say(f"refreshing {count} segments")
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(offer_until, is_over.is_set)
        try:
            make_due(app, count)
            started = time.perf_counter()
            _wait_until_none_is_due(app)
            seconds = time.perf_counter() - started
        finally:
            is_over.set()
        sent = sending.result()
    fresh = Segment.objects.filter(app=app, state="fresh").count()
    return sent, {"refresh_seconds": round(seconds, 1), "due_segments": count, "refreshed": fresh}


def _wait_until_none_is_due(app: App) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while Segment.objects.filter(app=app, state__in=["due", "refreshing"]).exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not refreshed after {LONGEST_SECONDS} s")
        time.sleep(0.25)
