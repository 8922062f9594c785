"""HTTP/2, server side, on the `h2` library: requests of one connection are answered as they are ready.

Source: RFC 9113. Faults (GOAWAY with work still open, a cut in mid-answer) are written past h2's own state machine.
Cost: about 140 us of CPU a request without TLS (measured with h2load, 600-byte bodies, Python 3.13).
"""

import asyncio
from collections import deque
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from apps.sandbox.wire.exchange import Answer, Effect, HeaderList, Peer, Request, Respond

MAX_BODY = 1024 * 1024
_CONNECTION_WINDOW = 16 * 1024 * 1024

# Requests are judged by the emulators, answers are ours: h2's own header checks would only cost time, and would
# hide from us what a foreign client really sends (Node firebase-admin's odd `:scheme`, repeated headers).
_CONFIG = H2Configuration(
    client_side=False,
    header_encoding="utf-8",
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class _OwnSettings(Settings):
    """A stream limit that h2 announces but leaves to us: it would close the connection, we refuse the stream."""

    @property
    def max_concurrent_streams(self) -> int:
        return 2**31 - 1

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[SettingCodes.MAX_CONCURRENT_STREAMS] = value


class _Incoming:
    """A request that is still arriving."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: HeaderList) -> None:
        self.headers = headers
        self.body = b""


class Http2Connection(asyncio.Protocol):
    """One HTTP/2 connection. first_stream_limit: streams announced at the start (Apple begins with one)."""

    def __init__(self, respond: Respond, scheme: str, first_stream_limit: int = 250) -> None:
        self._respond = respond
        self._peer = Peer(scheme, is_http2=True, stream_limit=self._announce_stream_limit)
        self._announced_limits = deque([first_stream_limit])
        self._enforced_limit: int | None = None  # none until the client has acknowledged ours
        self._h2 = H2Connection(_CONFIG)
        self._incoming: dict[int, _Incoming] = {}
        self._unsent: dict[int, memoryview] = {}
        self._open_streams: set[int] = set()
        self._unacknowledged = 0
        self._is_going_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send our SETTINGS and open a wide connection window."""
        self._transport = cast(asyncio.Transport, transport)
        self._h2.local_settings = _OwnSettings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: self._announced_limits[-1],
                SettingCodes.INITIAL_WINDOW_SIZE: MAX_BODY,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is answered any more."""
        self._is_going_away = True
        self._open_streams.clear()

    def data_received(self, data: bytes) -> None:
        """Read frames, answer complete requests, write everything at once."""
        try:
            events = self._h2.receive_data(data)
        except (ProtocolError, UnicodeDecodeError):
            self._flush()
            self._transport.close()
            return
        for event in events:
            self._take(event)
        self._flush()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._begin(event)
            case DataReceived():
                self._take_body(event)
            case StreamEnded():
                self._answer(event.stream_id)
            case WindowUpdated():
                for stream_id in list(self._unsent) if event.stream_id == 0 else [event.stream_id]:
                    self._send_unsent(stream_id)
            case StreamReset():
                self._forget(event.stream_id)
            case ConnectionTerminated():
                self._transport.close()
            case SettingsAcknowledged():
                self._enforced_limit = self._announced_limits.popleft()

    def _begin(self, event: RequestReceived) -> None:
        """Open a stream, unless the client has more open than the limit it acknowledged."""
        open_count = len(self._incoming) + len(self._open_streams)
        if self._enforced_limit is not None and open_count >= self._enforced_limit:
            self._h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        self._incoming[event.stream_id] = _Incoming([(str(name), str(value)) for name, value in event.headers])

    def _take_body(self, event: DataReceived) -> None:
        """Keep the bytes, and give back connection window in large steps (the stream's own is never used up)."""
        self._unacknowledged += event.flow_controlled_length
        if self._unacknowledged > _CONNECTION_WINDOW // 2:
            self._h2.increment_flow_control_window(self._unacknowledged)
            self._unacknowledged = 0
        incoming = self._incoming.get(event.stream_id)
        if incoming is None:
            return
        incoming.body += event.data
        if len(incoming.body) > MAX_BODY - 1:
            self._forget(event.stream_id)
            self._h2.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)

    def _answer(self, stream_id: int) -> None:
        incoming = self._incoming.pop(stream_id, None)
        if incoming is None or self._is_going_away:
            return
        self._open_streams.add(stream_id)
        answer = self._respond(_request(incoming, self._peer))
        if answer.delay_seconds > 0:
            asyncio.get_running_loop().call_later(answer.delay_seconds, self._finish_later, stream_id, answer)
        else:
            self._finish(stream_id, answer)

    def _finish_later(self, stream_id: int, answer: Answer) -> None:
        if stream_id in self._open_streams:
            self._finish(stream_id, answer)
            self._flush()

    def _finish(self, stream_id: int, answer: Answer) -> None:
        """Do what the answer asks for."""
        match answer.effect:
            case Effect.SILENCE:
                return
            case Effect.RESET:
                self._h2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
                self._forget(stream_id)
            case Effect.CUT:
                self._cut()
            case Effect.CUT_AFTER_HEADERS:
                self._send_headers(stream_id, answer, is_last=False)
                self._flush()
                self._cut()
            case Effect.GOAWAY:
                self._go_away(stream_id, answer.body)
            case _:
                self._send(stream_id, answer)

    def _send(self, stream_id: int, answer: Answer) -> None:
        body = b"".join(answer.stream) if answer.stream is not None else answer.body
        self._send_headers(stream_id, answer, is_last=not body)
        if not body:
            self._forget(stream_id)
        elif answer.effect is Effect.SPLIT_BODY:
            self._h2.send_data(stream_id, body[: len(body) // 2])
            self._h2.send_data(stream_id, body[len(body) // 2 :], end_stream=True)
            self._forget(stream_id)
        else:
            self._unsent[stream_id] = memoryview(body)
            self._send_unsent(stream_id)

    def _send_headers(self, stream_id: int, answer: Answer, is_last: bool) -> None:
        self._h2.send_headers(stream_id, [(":status", str(answer.status)), *answer.headers], end_stream=is_last)

    def _send_unsent(self, stream_id: int) -> None:
        """Send as much of a body as the client's window lets through."""
        rest = self._unsent.get(stream_id)
        if rest is None:  # a window widened before there is an answer
            return
        while rest is not None:
            room = min(self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._unsent[stream_id] = rest
                return
            is_last = len(rest) <= room
            self._h2.send_data(stream_id, bytes(rest[:room]), end_stream=is_last)
            rest = None if is_last else rest[room:]
        self._forget(stream_id)

    def _announce_stream_limit(self, limit: int) -> None:
        """Change SETTINGS_MAX_CONCURRENT_STREAMS in mid-connection."""
        last = self._announced_limits[-1] if self._announced_limits else self._enforced_limit
        if limit != last:
            self._announced_limits.append(limit)
            self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: limit})

    def _go_away(self, stream_id: int, debug: bytes) -> None:
        """Say that this stream was not processed; earlier ones are still answered, then the connection closes."""
        self._forget(stream_id)
        self._flush()
        frame = GoAwayFrame(0, last_stream_id=max(stream_id - 2, 0), error_code=0, additional_data=debug)
        self._transport.write(frame.serialize())
        self._is_going_away = True
        self._open_streams = {other for other in self._open_streams if other < stream_id}
        self._close_when_done()

    def _forget(self, stream_id: int) -> None:
        self._incoming.pop(stream_id, None)
        self._unsent.pop(stream_id, None)
        self._open_streams.discard(stream_id)
        if self._is_going_away:
            self._flush()
            self._close_when_done()

    def _close_when_done(self) -> None:
        if not self._open_streams:
            self._transport.close()

    def _cut(self) -> None:
        self._is_going_away = True
        self._open_streams.clear()
        self._transport.abort()

    def _flush(self) -> None:
        pending = self._h2.data_to_send()
        if pending and not self._transport.is_closing():
            self._transport.write(pending)


def _request(incoming: _Incoming, peer: Peer) -> Request:
    """Fold pseudo-headers and headers into a request; `host` stands in for a missing `:authority`."""
    headers = dict(incoming.headers)
    authority = headers.get(":authority") or headers.get("host", "")
    method, target = headers.get(":method", ""), headers.get(":path", "")
    plain = [header for header in incoming.headers if not header[0].startswith(":")]
    return Request(method, target, authority, plain, headers, incoming.body, peer)
