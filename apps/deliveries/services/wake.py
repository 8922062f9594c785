"""Wake-ups: a message that says "there may be work in this lane". The work itself stands in rows.

They are published by a thread of their own, so nobody ever waits for the broker, and a burst becomes a few. Losing
one costs at most a tick of `release`; a doubled one finds nothing to do; so one that the broker refuses is dropped.
"""

import logging
import os
import time
from threading import Condition, Thread

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

# Wishes for the same lane within this time become one message.
THIN_SECONDS = 0.02
# A worker that wakes later than this is superseded by the next tick.
EXPIRES_SECONDS = 5
BROKER_REST_SECONDS = 1.0

_log = logging.getLogger(__name__)


def wake(lane: str, *, times: int = 1) -> None:
    """Have wake-ups published for the lane: as many workers as `times` may take one each. Returns at once."""
    _publisher.ask(lane, times)


def wake_on_commit(lane: str) -> None:
    """Wake the lane once the current transaction is committed."""
    transaction.on_commit(lambda: wake(lane))


class _Publisher:
    """The thread, started with the first wish of the process."""

    def __init__(self) -> None:
        self._wished: dict[str, int] = {}
        self._change = Condition()
        self._thread: Thread | None = None
        self._is_refused = False

    def ask(self, lane: str, times: int) -> None:
        with self._change:
            self._wished[lane] = max(times, self._wished.get(lane, 0))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="wake-ups", daemon=True)
                self._thread.start()
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._wished)
                wished, self._wished = self._wished, {}
            try:
                for lane, times in wished.items():
                    _publish(lane, times)
                self._is_refused = False
                time.sleep(THIN_SECONDS)
            except (OperationalError, OSError) as error:
                if not self._is_refused:  # once an outage, not once a second
                    _log.warning("no wake-ups for now, workers find the work by themselves: %s", error)
                self._is_refused = True
                time.sleep(BROKER_REST_SECONDS)


def _publish(lane: str, times: int) -> None:
    for _ in range(times):
        current_app.send_task("deliveries.send", args=[lane], queue=lane, expires=EXPIRES_SECONDS, retry=False)


_publisher = _Publisher()


def _begin_anew() -> None:
    """A forked child has no thread."""
    global _publisher
    _publisher = _Publisher()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
