"""What a worker does without being told: it looks by itself when it hears nothing.

Beat and the broker only make things prompt. A worker process that has not been given one of its lane's ticks for the
tick's period and some patience runs it by itself, and every few seconds it looks whether its lane has work. So with
the broker or beat away everything goes on, later by the poll interval at most. Ticks are idempotent wake-ups, so that
two workers who look at the same time do no harm; where there is nothing to do, a look is one indexed query.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from random import Random
from time import monotonic

from django.db import DatabaseError, connections

from apps.core.outage import outage
from config.schedule import Tick

# How often a worker looks by itself; each wait is spread by a quarter, so that workers do not look in step.
POLL_SECONDS = 2.0
SPREAD = 0.25
# Several workers of a lane share its ticks, so one of them may rightly hear none for a moment.
PATIENCE_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Poller:
    """The thread that runs these ticks when `heard` was not called for them. run: does one, in this process."""

    def __init__(
        self,
        ticks: Sequence[Tick],
        run: Callable[[Tick], None],
        is_over: threading.Event,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._ticks = {tick.name: tick for tick in ticks}
        self._run = run
        self._is_over = is_over
        self._patience_seconds, self._poll_seconds = patience_seconds, poll_seconds
        self._chance = Random()  # noqa: S311
        self._due_at = {name: monotonic() + self._patience(tick) for name, tick in self._ticks.items()}
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def heard(self, task: str) -> None:
        """This task came by the broker: where it is one of the ticks, somebody else drives it."""
        for name, tick in self._ticks.items():
            if tick.task == task:
                self._due_at[name] = monotonic() + self._patience(tick)

    def join(self, seconds: float) -> None:
        """Wait for what is under way, once `is_over` is set."""
        self._thread.join(seconds)

    def _patience(self, tick: Tick) -> float:
        return tick.every_seconds + self._patience_seconds

    def _poll(self) -> None:
        while not self._is_over.wait(max(0.0, min(self._due_at.values()) - monotonic())):
            for name, tick in self._ticks.items():
                if self._due_at[name] <= monotonic() and not self._is_over.is_set():
                    self._do(tick)
                    wait = max(tick.every_seconds, self._poll_seconds) * self._chance.uniform(1 - SPREAD, 1 + SPREAD)
                    self._due_at[name] = monotonic() + wait
        connections.close_all()

    def _do(self, tick: Tick) -> None:
        try:
            self._run(tick)
        except DatabaseError as error:
            if not outage.tells(error):
                _log.warning("%s waits for the database: %s", tick.name, str(error).strip())
        except Exception:
            # One tick's fault may not end the others; Celery would log it and go on just so.
            _log.exception("%s failed", tick.name)
