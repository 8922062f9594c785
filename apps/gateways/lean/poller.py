"""The sockets of one wire on an asyncio loop, as one file descriptor.

While much is in flight it looks only every PAUSE_SECONDS: a wake-up, a system call and a decryption then serve many
answers. With little in flight every answer is read as it comes.
"""

import asyncio
import selectors
from collections.abc import Callable

from apps.gateways.lean.connection import Connection

BUSY_COUNT = 32
PAUSE_SECONDS = 0.003

_READ, _BOTH = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE


class Poller:
    """Call only from the loop's thread. after: called when connections have been read."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, after: Callable[[], None], in_flight: Callable[[], int]
    ) -> None:
        self._loop, self._after, self._in_flight = loop, after, in_flight
        self._selector = selectors.DefaultSelector()
        self._pause: asyncio.TimerHandle | None = None
        self._congested: set[Connection] = set()
        self._watching = False
        self._watch()

    def add(self, connection: Connection) -> None:
        self._selector.register(connection.tls.socket, _READ, connection)

    def remove(self, connection: Connection) -> None:
        self._congested.discard(connection)
        self._selector.unregister(connection.tls.socket)

    def note_congestion(self, connection: Connection) -> None:
        """Wait until the kernel takes what the connection has to send."""
        if connection not in self._congested:
            self._congested.add(connection)
            self._selector.modify(connection.tls.socket, _BOTH, connection)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._unwatch()
        self._selector.close()

    def _look(self) -> None:
        self._pause = None
        now = self._loop.time()
        try:
            found = self._selector.select(0)
            for key, events in found:
                connection: Connection = key.data
                if events & selectors.EVENT_WRITE:
                    self._flush(connection)
                if events & _READ and not connection.is_closed:
                    connection.read(now)
            if found:
                self._after()
        finally:
            self._look_again()

    def _flush(self, connection: Connection) -> None:
        connection.flush()
        if not connection.is_closed and not connection.tls.is_congested:
            self._congested.discard(connection)
            self._selector.modify(connection.tls.socket, _READ, connection)

    def _look_again(self) -> None:
        if self._in_flight() >= BUSY_COUNT:
            self._unwatch()
            self._pause = self._loop.call_later(PAUSE_SECONDS, self._look)
        else:
            self._watch()

    def _watch(self) -> None:
        if not self._watching:
            self._loop.add_reader(self._selector, self._look)
            self._watching = True

    def _unwatch(self) -> None:
        if self._watching:
            self._loop.remove_reader(self._selector)
            self._watching = False
