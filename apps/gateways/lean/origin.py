"""One server: what waits for it, its connections, and when another one is due."""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from apps.gateways.contract import SendResult
from apps.gateways.faults import queued_too_long, refused_stream
from apps.gateways.lean.attempt import Attempt
from apps.gateways.lean.connection import Connection
from apps.gateways.wire import WireLimits

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 2.0
_PROVING_SECONDS = 0.25
_IDLE_SECONDS = 6 * 3600


class Origin:
    """name: scheme, host and port. dials: the tasks that are opening a connection."""

    def __init__(self, name: str, limits: WireLimits, chance: Callable[[], float] = random.random) -> None:
        self.name, self.limits, self._chance = name, limits, chance
        self.waiting: deque[Attempt] = deque()
        self.connections: list[Connection] = []
        self.dials: set[asyncio.Task[None]] = set()
        self._failures, self._rest_until = 0, 0.0

    def feed(self, room: int, now: float) -> int:
        """Sends what waits while `room` and the connections last; how many it sent."""
        sent = 0
        for connection in self.connections:
            if not connection.streams:
                connection.read(now)  # its end may lie there unread
                connection.is_leaving |= now - connection.heard_at > _IDLE_SECONDS
            count = min(connection.room, room - sent, len(self.waiting))
            if count > 0:
                before = len(connection.streams)
                connection.send(self.waiting, count, now)
                sent += max(0, len(connection.streams) - before)
        return sent

    def dials_due(self, now: float) -> int:
        """How many connections to open: while all are full, and after the first only once one has shown its worth."""
        if not self.waiting or now < self._rest_until:
            return 0
        living = [connection for connection in self.connections if not connection.is_leaving]
        free = self.limits.connections - len(living) - len(self.dials)
        if free <= 0 or any(connection.room for connection in living):
            return 0
        if not living:
            return 0 if self.dials else 1
        if not any(one.is_proven or now - one.born_at > _PROVING_SECONDS for one in living):
            return 0
        streams = max(1, *(connection.streams_allowed for connection in living))
        return min(free, -(-len(self.waiting) // streams) - len(self.dials))

    def note_success(self) -> None:
        self._failures, self._rest_until = 0, 0.0

    def note_failure(self, now: float, result: SendResult | None) -> None:
        """result: what it means for those who wait, if no other connection is there for them."""
        pause = min(_FIRST_PAUSE_SECONDS * 2**self._failures, _LONGEST_PAUSE_SECONDS)
        self._failures = min(self._failures + 1, 16)
        self._rest_until = now + pause * (0.5 + self._chance() / 2)
        if result is not None and not any(not one.is_leaving for one in self.connections):
            while self.waiting:
                self.waiting.popleft().fail(result)

    def sweep(self, now: float) -> None:
        """Time-outs: of waiting and of answers."""
        while self.waiting and self.waiting[0].give_up_at <= now:
            self.waiting.popleft().fail(queued_too_long())
        for connection in self.connections:
            connection.expire(now)

    def tidy(self, now: float) -> None:
        """Takes back what a server has not seen, and lets go of connections that are over."""
        for connection in list(self.connections):
            if connection.unseen:
                self._take_back(connection.unseen)
            if connection.is_leaving and not connection.streams:
                connection.close("retired")
            if connection.is_closed:
                self.connections.remove(connection)
                if not connection.is_proven:
                    self.note_failure(now, None)

    def _take_back(self, unseen: list[Attempt]) -> None:
        for attempt in reversed(unseen):
            if attempt.batch.done.done():
                continue  # the caller has gone
            if attempt.resends < self.limits.resends:
                attempt.start_over()
                attempt.resends += 1
                self.waiting.appendleft(attempt)
            else:
                attempt.fail(refused_stream())
        unseen.clear()
