"""The lean wire: the same promises as `apps.gateways.wire.Wire`, for HTTP/2 over TLS, without libcurl.

What is not HTTPS, and a server that speaks no HTTP/2, goes by libcurl, so that every address works.
One POST is one try: a request of which a byte may have left, and that got no answer, has an unknown outcome; only what
the server says it has not seen is sent again, at most `resends` times.
Cost (measured): see README, "Figures".
"""

import asyncio
import re
from collections.abc import Coroutine, Sequence
from math import inf
from typing import Any

import certifi

from apps.gateways.contract import START_BY
from apps.gateways.faults import judge_fault, queued_too_long
from apps.gateways.lean.attempt import Attempt
from apps.gateways.lean.connection import LAST_STREAM, Connection
from apps.gateways.lean.dial import NoConnection, NotHttp2, dial, make_context
from apps.gateways.lean.origin import Origin
from apps.gateways.lean.poller import Poller
from apps.gateways.wire import Answer, Batch, Post, Wire, WireLimits

_HTTPS = len("https://")
_ORIGIN = re.compile(r"https://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PATH = re.compile(r"[!-~]*")
_FOREIGN_SECONDS = 600.0
_SWEEPS = 10  # a deadline
_LONGEST_SWEEP_SECONDS = 0.1
_ENDED, _TIMED_OUT = 16, 28


class LeanWire:
    """The connections of one vendor account. Create it and use it on one event loop; close it there too.

    last_stream: the highest stream number of a connection, after which it is replaced.
    """

    def __init__(self, *, ca_file: str = "", limits: WireLimits | None = None, last_stream: int = LAST_STREAM) -> None:
        self.limits = limits or WireLimits()
        self._room = min(self.limits.in_flight, self.limits.connections * self.limits.streams)
        self._ca_file, self._last_stream = ca_file or certifi.where(), last_stream
        self._loop = asyncio.get_running_loop()
        self._context = make_context(self._ca_file)
        self._origins: dict[str, Origin] = {}
        self._busy: dict[Origin, None] = {}
        self._foreign_until: dict[str, float] = {}
        self._libcurl: Wire | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._poller = Poller(self._loop, after=self._turn, in_flight=lambda: self.in_flight)
        self._sweep: asyncio.TimerHandle | None = None
        patience = min(self.limits.deadline_seconds, self.limits.queue_seconds)
        self._sweep_seconds = min(_LONGEST_SWEEP_SECONDS, patience / _SWEEPS)
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Requests sent and not yet answered."""
        return sum(len(connection.streams) for origin in self._busy for connection in origin.connections)

    async def post(self, posts: Sequence[Post]) -> list[Answer]:
        """One try each; as many answers as posts, in order. Never raises for a broken connection."""
        if asyncio.get_running_loop() is not self._loop or self._closed:
            raise RuntimeError("this wire is closed, or belongs to another event loop")
        if not posts:
            return []
        batch = Batch([Answer()] * len(posts), len(posts), self._loop.create_future(), START_BY.get(inf))
        self._enqueue(batch, posts)
        self._turn()
        try:
            await batch.done
        finally:
            if batch.missing:
                self._forget(batch)
        return batch.answers

    async def close(self) -> None:
        """Abandon what is in flight (its outcome is unknown) and close every connection."""
        self._closed = True
        dials = [task for origin in self._origins.values() for task in origin.dials]
        for task in dials:
            task.cancel()
        for origin in self._origins.values():
            for connection in origin.connections:
                connection.close("the gateway was closed")
                origin.waiting.extend(connection.unseen)
            for attempt in origin.waiting:
                attempt.fail(queued_too_long())
        if self._sweep is not None:
            self._sweep.cancel()
        if self._libcurl is not None:
            await self._libcurl.close()
        await asyncio.gather(*dials, *self._errands, return_exceptions=True)
        self._poller.close()

    def _enqueue(self, batch: Batch, posts: Sequence[Post]) -> None:
        now = self._loop.time()
        give_up_at = now + self.limits.queue_seconds
        foreign: list[Attempt] = []
        last_url, origin = "", None
        for place, post in enumerate(posts):
            if post.url is not last_url:
                last_url, origin = post.url, self._origin_of(post.url, now)
            attempt = Attempt(batch, place, post, give_up_at)
            if origin is None:
                foreign.append(attempt)
            else:
                origin.waiting.append(attempt)
        if foreign:
            self._run(self._send_by_libcurl(foreign))

    def _origin_of(self, url: str, now: float) -> Origin | None:
        """None: libcurl has to take it, or to say what is wrong with it."""
        slash = url.find("/", _HTTPS)
        name = url if slash < 0 else url[:slash]
        if not _PATH.fullmatch(url, len(name)):
            return None
        origin = self._origins.get(name)
        if origin is None:
            if not _ORIGIN.fullmatch(name):
                return None
            origin = self._origins[name] = Origin(name, self.limits)
        if self._foreign_until and self._foreign_until.get(name, 0.0) > now:
            return None
        self._busy[origin] = None
        return origin

    def _forget(self, batch: Batch) -> None:
        """The caller has gone: what still waits is not sent."""
        for origin in self._busy:
            kept = [attempt for attempt in origin.waiting if attempt.batch is not batch]
            origin.waiting.clear()
            origin.waiting.extend(kept)

    def _turn(self) -> None:
        """Send what waits, open connections where they are due, let go of those that are over."""
        now = self._loop.time()
        for origin in self._busy:
            origin.tidy(now)
        room = self._room - self.in_flight
        for origin in list(self._busy):
            if origin.waiting:
                room -= origin.feed(room, now)
                origin.tidy(now)
                for _ in range(origin.dials_due(now)):
                    self._dial(origin)
            elif not origin.dials and not any(connection.streams for connection in origin.connections):
                del self._busy[origin]
            for connection in origin.connections:
                if connection.tls.is_congested:
                    self._poller.note_congestion(connection)
        if self._busy and self._sweep is None and not self._closed:
            self._sweep = self._loop.call_later(self._sweep_seconds, self._on_sweep)

    def _on_sweep(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for origin in self._busy:
            origin.sweep(now)
        self._turn()

    def _dial(self, origin: Origin) -> None:
        task = self._loop.create_task(self._connect(origin))
        origin.dials.add(task)
        task.add_done_callback(lambda done: self._dialled(origin, done))

    def _dialled(self, origin: Origin, task: asyncio.Task[None]) -> None:
        origin.dials.discard(task)
        if not self._closed:
            self._turn()

    async def _connect(self, origin: Origin) -> None:
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                connection = await self._open(origin)
        except TimeoutError:
            fault = judge_fault(_TIMED_OUT, "no connection in time", sent=False)
            origin.note_failure(self._loop.time(), fault)
        except NoConnection as none:
            origin.note_failure(self._loop.time(), none.result)
        except NotHttp2:
            self._foreign_until[origin.name] = self._loop.time() + _FOREIGN_SECONDS
            waiting = list(origin.waiting)
            origin.waiting.clear()
            self._run(self._send_by_libcurl(waiting))
        else:
            origin.note_success()
            origin.connections.append(connection)

    async def _open(self, origin: Origin) -> Connection:
        """A connection whose server has said its SETTINGS."""
        tls = await dial(origin.name, self._context, patience_seconds=self.limits.deadline_seconds)
        now = self._loop.time()
        connection = Connection(
            tls, origin.name, self.limits, now=now, on_end=self._poller.remove, last_stream=self._last_stream
        )
        try:
            self._poller.add(connection)
            connection.greet()
            connection.read(now)  # SETTINGS may have come with the end of the handshake
            if not await connection.ready:
                raise NoConnection(_ENDED, connection.end)
        except BaseException:
            connection.close("given up")
            raise
        return connection

    async def _send_by_libcurl(self, attempts: list[Attempt]) -> None:
        if self._libcurl is None:
            self._libcurl = Wire(ca_file=self._ca_file, limits=self.limits)
        START_BY.set(min(attempt.batch.start_by for attempt in attempts))
        answers = await self._libcurl.post([attempt.post for attempt in attempts])
        for attempt, answer in zip(attempts, answers, strict=True):
            attempt.batch.settle(attempt.place, answer)

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
