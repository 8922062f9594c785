"""Wake-ups: a message that says "there may be work in this lane". The work itself stands in rows.

They are published by a thread of their own, so nobody ever waits for the broker, and a burst becomes a few. Losing
one costs at most a tick of `release`; a doubled one finds nothing to do; so one that the broker refuses is dropped.
`ask_for` does the same for any task that some tick would find as well.
"""

import logging
import os
import time
from dataclasses import dataclass
from threading import Condition, Thread

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

# The first wish goes out at once; of those for the same that follow within this time one message is made. A worker of
# the lane looks for work longer than that after its last (work.RHYTHMS). A message costs 2 ms to publish and to take.
THIN_SECONDS = {"urgent": 0.8, "bulk": 0.2}
# A worker that wakes later than this is superseded by the next tick.
EXPIRES_SECONDS = 5
BROKER_REST_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A message to be published. Where nobody takes it for expires_seconds, some tick has done its work.

    thin_seconds: as long as the same wish rests after it was published.
    """

    task: str
    arguments: tuple[str | int, ...]
    queue: str
    expires_seconds: int = EXPIRES_SECONDS
    thin_seconds: float = 0.2


def wake(lane: str, *, times: int = 1) -> None:
    """Have wake-ups published for the lane: as many workers as `times` may take one each. Returns at once."""
    ask_for(Wish("deliveries.send", (lane,), lane, thin_seconds=THIN_SECONDS[lane]), times=times)


def go_on(lane: str) -> None:
    """Have one worker woken at once, in place of one whose time is over. Returns at once."""
    ask_for(Wish("deliveries.send", (lane,), lane, thin_seconds=0.0))


def ask_for(wish: Wish, *, times: int = 1) -> None:
    """Have it published, whenever the broker takes it. Returns at once."""
    _publisher.ask(wish, times)


def wake_on_commit(lane: str) -> None:
    """Wake the lane once the current transaction is committed."""
    transaction.on_commit(lambda: wake(lane))


def is_all_published() -> bool:
    """Whether nothing that was asked for in this process is still on its way to the broker."""
    return _publisher.is_idle


class _Publisher:
    """The thread, started with the first wish of the process."""

    def __init__(self) -> None:
        self._wished: dict[Wish, int] = {}
        self._rests_until: dict[Wish, float] = {}
        self._change = Condition()
        self._thread: Thread | None = None
        self._is_refused = False
        self._is_publishing = False

    @property
    def is_idle(self) -> bool:
        with self._change:
            return not self._wished and not self._is_publishing

    def ask(self, wish: Wish, times: int) -> None:
        with self._change:
            self._wished[wish] = max(times, self._wished.get(wish, 0))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="wake-ups", daemon=True)
                self._thread.start()
            self._change.notify()

    def _run(self) -> None:
        while True:
            try:
                for wish, times in self._take_due().items():
                    _publish(wish, times)
                self._is_refused = False
            except (OperationalError, OSError) as error:
                if not self._is_refused:  # once an outage, not once a second
                    _log.warning("no wake-ups for now, workers find the work by themselves: %s", error)
                self._is_refused = True
                time.sleep(BROKER_REST_SECONDS)

    def _take_due(self) -> dict[Wish, int]:
        """Wait for wishes that were not published just before, and take them."""
        with self._change:
            self._is_publishing = False
            while True:
                now = time.monotonic()
                self._rests_until = {wish: until for wish, until in self._rests_until.items() if until > now}
                due = {wish: times for wish, times in self._wished.items() if wish not in self._rests_until}
                if due:
                    self._rests_until |= {wish: now + wish.thin_seconds for wish in due}
                    self._wished = {wish: times for wish, times in self._wished.items() if wish not in due}
                    self._is_publishing = True
                    return due
                rests = [self._rests_until[wish] - now for wish in self._wished]
                self._change.wait(min(rests, default=None))


def _publish(wish: Wish, times: int) -> None:
    for _ in range(times):
        current_app.send_task(
            wish.task, args=wish.arguments, queue=wish.queue, expires=wish.expires_seconds, retry=False
        )


_publisher = _Publisher()


def _begin_anew() -> None:
    """A forked child has no thread."""
    global _publisher
    _publisher = _Publisher()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
