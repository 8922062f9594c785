"""The courier: one thread of a worker that cuts, claims and records, and a short-lived thread for each request.

Only the first touches the database, and it never waits for an endpoint: so one that does not answer holds up nobody but
itself, by at most `flight` requests, and by one once it fails.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from queue import Empty, SimpleQueue
from random import Random
from threading import Event, Thread
from time import monotonic

from django.db import close_old_connections

from apps.api.webhooks.models import WebhookMessage
from apps.api.webhooks.services.bodies import EventKey, body_of, events_of, receipt_of
from apps.api.webhooks.services.cutting import Bodies, cut_due
from apps.api.webhooks.services.leases import KEYS, Lease, claim_due, lease_of, renew_leases
from apps.api.webhooks.services.recording import Tried, record_tries
from apps.api.webhooks.services.sending import Try, not_called, try_once
from apps.api.webhooks.services.signing import signed_headers
from apps.core.database import AWAY
from apps.core.guarded_http import Line, RefusedUrl
from apps.core.outage import outage

MOST_IN_FLIGHT = 128
# Requests under way renew their leases so often, but for those that hang so long (in a name server: all else ends).
RENEWAL_SECONDS = 5.0
_HANGS_SECONDS = 120.0
# A name is resolved and checked anew at least so often.
LINE_SECONDS = 30.0
# Bodies kept between making a message and sending it; 10 MB at most. Others are made again.
MOST_BODIES = 500
_WAIT_SECONDS = 0.2
# Answers that come within so long are written down together; the feed is read at most so often.
_GATHER_SECONDS = 0.005
_CUT_SECONDS = 0.1
_AWAY_SECONDS = 1.0
# How long answers are awaited by a courier that is to stop. What answers later is asked again, after its lease.
STOP_SECONDS = 3.0

_log = logging.getLogger(__name__)


class Courier:
    """Delivers what is due. One a process; any number of processes share the work."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        chance: Random,
        allows_loopback: bool,
        renewal_seconds: float = RENEWAL_SECONDS,
    ) -> None:
        self._clock, self._chance, self._allows_loopback = clock, chance, allows_loopback
        self._renewal_seconds, self._renewed_at = renewal_seconds, monotonic()
        self._came: SimpleQueue[Tried] = SimpleQueue()
        self._unwritten: list[Tried] = []
        self._bodies: Bodies = {}
        self._lines: dict[int, list[tuple[str, Line]]] = {}
        self._under_way: dict[Lease, float] = {}
        self._cut_at = 0.0
        self._woken = Event()

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Work whenever woken, until told to stop; then write down what endpoints that are quick still answer."""
        while not is_stopping():
            self._woken.wait(1.0)
            self._woken.clear()
            try:
                self.deliver(is_stopping)
                self._close_old_lines()
            except AWAY as error:
                if not outage.tells(error):
                    _log.warning("webhooks wait for the database: %s", str(error).strip())
                close_old_connections()
                self._woken.wait(_AWAY_SECONDS)
            except Exception:
                _log.exception("webhooks failed")
                self._woken.wait(_AWAY_SECONDS)
        self._finish()

    def _finish(self) -> None:
        """Else each restart would hold up, for a whole lease, endpoints that may have one request under way."""
        end = monotonic() + STOP_SECONDS
        try:
            while self._under_way and monotonic() < end:
                self._wait()
            self._record()
        except AWAY as error:
            _log.warning("answers to webhooks are not written down: %s", str(error).strip())

    def deliver(self, is_stopping: Callable[[], bool] = lambda: False, *, seconds: float | None = None) -> int:
        """Work until nothing is due and nothing under way, or for so long. Returns the tries that were written down."""
        end, written = monotonic() + (seconds or 1e9), 0
        while not is_stopping() and monotonic() < end:
            written += self._record()
            self._renew()
            has_more = self._start()
            if self._under_way or self._unwritten:
                self._wait()
            elif not has_more:
                break
            else:
                self._cut_at = 0.0  # nothing is under way: read on at once
        return written

    def _record(self) -> int:
        """Answers that came while the database was away are kept and written later."""
        while not self._came.empty():
            self._take(self._came.get())
        count = len(self._unwritten)
        if count:
            record_tries(tries=self._unwritten, now=self._clock(), chance=self._chance)
            self._unwritten = []
        return count

    def _take(self, tried: Tried) -> None:
        self._unwritten.append(tried)
        self._under_way.pop(lease_of(tried.message), None)

    def _renew(self) -> None:
        """Keep the messages of slow requests, so that nobody else makes them as well."""
        moment = monotonic()
        if not self._under_way or moment - self._renewed_at < self._renewal_seconds:
            return
        self._renewed_at = moment
        working = [lease for lease, begun in self._under_way.items() if moment - begun < _HANGS_SECONDS]
        renew_leases(working, now=self._clock())

    def _start(self) -> bool:
        """Claim what is due and start its requests; whether there may be more to do."""
        if len(self._under_way) >= MOST_IN_FLIGHT:
            return False
        now, is_more = self._clock(), self._cut()
        claimed = claim_due(now=now, most=MOST_IN_FLIGHT - len(self._under_way))
        for message in claimed:
            body = self._bodies.pop(message.pk, None) or rebuilt(message)
            self._under_way[lease_of(message)] = monotonic()
            Thread(target=self._carry, args=(message, body, now), name="webhook", daemon=True).start()
        return bool(claimed) or is_more

    def _cut(self) -> bool:
        """Read the feed, not too often; whether there may be more in it."""
        if monotonic() - self._cut_at < _CUT_SECONDS:
            return True
        if len(self._bodies) > MOST_BODIES:  # another process has taken their messages
            self._bodies.clear()
        bodies = cut_due(now=self._clock())
        self._bodies |= bodies
        self._cut_at = monotonic()
        return bool(bodies)

    def _wait(self) -> None:
        """For the next answer, and those that come with it."""
        try:
            self._take(self._came.get(timeout=_WAIT_SECONDS))
        except Empty:
            return
        end = monotonic() + _GATHER_SECONDS
        while self._under_way and (left := end - monotonic()) > 0:
            try:
                self._take(self._came.get(timeout=left))
            except Empty:
                break

    def _carry(self, message: WebhookMessage, body: bytes, now: datetime) -> None:
        """In a thread of its own: no database here."""
        begun = monotonic()
        try:
            outcome = self._tried(message, body, now)
        except Exception as error:  # whatever it is, the message has to come back
            _log.exception("a webhook could not be sent")
            outcome = Try("not_called", detail=type(error).__name__)
        if not outcome.seconds:
            outcome = replace(outcome, seconds=monotonic() - begun)
        self._came.put(Tried(message, now, outcome, message.event_count))

    def _tried(self, message: WebhookMessage, body: bytes, now: datetime) -> Try:
        endpoint = message.endpoint
        headers = signed_headers(message_id=message.message_id, body=body, kept=endpoint.secrets, now=now)
        try:
            line = self._line(endpoint.pk, endpoint.url)
        except RefusedUrl as refusal:
            return not_called(refusal)
        outcome = try_once(line, headers=headers, body=body, now=now)
        if outcome.is_ok:
            self._lines.setdefault(endpoint.pk, []).append((endpoint.url, line))
        else:
            line.close()
        return outcome

    def _line(self, endpoint_id: int, url: str) -> Line:
        kept = self._lines.get(endpoint_id, [])
        while kept:
            known, line = kept.pop()
            if known == url and monotonic() - line.made_at < LINE_SECONDS:
                return line
            line.close()
        return Line(url, allows_loopback=self._allows_loopback)

    def _close_old_lines(self) -> None:
        for kept in self._lines.values():
            for known, line in [kept.pop() for _ in range(len(kept))]:
                if monotonic() - line.made_at < LINE_SECONDS:
                    kept.append((known, line))
                else:
                    line.close()


def rebuilt(message: WebhookMessage) -> bytes:
    """The message's body from its keys."""
    message.refresh_from_db(fields=KEYS)
    receipt = receipt_of(message.type)
    columns = (message.days, message.dispatch_ids, message.customer_ids, message.device_ids)
    keys = [EventKey(*key, receipt) for key in zip(*columns, strict=True)]
    events = enumerate(events_of(keys), start=message.first_sequence)
    return body_of(message.type, [(number, event) for number, event in events if event], at=message.created_at)
