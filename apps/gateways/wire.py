"""The wire: many small HTTPS POSTs at once, over few long-lived connections, by libcurl.

One POST is one try. libcurl itself would send a request again, silently, when a connection it had used before dies;
the guard in `_Slot` forbids that, because the vendor may have acted on the first copy. Only a request that the server
has certainly not seen (REFUSED_STREAM or GOAWAY on a connection that is still open) is sent again, at most
`resends` times. Where a GOAWAY and the end of its connection come together, the outcome is called unknown.
Cost (measured, nginx on loopback): see README, "Figures".
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

import certifi
import pycurl

from apps.gateways.contract import START_BY, SendResult
from apps.gateways.faults import (
    broken_refusal,
    judge_fault,
    queued_too_long,
    refused_stream,
    too_late,
    unusable_request,
)
from apps.gateways.pump import Pump, set_patience
from apps.gateways.retry_after import parse_retry_after

_ABORTED_BY_GUARD = 42
_TIMED_OUT = 28
_BODY_TOO_LONG = 63
_IDLE_SECONDS = 6 * 3600
_REMEMBERED_SILENCES = 64


@dataclass(frozen=True, slots=True)
class WireLimits:
    """connections: per host. streams: per connection, if the server allows as many. in_flight: over all connections.

    queue_seconds: how long a post may wait for room; its deadline_seconds begin after that. body_bytes: of an answer.
    resends: how often a request is sent again that the server has certainly not seen.
    trust_refusals: False = never be certain of that.
    """

    connections: int = 10
    streams: int = 100
    in_flight: int = 1000
    queue_seconds: float = 5.0
    connect_seconds: float = 5.0
    deadline_seconds: float = 10.0
    body_bytes: int = 64 * 1024
    resends: int = 2
    trust_refusals: bool = True


class Post(NamedTuple):
    """One request. Posts that share one `headers` list object are cheaper."""

    url: str
    headers: list[str]
    body: bytes


@dataclass(slots=True)
class Answer:
    """What came back: an HTTP answer, or `fault` where none came (then status is 0)."""

    status: int = 0
    body: bytes = b""
    header_lines: Sequence[bytes] = ()
    fault: SendResult | None = None

    def header(self, name: str) -> str:
        """The last header of that name, "" if none."""
        prefix = name.lower().encode() + b":"
        found = [line for line in self.header_lines if line.lower().startswith(prefix)]
        return found[-1].partition(b":")[2].strip().decode("latin-1") if found else ""

    def json_object(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def retry_after_seconds(self) -> float | None:
        return parse_retry_after(self.header("retry-after"))


@dataclass(slots=True, eq=False)
class Batch:
    """The posts of one call: the future is done when no answer is missing. start_by: as contract.START_BY."""

    answers: list[Answer]
    missing: int
    done: asyncio.Future[None]
    start_by: float = inf

    def settle(self, place: int, answer: Answer) -> None:
        self.answers[place] = answer
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)


class _Ticket(NamedTuple):
    """A post waiting for its turn. give_up_at: loop time."""

    batch: Batch
    place: int
    post: Post
    give_up_at: float
    resends: int


_NO_TICKET: Any = None


@dataclass(slots=True, eq=False)
class _Slot:
    """A reusable libcurl handle and what the transfer on it has brought so far. sent_from: local port, 0 = not sent."""

    curl: Any
    pump: Pump
    body: list[bytes] = field(default_factory=list)
    header_lines: list[bytes] = field(default_factory=list)
    ticket: _Ticket = _NO_TICKET
    url: str = ""
    headers: list[str] | None = None
    sent_from: int = 0
    is_unseen: bool = False
    is_late: bool = False

    def may_send(self, _remote_ip: str, _local_ip: str, _remote_port: int, local_port: int) -> int:
        """libcurl asks just before it sends; the second time it wants to repeat the request.

        It does so when the stream was refused or when its connection died, and does not tell which. Where the first
        connection is still open it was not the latter, so the server has not seen the request.
        """
        if self.sent_from:
            self.is_unseen = self.pump.is_alive(self.sent_from)
            return int(pycurl.PREREQFUNC_ABORT)
        if time.monotonic() > self.ticket.batch.start_by:
            self.is_late = True
            return int(pycurl.PREREQFUNC_ABORT)
        self.sent_from = local_port
        self.pump.note_sending(local_port)
        return int(pycurl.PREREQFUNC_OK)

    def load(self, ticket: _Ticket, pump: Pump) -> None:
        post = ticket.post
        self.ticket, self.pump, self.sent_from, self.is_unseen, self.is_late = ticket, pump, 0, False, False
        if post.url != self.url:
            self.curl.setopt(pycurl.URL, post.url)
            self.url = post.url
        if post.headers is not self.headers:
            self.curl.setopt(pycurl.HTTPHEADER, post.headers)
            self.headers = post.headers
        self.curl.setopt(pycurl.POSTFIELDS, post.body)

    def unload(self) -> Answer:
        answer = Answer(self.curl.getinfo(pycurl.RESPONSE_CODE), b"".join(self.body), tuple(self.header_lines))
        self.body.clear()
        self.header_lines.clear()
        return answer


class Wire:
    """The connections of one vendor account. Create it and use it on one event loop; close it there too."""

    def __init__(self, *, ca_file: str = "", limits: WireLimits | None = None) -> None:
        self.limits = limits or WireLimits()
        self._room = min(self.limits.in_flight, self.limits.connections * self.limits.streams)
        self._ca_file = ca_file or certifi.where()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Ticket] = deque()
        self._idle: list[_Slot] = []
        self._busy: dict[Any, _Slot] = {}
        self._slots: list[_Slot] = []
        self._pump = self._new_pump()
        self._silent: dict[int, float] = {}  # connections (local ports) that time out, and since when
        self._heard_at = -inf
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Requests handed to libcurl and not yet answered."""
        return len(self._busy)

    async def post(self, posts: Sequence[Post]) -> list[Answer]:
        """One try each; as many answers as posts, in order. Never raises for a broken connection."""
        if asyncio.get_running_loop() is not self._loop or self._closed:
            raise RuntimeError("this wire is closed, or belongs to another event loop")
        if not posts:
            return []
        batch = Batch([Answer()] * len(posts), len(posts), self._loop.create_future(), START_BY.get(inf))
        give_up_at = self._loop.time() + self.limits.queue_seconds
        self._waiting.extend(_Ticket(batch, place, post, give_up_at, 0) for place, post in enumerate(posts))
        self._feed()
        try:
            await batch.done
        finally:
            if batch.missing:
                self._waiting = deque(ticket for ticket in self._waiting if ticket.batch is not batch)
        return batch.answers

    async def close(self) -> None:
        """Abandon what is in flight (its outcome is unknown) and close every connection."""
        self._closed = True
        for slot in list(self._busy.values()):
            slot.pump.remove(slot.curl)
            fault = judge_fault(_ABORTED_BY_GUARD, "the gateway was closed", sent=bool(slot.sent_from))
            slot.ticket.batch.settle(slot.ticket.place, Answer(fault=fault))
            self._retire_if_drained(slot.pump)
        self._busy.clear()
        while self._waiting:
            ticket = self._waiting.popleft()
            ticket.batch.settle(ticket.place, Answer(fault=queued_too_long()))
        self._pump.close()
        for slot in self._slots:
            slot.curl.close()

    def _feed(self) -> None:
        """Hand waiting posts to libcurl while it has room; drop those whose deadline passed in the queue."""
        room = self._room - len(self._busy)
        while self._waiting and (room > 0 or self._waiting[0].give_up_at <= self._loop.time()):
            ticket = self._waiting.popleft()
            if ticket.give_up_at <= self._loop.time():
                ticket.batch.settle(ticket.place, Answer(fault=queued_too_long()))
                continue
            slot = self._idle.pop() if self._idle else self._new_slot()
            try:
                slot.load(ticket, self._pump)
            except (pycurl.error, ValueError, TypeError) as error:
                self._idle.append(slot)
                ticket.batch.settle(ticket.place, Answer(fault=unusable_request(str(error))))
                continue
            self._busy[slot.curl] = slot
            self._pump.add(slot.curl)
            room -= 1

    def _finished(self, curl: Any, code: int, message: str) -> None:
        slot = self._busy.pop(curl)
        ticket, answer = slot.ticket, slot.unload()
        is_unseen = slot.is_unseen and self.limits.trust_refusals
        self._idle.append(slot)
        if is_unseen and ticket.resends < self.limits.resends:
            self._waiting.appendleft(ticket._replace(resends=ticket.resends + 1))
        else:
            fault = too_late() if slot.is_late else _fault_of(slot, answer, code, message)
            if code == _TIMED_OUT and not slot.sent_from and self._is_heard():
                fault = queued_too_long()
            fault = refused_stream() if is_unseen else fault
            ticket.batch.settle(ticket.place, Answer(fault=fault) if fault else answer)
        self._note_silence(slot, code, has_answer=bool(answer.status))
        self._feed()

    def _is_heard(self) -> bool:
        """The vendor answers: what libcurl could not send in time found no free stream."""
        return self._loop.time() - self._heard_at < self.limits.deadline_seconds

    def _note_silence(self, slot: _Slot, code: int, *, has_answer: bool) -> None:
        """When one connection has answered nothing for two deadlines, all are replaced; the old ones drain."""
        now = self._loop.time()
        if has_answer:
            self._heard_at = now
            if self._silent:
                self._silent.pop(slot.sent_from, None)
        elif code == _TIMED_OUT and slot.sent_from and slot.pump is self._pump:
            if len(self._silent) >= _REMEMBERED_SILENCES:
                self._silent.clear()
            if now - self._silent.setdefault(slot.sent_from, now) >= self.limits.deadline_seconds:
                self._silent.clear()
                self._pump = self._new_pump()
        if slot.pump is not self._pump:
            self._loop.call_soon(self._retire_if_drained, slot.pump)

    def _retire_if_drained(self, pump: Pump) -> None:
        if pump is not self._pump and not pump.in_flight:
            pump.close()

    def _new_pump(self) -> Pump:
        limits = self.limits
        return Pump(self._loop, self._finished, connections=limits.connections, streams=limits.streams)

    def _prepare_socket(self, descriptor: int, _purpose: int) -> int:
        set_patience(descriptor, self.limits.deadline_seconds)
        return int(pycurl.SOCKOPT_OK)

    def _new_slot(self) -> _Slot:
        limits, curl = self.limits, pycurl.Curl()
        slot = _Slot(curl, self._pump)
        self._slots.append(slot)
        for option, value in (
            (pycurl.POST, 1),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | pycurl.PROTO_HTTP),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.CAINFO, self._ca_file),
            (pycurl.PIPEWAIT, 1),
            (pycurl.MAXAGE_CONN, _IDLE_SECONDS),
            (pycurl.TCP_KEEPALIVE, 1),
            (pycurl.CONNECTTIMEOUT_MS, int(limits.connect_seconds * 1000)),
            (pycurl.TIMEOUT_MS, int(limits.deadline_seconds * 1000)),
            (pycurl.MAXFILESIZE_LARGE, limits.body_bytes),
            (pycurl.USERAGENT, "Heliograph"),
            (pycurl.WRITEFUNCTION, slot.body.append),
            (pycurl.HEADERFUNCTION, slot.header_lines.append),
            (pycurl.PREREQFUNCTION, slot.may_send),
            (pycurl.SOCKOPTFUNCTION, self._prepare_socket),
        ):
            curl.setopt(option, value)
        return slot


def _fault_of(slot: _Slot, answer: Answer, code: int, message: str) -> SendResult | None:
    """None where the vendor answered: a body that breaks off, or is too long, makes no difference to 2xx."""
    if answer.status >= 200 and (code in (0, _BODY_TOO_LONG) or answer.status < 300):
        return None
    if answer.status >= 300:
        return broken_refusal(answer.status)
    return judge_fault(code, message, sent=bool(slot.sent_from))
